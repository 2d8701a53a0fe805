"""Requests over the bus, both sides: an answer is an entity, a failure is the contract's problem."""

from ferry.runtime.requests.asking import ask

__all__ = ["ask"]
