"""Thing+ as the registry needs it: every call of the guide's chapters 5 to 7, and the lists beside them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from ferry.clouds.errors import BadAnswerError, RefusedError
from ferry.clouds.http import Answer, CloudHttp
from ferry.clouds.thingplus.granting import granted
from ferry.clouds.thingplus.listed import Listed, Registered
from ferry.clouds.thingplus.paths import device_path, gateway_path, sensor_path
from ferry.clouds.words import clean
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
        return [_parsed(Site, item) for item in _items(await self._call("GET", "/sites"))]

    async def gateway_model(self, model: str) -> GatewayModel:
        """Guide, chapter 5.2."""
        data = _data(await self._call("GET", f"/gatewayModels/{safe_id(model)}"))
        return _parsed(GatewayModel, data)

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
        data = _data(await self._call("POST", "/registerGateway", body))
        return Registered(
            _gateway(data),
            _listed(
                _shown(data, "devices"), lambda item: _parsed(Device, {**item, "owner": wanted.id})
            ).items,
            _listed(
                _shown(data, "sensors"), lambda item: _parsed(Sensor, {**item, "owner": wanted.id})
            ).items,
        )

    async def register_device(self, wanted: Device) -> Device:
        """Guide, chapter 6. Its reply shows a gateway: what has another id or owner is confirmed by a GET."""
        data = _data(await self._call("POST", f"{gateway_path(wanted.owner)}/devices", _device_body(wanted)))
        if data.get("id") == wanted.id and data.get("owner") == wanted.owner:
            return _parsed(Device, data)
        found = await self.device(wanted.owner, wanted.id)
        if found is None:
            raise BadAnswerError(201, "another entity than the device that was registered")
        return found

    async def register_sensor(self, wanted: Sensor) -> Sensor:
        """Guide, chapter 7."""
        data = _data(await self._call("POST", f"{gateway_path(wanted.owner)}/sensors", _sensor_body(wanted)))
        return _parsed(Sensor, {**data, "owner": wanted.owner})

    async def update_gateway(self, wanted: Gateway) -> Gateway:
        """PUT of the whole entity as the cloud shows it, with Ferry's fields changed. RefusedError 404: not there."""
        changes = {"name": wanted.name, "reportInterval": wanted.report_interval, "_site": wanted.site_id}
        return _gateway(await self._update(gateway_path(wanted.id), changes))

    async def update_device(self, wanted: Device) -> Device:
        """The same for a device."""
        changes = {"name": wanted.name, "model": wanted.model}
        data = await self._update(device_path(wanted.owner, wanted.id), changes)
        return _parsed(Device, {**data, "owner": wanted.owner})

    async def update_sensor(self, wanted: Sensor) -> Sensor:
        """The same for a sensor."""
        changes = {name: value for name, value in _sensor_body(wanted).items() if name != "reqId"}
        data = await self._update(sensor_path(wanted.owner, wanted.id), changes)
        return _parsed(Sensor, {**data, "owner": wanted.owner})

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
        return None if data is None else _gateway(data)

    async def device(self, owner: str, device: str) -> Device | None:
        data = await self._find(device_path(owner, device))
        return None if data is None else _parsed(Device, {**data, "owner": owner})

    async def sensor(self, owner: str, sensor: str) -> Sensor | None:
        data = await self._find(sensor_path(owner, sensor))
        return None if data is None else _parsed(Sensor, {**data, "owner": owner})

    async def gateways(self, page: int, count: int) -> Listed[Gateway]:
        """Page `page`, from 0, of `count` gateways."""
        items = _items(await self._call("GET", "/gateways", params={"count": count, "page": page}))
        return _listed(items, _gateway, more=len(items) == count)

    async def devices(self, owner: str) -> Listed[Device]:
        found = await self._all(f"{gateway_path(owner)}/devices")
        return _listed(found, lambda item: _parsed(Device, {**item, "owner": owner}))

    async def sensors(self, owner: str) -> Listed[Sensor]:
        found = await self._all(f"{gateway_path(owner)}/sensors")
        return _listed(found, lambda item: _parsed(Sensor, {**item, "owner": owner}))

    async def _all(self, path: str) -> list[dict[str, Any]]:
        """A list in pages of 1000, counted from 0, until one is short."""
        found: list[dict[str, Any]] = []
        page = 0
        while True:
            items = _items(await self._call("GET", path, params={"count": PAGE, "page": page}))
            found += items
            if len(items) < PAGE:
                return found
            page += 1

    async def _update(self, path: str, changes: dict[str, Any]) -> dict[str, Any]:
        """What Ferry does not know of the entity is sent back as it was read, so that it stays."""
        there = _data(await self._call("GET", path))
        body = {
            **there,
            **{name: value for name, value in changes.items() if not _alike(there.get(name), value)},
        }
        data = _data(await self._call("PUT", path, body))
        if data.get("id") == there.get("id"):
            return data
        return _data(await self._call("GET", path))  # an answer of another kind: what is there now counts

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
            return _data(await self._call("GET", path))
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


def _shown(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What of a nested list there is; nobody documents that it is shown."""
    found = data.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _data(answer: Answer) -> dict[str, Any]:
    data = answer.object().get("data")
    if isinstance(data, dict):
        return data
    raise BadAnswerError(answer.status, "an envelope without data")


def _items(answer: Answer) -> list[dict[str, Any]]:
    data = answer.object().get("data")
    if isinstance(data, list) and all(isinstance(item, dict) for item in data):
        return data
    raise BadAnswerError(answer.status, "an envelope without a list")


def _gateway(data: dict[str, Any]) -> Gateway:
    return _parsed(Gateway, {**data, "siteId": data.get("_site", "")})


P = TypeVar("P", Gateway, Device, Sensor, GatewayModel, Site)
NOT_THE_CLOUDS = {"deletedBefore": None, "declaredName": None, "declaredDeviceId": None}
"""Fields of Ferry's own, whatever the cloud says in them."""
_TEXTS = ("id", "owner", "name", "model", "siteId", "deviceId", "type", "driverName", "category")


def _parsed(kind: type[P], data: dict[str, Any]) -> P:
    """Texts may come as numbers: Thing+ writes the same field either way."""
    numbers = {name: str(data[name]) for name in _TEXTS if _is_number(data.get(name))}
    try:
        return kind.model_validate({**data, **numbers, **NOT_THE_CLOUDS})
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False)[:5])
        raise BadAnswerError(200, f"a {kind.__name__} that lacks or garbles {fields}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18


def _alike(there: Any, wanted: Any) -> bool:
    """Thing+ shows numbers as strings: what is the same is sent back as it was shown."""
    comparable = isinstance(there, str) or _is_number(there)
    return there == wanted or (comparable and str(there) == str(wanted))


def _listed(
    found: list[dict[str, Any]], read: Callable[[dict[str, Any]], P], *, more: bool = False
) -> Listed[P]:
    listed: Listed[P] = Listed([], [], more)
    for item in found:
        try:
            listed.items.append(read(item))
        except BadAnswerError as error:
            listed.unreadable.append(clean(f"{item.get('id')}: {error}"))
    return listed
