"""Completes a request: fills in what it omits, and checks that what it refers to exists."""

from typing import Protocol

from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    Gateway,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    device_key,
    gateway_key,
    model_check,
)
from ferry.registry.problems import deleted_at_portal, unknown
from ferry.registry.rules.account import Account

DEFAULT_MODEL = "52"
"""The Open API Gateway (guide, chapter 5.2)."""


class Gateways(Protocol):
    async def registered(self, key: str) -> Gateway | None: ...


class Devices(Protocol):
    async def registered(self, key: str) -> Device | None: ...


class Lists(Protocol):
    async def devices(self, owner: str) -> list[Device]: ...


class Wanted:
    """Requests come with an id. Every method raises ProblemError."""

    def __init__(self, account: Account, gateways: Gateways, devices: Devices, lists: Lists) -> None:
        self.account = account
        self._gateways = gateways
        self._devices = devices
        self._lists = lists

    async def gateway(self, asked: RegisterGateway) -> Gateway:
        model = await self.account.model(asked.model or DEFAULT_MODEL)
        gateway = str(asked.req_id)
        model_check.check_id(model, gateway)
        known = await self._gateways.registered(gateway_key(gateway))
        # Fields that a request leaves out keep the gateway's current values.
        interval = known.report_interval if known else model.report_interval
        return Gateway(
            id=gateway,
            name=asked.name,
            model=known.model if known and asked.model is None else model.id,
            site_id=asked.site_id or (known.site_id if known else await self.account.only_site()),
            report_interval=asked.report_interval or interval,
        )

    async def device(self, asked: RegisterDevice) -> Device:
        owner = await self.owner(asked.owner)
        model = await self.account.model(owner.model)
        known = await self._devices.registered(device_key(owner.id, str(asked.req_id)))
        there = known is not None and known.deleted_before is None
        wanted = model_check.device_of(model, owner.id, asked, known.model if known else None)
        if not there:
            model_check.check_room(model, wanted, await self.devices(owner.id))
        return wanted

    async def sensor(self, asked: RegisterSensor) -> Sensor:
        owner = await self.owner(asked.owner)
        device = await self.a_device(owner.id, asked.device_id)
        return model_check.sensor_of(await self.account.model(owner.model), device, asked)

    async def devices(self, owner: str) -> list[Device]:
        """What is there, without what was deleted at the portal."""
        return [one for one in await self._lists.devices(owner) if one.deleted_before is None]

    async def a_device(self, owner: str, device: str) -> Device:
        found = await self._devices.registered(device_key(owner, device))
        if found is None or found.deleted_before is not None:
            raise no_such_device(owner, device)
        return found

    async def owner(self, gateway: str) -> Gateway:
        found = await self._gateways.registered(gateway_key(gateway))
        if found is None:
            raise unknown("gateway", gateway, field="owner")
        if found.deleted_before is not None:
            raise deleted_at_portal("gateway", gateway, field="owner")
        return found


def no_such_device(gateway: str, device: str) -> ProblemError:
    return ProblemError.of(
        "unknown-device",
        404,
        f"gateway {gateway} has no device {device}",
        field="deviceId",
        hint="register the device first",
    )
