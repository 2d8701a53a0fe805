"""Thing+ for the registry: every call of the guide's chapters 5 to 7, and the lists."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any, Protocol, TypeVar

from ferry.clouds.answer import Answer
from ferry.clouds.errors import BadAnswerError, RefusedError
from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus.entities import (
    data_of,
    is_same,
    items_of,
    nested,
    parsed,
    read_each,
    read_gateway,
)
from ferry.clouds.thingplus.granting import granted
from ferry.clouds.thingplus.listed import Listed, Registered
from ferry.clouds.thingplus.paths import device_path, gateway_path, sensor_path
from ferry.contract.auth import Token
from ferry.contract.ids import safe_id
from ferry.contract.registry import Device, Gateway, GatewayModel, Sensor, Site

R = TypeVar("R")
PAGE = 1000
NOT_FOUND = 404


class Tokens(Protocol):
    async def with_token(self, call: Callable[[Token], Awaitable[R]]) -> R: ...


class ThingPlus:
    """Every method raises CloudError's family, and what `tokens` raises when there is none."""

    def __init__(self, http: CloudHttp, tokens: Tokens, *, accept_any_json: bool = False) -> None:
        self._http = http
        self._accept_any_json = accept_any_json
        self._tokens = tokens

    async def sites(self) -> list[Site]:
        """Guide, chapter 5.1."""
        listed = read_each(items_of(await self._call("GET", "/sites")), lambda item: parsed(Site, item))
        if listed.unreadable and not listed.items:
            raise BadAnswerError(200, f"no site that can be read: {listed.unreadable[0]}")
        return listed.items

    async def gateway_model(self, model: str) -> GatewayModel:
        """Guide, chapter 5.2."""
        data = data_of(await self._call("GET", f"/gatewayModels/{safe_id(model)}"))
        return parsed(GatewayModel, data)

    async def register_gateway(
        self, wanted: Gateway, devices: Sequence[Device] = (), sensors: Sequence[Sensor] = ()
    ) -> Registered:
        """Guide, chapter 5.4; with devices and sensors, the answer may be 207: some of them were refused."""
        params: dict[str, Any] = {
            "siteId": wanted.site_id,
            "model": wanted.model,
            "name": wanted.name,
            "reportInterval": wanted.report_interval,
        }
        if devices:
            params["devices"] = [_device_body(device) for device in devices]
        if sensors:
            params["sensors"] = [_sensor_body(sensor) for sensor in sensors]
        body = {"reqId": wanted.id, "params": params}
        data = data_of(await self._call("POST", "/registerGateway", body))
        return Registered(
            read_gateway(data),
            read_each(
                nested(data, "devices"), lambda item: parsed(Device, {**item, "owner": wanted.id})
            ).items,
            read_each(
                nested(data, "sensors"), lambda item: parsed(Sensor, {**item, "owner": wanted.id})
            ).items,
        )

    async def register_device(self, wanted: Device) -> Device:
        """Guide, chapter 6. Its reply shows a gateway: what has another id or owner is confirmed by a GET."""
        data = data_of(
            await self._call("POST", f"{gateway_path(wanted.owner)}/devices", _device_body(wanted))
        )
        if data.get("id") == wanted.id and data.get("owner") == wanted.owner:
            return parsed(Device, data)
        found = await self.device(wanted.owner, wanted.id)
        if found is None:
            raise BadAnswerError(201, "another entity than the device that was registered")
        return found

    async def register_sensor(self, wanted: Sensor) -> Sensor:
        """Guide, chapter 7."""
        data = data_of(
            await self._call("POST", f"{gateway_path(wanted.owner)}/sensors", _sensor_body(wanted))
        )
        return parsed(Sensor, {**data, "owner": wanted.owner})

    async def update_gateway(self, wanted: Gateway) -> Gateway:
        """PUT of the whole entity as the cloud shows it, with Ferry's fields changed. RefusedError 404: not there."""
        changes = {"name": wanted.name, "reportInterval": wanted.report_interval, "_site": wanted.site_id}
        return read_gateway(await self._update(gateway_path(wanted.id), changes))

    async def update_device(self, wanted: Device) -> Device:
        """The same for a device."""
        changes = {"name": wanted.name, "model": wanted.model}
        data = await self._update(device_path(wanted.owner, wanted.id), changes)
        return parsed(Device, {**data, "owner": wanted.owner})

    async def update_sensor(self, wanted: Sensor) -> Sensor:
        """The same for a sensor."""
        changes = {name: value for name, value in _sensor_body(wanted).items() if name != "reqId"}
        data = await self._update(sensor_path(wanted.owner, wanted.id), changes)
        return parsed(Sensor, {**data, "owner": wanted.owner})

    async def delete_gateway(self, gateway: str) -> bool:
        """False when it was gone already: Thing+'s own 404."""
        return await self._delete(gateway_path(gateway))

    async def delete_device(self, owner: str, device: str) -> bool:
        """The same for a device."""
        return await self._delete(device_path(owner, device))

    async def delete_sensor(self, owner: str, sensor: str) -> bool:
        """The same for a sensor."""
        return await self._delete(sensor_path(owner, sensor))

    async def gateway(self, gateway: str) -> Gateway | None:
        data = await self._find(gateway_path(gateway))
        return None if data is None else read_gateway(data)

    async def device(self, owner: str, device: str) -> Device | None:
        data = await self._find(device_path(owner, device))
        return None if data is None else parsed(Device, {**data, "owner": owner})

    async def sensor(self, owner: str, sensor: str) -> Sensor | None:
        data = await self._find(sensor_path(owner, sensor))
        return None if data is None else parsed(Sensor, {**data, "owner": owner})

    async def gateways(self, page: int, size: int) -> Listed[Gateway]:
        """Page `page`, from 0, of `size` gateways."""
        items = items_of(await self._call("GET", "/gateways", params={"count": size, "page": page}))
        return read_each(items, read_gateway, more=len(items) == size)

    async def devices(self, owner: str) -> Listed[Device]:
        found = await self._all(f"{gateway_path(owner)}/devices")
        return read_each(found, lambda item: parsed(Device, {**item, "owner": owner}))

    async def sensors(self, owner: str) -> Listed[Sensor]:
        found = await self._all(f"{gateway_path(owner)}/sensors")
        return read_each(found, lambda item: parsed(Sensor, {**item, "owner": owner}))

    async def _all(self, path: str) -> list[Any]:
        """A list in pages of 1000, counted from 0, until one is short or shows nothing new."""
        found: dict[str, Any] = {}
        for page in count():
            items = items_of(await self._call("GET", path, params={"count": PAGE, "page": page}))
            known = len(found)
            found |= {repr(item.get("id") if isinstance(item, dict) else item): item for item in items}
            if len(items) < PAGE or len(found) == known:
                break
        return list(found.values())

    async def _update(self, path: str, changes: dict[str, Any]) -> dict[str, Any]:
        """What Ferry does not know of the entity is sent back as it was read, so that it stays."""
        there = data_of(await self._call("GET", path))
        body = {
            **there,
            **{name: value for name, value in changes.items() if not is_same(there.get(name), value)},
        }
        data = data_of(await self._call("PUT", path, body))
        if data.get("id") == there.get("id"):
            return data
        return data_of(await self._call("GET", path))  # an answer of another kind: what is there now counts

    async def _delete(self, path: str) -> bool:
        try:
            await self._call("DELETE", path)
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True

    async def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return data_of(await self._call("GET", path))
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        params: dict[str, int] | None = None,
    ) -> Answer:
        async def call(token: Token) -> Answer:
            bearer = token.access_token.get_secret_value()
            headers = {"Authorization": f"Bearer {bearer}"}
            answer = await self._http.exchange(method, path, headers=headers, json=body, params=params)
            return granted(answer, secrets=(bearer,), accept_any_json=self._accept_any_json)

        return await self._tokens.with_token(call)


def _device_body(wanted: Device) -> dict[str, str]:
    return {"reqId": wanted.id, "name": wanted.name, "model": wanted.model}


def _sensor_body(wanted: Sensor) -> dict[str, str]:
    return {
        "reqId": wanted.id,
        "name": wanted.name,
        "type": wanted.type,
        "driverName": wanted.driver_name,
        "model": wanted.model,
        "category": wanted.category,
        "deviceId": wanted.device_id,
    }
