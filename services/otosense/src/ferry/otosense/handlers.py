"""Requests to otosense: decode, call, answer."""

import asyncio

from ferry.contract.otosense import (
    ForgetSensor,
    ForgottenSensor,
    GetSensor,
    ListSensors,
    ProvisionSensor,
    Sensor,
    SensorList,
)
from ferry.otosense.sensors import refusals
from ferry.otosense.sensors.claims import Claims
from ferry.otosense.sensors.ports import Store
from ferry.otosense.sensors.records import Record

MOST_BYTES = 512 * 1024
"""Of a page: it must fit into a message, and a sensor's story may be long."""
AT_ONCE = 50


class Handlers:
    def __init__(self, claims: Claims, store: Store) -> None:
        self._claims = claims
        self._store = store

    async def provision(self, request: ProvisionSensor) -> Sensor:
        return await self._claims.provision(request.cert)

    async def forget(self, request: ForgetSensor) -> ForgottenSensor:
        return await self._claims.forget(request.sensor_id)

    async def get(self, request: GetSensor) -> Sensor:
        stored = await self._store.read(request.sensor_id)
        if stored.unreadable:
            raise refusals.unreadable(request.sensor_id)
        if stored.record is None:
            raise refusals.unknown(request.sensor_id)
        return stored.record.sensor

    async def list_sensors(self, request: ListSensors) -> SensorList:
        """A page of those that can be read, by `limit` and by size."""
        names = [name for name in await self._store.sensors() if name > (request.after or "")]
        items: list[Sensor] = []
        size = 0
        for start in range(0, len(names), AT_ONCE):
            for record in await self._read(names[start : start + AT_ONCE]):
                size += len(record.sensor.model_dump_json())
                if len(items) == request.limit or (items and size > MOST_BYTES):
                    return SensorList(items=items, next=items[-1].sensor_id)
                items.append(record.sensor)
        return SensorList(items=items)

    async def _read(self, names: list[str]) -> list[Record]:
        stored = await asyncio.gather(*(self._store.read(name) for name in names))
        return [one.record for one in stored if one.record]
