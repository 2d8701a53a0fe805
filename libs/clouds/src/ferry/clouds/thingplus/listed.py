"""Parses Thing+'s lists, each entity by itself."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from ferry.contract.registry import Device, Gateway, Sensor

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """A list of the cloud's. `unreadable` gives the reason for each entity that cannot be read."""

    items: list[Item]
    unreadable: list[str]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A gateway, and what the cloud's answer shows of the devices and sensors that came with it."""

    gateway: Gateway
    devices: list[Device]
    sensors: list[Sensor]
