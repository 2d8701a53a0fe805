"""Requests to otosense: decode, call, answer."""

from ferry.contract.otosense import GetSensor, ListSensors, ProvisionSensor, Sensor, SensorList
from ferry.contract.problems import ProblemError
from ferry.otosense.claims import Claims
from ferry.otosense.records import Store


class Handlers:
    def __init__(self, claims: Claims, store: Store) -> None:
        self._claims = claims
        self._store = store

    async def provision(self, request: ProvisionSensor) -> Sensor:
        return await self._claims.provision(request.cert)

    async def get(self, request: GetSensor) -> Sensor:
        known = await self._store.read(request.sensor_id)
        if known is None:
            hint = "`ferry otosense list` shows those that Ferry has claimed"
            title = f"Ferry has claimed no sensor {request.sensor_id}"
            raise ProblemError.of("unknown-sensor", 404, title, field="sensorId", hint=hint)
        return known[0].sensor

    async def list(self, request: ListSensors) -> SensorList:
        after = request.after or ""
        names = [name for name in await self._store.sensors() if name > after]
        page = names[: request.limit]
        found = [await self._store.read(name) for name in page]
        more = page[-1] if len(names) > len(page) else None
        return SensorList(items=[one[0].sensor for one in found if one], next=more)
