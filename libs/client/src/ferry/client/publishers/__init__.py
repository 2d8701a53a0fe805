"""Publishers' accounts at nats-server: a file of configuration each, and a seed that only its owner reads."""

from ferry.client.publishers.changes import Made, add, remove, rotate
from ferry.client.publishers.folder import Folder, Listed

__all__ = ["Folder", "Listed", "Made", "add", "remove", "rotate"]
