"""Requests over the bus, both sides: an answer is an entity, a failure is a problem of the contract."""

from ferry.runtime.requests.asking import ask

__all__ = ["ask"]
