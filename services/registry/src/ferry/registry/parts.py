"""The registry without a transport: its ports, and how its rules fit together."""

from dataclasses import dataclass
from typing import Protocol

from ferry.clouds.thingplus.client import ThingPlus
from ferry.contract.registry import Device, Gateway, Noun, Sensor
from ferry.registry.changes.retire import Retire
from ferry.registry.changes.update import Update
from ferry.registry.imports import filled, missing
from ferry.registry.imports.filled import Filled
from ferry.registry.imports.importing import Importing, Progress
from ferry.registry.imports.missing import Missing
from ferry.registry.registration.by_name import Registration
from ferry.registry.registration.gateway import GatewayRegistration
from ferry.registry.registration.registrar import Calls, Events, Registrar, Store
from ferry.registry.rules import ids
from ferry.registry.rules.account import Account
from ferry.registry.rules.ids import Ids
from ferry.registry.rules.wanted import Wanted


class Lists(ids.Lists, missing.Lists, filled.Lists, Protocol):
    """The registered fleet, as new as the bucket is."""


@dataclass(frozen=True, slots=True)
class Ports:
    gateways: Store[Gateway]
    devices: Store[Device]
    sensors: Store[Sensor]
    lists: Lists
    reservations: ids.Reservations
    progress: Progress
    marker: filled.Marker


@dataclass(frozen=True, slots=True)
class Parts:
    account: Account
    ids: Ids
    gateway: Registrar[Gateway]
    device: Registrar[Device]
    sensor: Registrar[Sensor]
    registration: Registration
    update: Update
    retire: Retire
    importing: Importing
    filled: Filled


def put_together(cloud: ThingPlus, ports: Ports, events: Events) -> Parts:
    gateway_calls, device_calls, sensor_calls = _calls(cloud)
    gateway = Registrar("gateway", ports.gateways, events, gateway_calls)
    device = Registrar("device", ports.devices, events, device_calls)
    sensor = Registrar("sensor", ports.sensors, events, sensor_calls)
    registrars = (gateway, device, sensor)
    account = Account(cloud)
    marked = Filled(cloud, ports.marker, ports.lists)
    states: dict[Noun, ids.States] = {"gateway": gateway, "device": device, "sensor": sensor}
    made = Ids(ports.lists, ports.reservations, marked, states)
    wanted = Wanted(account, gateway, device, ports.lists)
    gateways = GatewayRegistration(cloud, wanted, registrars)
    return Parts(
        account=account,
        ids=made,
        gateway=gateway,
        device=device,
        sensor=sensor,
        registration=Registration(made, wanted, gateways, device, sensor),
        update=Update(wanted, registrars),
        retire=Retire(ports.lists, registrars),
        importing=Importing(cloud, Missing(ports.lists, registrars), ports.progress, marked, registrars),
        filled=marked,
    )


def _calls(cloud: ThingPlus) -> tuple[Calls[Gateway], Calls[Device], Calls[Sensor]]:
    async def register_gateway(wanted: Gateway) -> Gateway:
        return (await cloud.register_gateway(wanted)).gateway

    return (
        Calls(
            register_gateway,
            lambda one: cloud.gateway(one.id),
            cloud.update_gateway,
            lambda one: cloud.delete_gateway(one.id),
        ),
        Calls(
            cloud.register_device,
            lambda one: cloud.device(one.owner, one.id),
            cloud.update_device,
            lambda one: cloud.delete_device(one.owner, one.id),
        ),
        Calls(
            cloud.register_sensor,
            lambda one: cloud.sensor(one.owner, one.id),
            cloud.update_sensor,
            lambda one: cloud.delete_sensor(one.owner, one.id),
        ),
    )
