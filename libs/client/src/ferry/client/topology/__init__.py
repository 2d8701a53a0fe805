"""The owner of streams, buckets and consumers: compares the server with the contract and migrates it."""

from ferry.client.topology.laying import apply, differences
from ferry.client.topology.migration import Change, Infos, RefusedError
from ferry.client.topology.settings import TopologySettings

__all__ = ["Change", "Infos", "RefusedError", "TopologySettings", "apply", "differences"]
