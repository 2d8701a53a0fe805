"""Publishers' accounts at nats-server: a configuration file each, and a seed that only its owner can read."""

from ferry.client.publishers.changes import Made, add, remove, rotate
from ferry.client.publishers.folder import Folder, Listed

__all__ = ["Folder", "Listed", "Made", "add", "remove", "rotate"]
