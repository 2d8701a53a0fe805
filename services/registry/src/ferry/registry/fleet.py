"""The fleet's rules: what a request leaves out, what must be there before, and what may not be."""

import time
import uuid
from typing import Protocol

from ferry.clouds.errors import CloudError, RefusedError
from ferry.contract import registry
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    Gateway,
    GatewayModel,
    Record,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    Site,
    State,
)
from ferry.registry import model_check
from ferry.registry.registrar import Registrar, refused, unreachable

DEFAULT_MODEL = "52"
"""The Open API Gateway (guide, chapter 5.2)."""
MODEL_KEEP_S = 300.0


class Cloud(Protocol):
    async def sites(self) -> list[Site]: ...
    async def gateway_model(self, model: str) -> GatewayModel: ...


class Gateways(Protocol):
    async def get(self, key: str) -> tuple[Record[Gateway] | None, int]: ...


class Devices(Protocol):
    async def get(self, key: str) -> tuple[Record[Device] | None, int]: ...


class Lists(Protocol):
    async def devices(self, owner: str) -> list[Device]: ...


class Fleet:
    def __init__(
        self,
        cloud: Cloud,
        gateways: Gateways,
        devices: Devices,
        lists: Lists,
        registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]],
    ) -> None:
        self._cloud = cloud
        self._gateways = gateways
        self._devices = devices
        self._lists = lists
        self._gateway, self._device, self._sensor = registrars
        self._models: dict[str, tuple[float, GatewayModel]] = {}
        self._sites: tuple[float, list[Site]] = (0.0, [])

    async def register_gateway(self, asked: RegisterGateway) -> Gateway:
        """Raises ProblemError, as all of these do."""
        wanted = await self.wanted_gateway(asked)
        return await self._gateway.ensure(registry.gateway_key(wanted.id), wanted)

    async def wanted_gateway(self, asked: RegisterGateway) -> Gateway:
        model = await self.model(asked.model or DEFAULT_MODEL)
        gateway = asked.req_id or uuid.uuid4().hex
        model_check.check_id(model, gateway)
        record, _ = await self._gateways.get(registry.gateway_key(gateway))
        known = record.entity if record is not None and record.state == State.REGISTERED else None
        # What a request leaves out is what the gateway has, whoever registered it with whatever.
        interval = known.report_interval if known else model.report_interval
        return Gateway(
            id=gateway,
            name=asked.name,
            model=known.model if known and asked.model is None else model.id,
            site_id=asked.site_id or (known.site_id if known else await self._only_site()),
            report_interval=asked.report_interval or interval,
        )

    async def register_device(self, asked: RegisterDevice) -> Device:
        owner = await self._owner(asked.owner)
        model = await self.model(owner.model)
        known = None if asked.req_id is None else await self.device(owner.id, asked.req_id)
        wanted = model_check.device_of(model, owner.id, asked, known.model if known else None)
        if known is None:
            model_check.check_room(model, wanted, await self._lists.devices(owner.id))
        return await self._device.ensure(registry.device_key(owner.id, wanted.id), wanted)

    async def register_sensor(self, asked: RegisterSensor) -> Sensor:
        owner = await self._owner(asked.owner)
        device = await self.device(owner.id, asked.device_id)
        if device is None:
            raise no_such_device(owner.id, asked.device_id)
        wanted = model_check.sensor_of(await self.model(owner.model), device, asked)
        return await self._sensor.ensure(registry.sensor_key(owner.id, wanted.id), wanted)

    async def device(self, owner: str, device: str) -> Device | None:
        record, _ = await self._devices.get(registry.device_key(owner, device))
        if record is None or record.state != State.REGISTERED or record.entity.deleted_before is not None:
            return None
        return record.entity

    async def _owner(self, gateway: str) -> Gateway:
        found = await self.gateway(gateway)
        if found.deleted_before is not None:
            raise ProblemError.of(
                "unknown-gateway",
                404,
                f"gateway {gateway} was deleted at the portal",
                field="owner",
                hint="register it again, or run `ferry import` if it is back",
            )
        return found

    async def gateway(self, gateway: str) -> Gateway:
        record, _ = await self._gateways.get(registry.gateway_key(gateway))
        if record is None or record.state != State.REGISTERED:
            raise ProblemError.of(
                "unknown-gateway",
                404,
                f"there is no gateway {gateway}",
                field="owner",
                hint="register it first, or run `ferry import` if the portal did",
            )
        return record.entity

    async def model(self, model: str) -> GatewayModel:
        until, known = self._models.get(model, (0.0, None))
        if known is not None and until > time.monotonic():
            return known
        try:
            found = await self._cloud.gateway_model(model)
        except RefusedError as error:
            if error.status == 404:  # noqa: PLR2004 - HTTP's number says it best
                raise ProblemError.of(
                    "unknown-model", 422, f"Thing+ has no gateway model {model!r}", field="model"
                ) from None
            raise refused("gateway model", error) from None
        except CloudError as error:
            raise unreachable(error) from None
        self._models[model] = (time.monotonic() + MODEL_KEEP_S, found)
        return found

    async def sites(self) -> list[Site]:
        until, known = self._sites
        if until > time.monotonic():
            return known
        try:
            found = await self._cloud.sites()
        except RefusedError as error:
            raise refused("site", error) from None
        except CloudError as error:
            raise unreachable(error) from None
        self._sites = (time.monotonic() + MODEL_KEEP_S, found)
        return found

    async def _only_site(self) -> str:
        sites = await self.sites()
        if len(sites) == 1:
            return sites[0].id
        raise ProblemError.of(
            "which-site",
            422,
            "the account has several sites: say which" if sites else "the account has no site",
            field="siteId",
            allowed=[site.id for site in sites],
        )


def no_such_device(gateway: str, device: str) -> ProblemError:
    return ProblemError.of(
        "unknown-device",
        404,
        f"gateway {gateway} has no device {device}",
        field="deviceId",
        hint="register the device first",
    )
