"""The one owner of streams, buckets and consumers: what the server has, what it should have, and the way there."""

from ferry.client.topology.laying import apply, differences
from ferry.client.topology.migration import Change, Infos, RefusedError
from ferry.client.topology.settings import TopologySettings

__all__ = ["Change", "Infos", "RefusedError", "TopologySettings", "apply", "differences"]
