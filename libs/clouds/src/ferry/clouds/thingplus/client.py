"""Thing+ as the registry needs it: every call of the guide's chapters 5 to 7, and the lists beside them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from ferry.clouds.errors import BadAnswerError, RefusedError, clean
from ferry.clouds.http import Answer, CloudHttp
from ferry.clouds.thingplus.listed import Listed, Registered
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

    def __init__(self, http: CloudHttp, tokens: Tokens) -> None:
        self._http = http
        self._tokens = tokens

    async def sites(self) -> list[Site]:
        """Guide, chapter 5.1."""
        return [Site.model_validate(item) for item in _items(await self._call("GET", "/sites"))]

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
        data = _data(await self._call("POST", f"{_of(wanted.owner)}/devices", _device_body(wanted)))
        if data.get("id") == wanted.id and data.get("owner") == wanted.owner:
            return _parsed(Device, data)
        found = await self.device(wanted.owner, wanted.id)
        if found is None:
            raise BadAnswerError(201, "another entity than the device that was registered")
        return found

    async def register_sensor(self, wanted: Sensor) -> Sensor:
        """Guide, chapter 7."""
        data = _data(await self._call("POST", f"{_of(wanted.owner)}/sensors", _sensor_body(wanted)))
        return _parsed(Sensor, {**data, "owner": wanted.owner})

    async def gateway(self, gateway: str) -> Gateway | None:
        data = await self._find(_of(gateway))
        return None if data is None else _gateway(data)

    async def device(self, owner: str, device: str) -> Device | None:
        data = await self._find(f"{_of(owner)}/devices/{safe_id(device)}")
        return None if data is None else _parsed(Device, {**data, "owner": owner})

    async def sensor(self, owner: str, sensor: str) -> Sensor | None:
        data = await self._find(f"{_of(owner)}/sensors/{safe_id(sensor)}")
        return None if data is None else _parsed(Sensor, {**data, "owner": owner})

    async def gateways(self, page: int, count: int) -> Listed[Gateway]:
        """Page `page`, from 0, of `count` gateways."""
        items = _items(await self._call("GET", "/gateways", params={"count": count, "page": page}))
        return _listed(items, _gateway, more=len(items) == count)

    async def devices(self, owner: str) -> Listed[Device]:
        found = await self._all(f"{_of(owner)}/devices")
        return _listed(found, lambda item: _parsed(Device, {**item, "owner": owner}))

    async def sensors(self, owner: str) -> Listed[Sensor]:
        found = await self._all(f"{_of(owner)}/sensors")
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
            return await self._http.send(method, path, bearer=token.access_token, json=body, params=params)

        return await self._tokens.with_token(call)


def _of(gateway: str) -> str:
    return f"/gateways/{safe_id(gateway)}"


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
    return _parsed(Gateway, {**data, "siteId": str(data.get("_site", ""))})


P = TypeVar("P", Gateway, Device, Sensor, GatewayModel)


def _parsed(kind: type[P], data: dict[str, Any]) -> P:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False)[:5])
        raise BadAnswerError(200, f"a {kind.__name__} that lacks or garbles {fields}") from None


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
