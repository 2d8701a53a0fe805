"""What outlives a registry, in memory: its bucket, the cloud and the events. The registry can die at any step."""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ferry.clouds.errors import CloudError, RefusedError
from ferry.clouds.thingplus.listed import Listed, Registered
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    DeviceModel,
    Gateway,
    GatewayModel,
    Place,
    Record,
    Sensor,
    SensorModel,
    Site,
    State,
    key_of,
)
from ferry.registry.bucket.reservations import GIVEN_UP_S, KEPT_S
from ferry.registry.errors import ConflictError, TooLargeError
from ferry.registry.names import name_of, names_of
from ferry.registry.parts import Parts, Ports, put_together

Entity = Gateway | Device | Sensor
KINDS: dict[str, type[Any]] = {"gateways": Gateway, "devices": Device, "sensors": Sensor}
MODEL = GatewayModel(
    id="52",
    report_interval=300_000,
    device_models=[
        DeviceModel(
            id="dm",
            max=3,
            sensors=[
                SensorModel(type=kind, model=f"m-{kind}", driver_name="drv", category="sensor")
                for kind in ("temperature", "humidity")
            ],
        )
    ],
)


class Died(BaseException):
    """The process ends here."""


class World:
    """`dies` counts the steps that are left: each is a write, an event or a call of the cloud."""

    def __init__(self) -> None:
        self.bucket = Bucket(self)
        self.cloud = Cloud(self)
        self.told: list[tuple[str, str, str]] = []
        self.dies: int | None = None
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.dies is not None:
            self.dies -= 1
            if self.dies < 0:
                raise Died

    async def emit(self, noun: str, verb: str, message: Any) -> None:
        self.step()
        self.told.append((noun, verb, message.id))

    def registry(self) -> Parts:
        """One that has just started."""
        ports = ports_over(self.bucket)
        cloud: Any = self.cloud
        return put_together(cloud, ports, self)

    async def dies_at(self, step: int, work: Callable[[Parts], Any]) -> bool:
        """Whether the process ended before this step; all that it had begun ends with it."""
        self.dies = step
        task = asyncio.ensure_future(work(self.registry()))
        try:
            await task
        except Died:
            for _ in range(200):
                await asyncio.sleep(0)
            return True
        except ProblemError:
            return False
        finally:
            self.dies = None
        return False

    @property
    def registered(self) -> dict[str, Any]:
        return {
            key: record.entity
            for key, record in self.bucket.records.items()
            if record.state == State.REGISTERED
        }

    @property
    def retired(self) -> set[str]:
        return {key for key, record in self.bucket.records.items() if record.state == State.RETIRED}

    @property
    def deleted(self) -> set[str]:
        return {key for key, entity in self.registered.items() if entity.deleted_before is not None}


class Bucket:
    """Compare-and-set by revision, as the server does it. `expires` is by key, in s."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.values: dict[str, tuple[Any, int]] = {}
        self.expires: dict[str, int | None] = {}
        self.sequence = itertools.count(1)
        self.too_large: set[str] = set()
        self.writes = 0

    @property
    def records(self) -> dict[str, Record[Any]]:
        return {
            key: value for key, (value, _) in self.values.items() if key.partition(".")[0] in KINDS and value
        }

    async def get(self, key: str) -> tuple[Any, int]:
        await asyncio.sleep(0)
        return self.values.get(key, (None, 0))

    async def put(self, key: str, value: Any, revision: int | None, expires_s: int | None = None) -> int:
        await asyncio.sleep(0)
        if key in self.too_large:
            raise TooLargeError(key)
        if revision is not None and self.values.get(key, (None, 0))[1] != revision:
            raise ConflictError
        self.world.step()
        self.writes += 1
        made = next(self.sequence)
        self.values[key] = (value, made)
        self.expires[key] = expires_s
        return made

    def expire(self, prefix: str = "", within_s: float = math.inf) -> None:
        """`within_s` pass: what expires in that time is gone."""
        gone = [
            ttl is not None and ttl <= within_s and key.startswith(prefix)
            for key, ttl in self.expires.items()
        ]
        for key in list(itertools.compress(self.expires, gone)):
            del self.values[key], self.expires[key]


class Records:
    def __init__(self, bucket: Bucket, kind: str) -> None:
        self._bucket, self._kind = bucket, kind

    async def get(self, key: str) -> tuple[Any, int]:
        assert key.startswith(f"{self._kind}.")
        return await self._bucket.get(key)

    async def put(self, key: str, record: Any, revision: int, *, expires_s: int | None = None) -> int:
        assert key == key_of(record.entity)
        return await self._bucket.put(key, record, revision, expires_s)


class Lists:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def _of(self, prefix: str) -> list[Any]:
        found = self._bucket.world.registered
        return [found[key] for key in sorted(found) if key.startswith(prefix)]

    async def gateways(self) -> list[Gateway]:
        return self._of("gateways.")

    async def gateway_ids(self) -> set[str]:
        return {one.id for one in self._of("gateways.")}

    async def devices(self, owner: str) -> list[Device]:
        return self._of(f"devices.{owner}.")

    async def sensors(self, owner: str) -> list[Sensor]:
        return self._of(f"sensors.{owner}.")

    async def at(self, places: Sequence[Place]) -> list[list[Entity]]:
        await asyncio.sleep(0)
        found = self._bucket.world.registered.values()
        return [[one for one in found if name_of(place) in names_of(one)] for place in places]


class Reservations:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def get(self, place: Place) -> tuple[str | None, int]:
        return await self._bucket.get(f"reserved.{name_of(place)}")

    async def put(self, place: Place, entity: str, revision: int) -> None:
        await self._bucket.put(f"reserved.{name_of(place)}", entity, revision, KEPT_S)

    async def give_up(self, place: Place) -> None:
        await self._bucket.put(f"reserved.{name_of(place)}", None, None, GIVEN_UP_S)


class Progress:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def get(self) -> str | None:
        found: str | None = (await self._bucket.get("_import"))[0]
        return found

    async def put(self, cursor: str) -> None:
        await self._bucket.put("_import", cursor, None, 1)

    async def clear(self) -> None:
        if await self.get() is not None:
            await self._bucket.put("_import", None, None, 1)


class Marker:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def is_set(self) -> bool:
        return (await self._bucket.get("_filled"))[0] is not None

    async def set(self, at_ms: int) -> None:
        assert at_ms > 1_600_000_000_000
        await self._bucket.put("_filled", at_ms, None)


def ports_over(bucket: Bucket) -> Ports:
    """Everything that a registry reads and writes, in one bucket."""
    return Ports(
        gateways=Records(bucket, "gateways"),
        devices=Records(bucket, "devices"),
        sensors=Records(bucket, "sensors"),
        lists=Lists(bucket),
        reservations=Reservations(bucket),
        progress=Progress(bucket),
        marker=Marker(bucket),
    )


class Cloud:
    """Thing+ as the clients see it. Ids are unique by kind. `refuses` has the error for an id, whatever is asked.

    `fault` is raised once, by the next call that changes something; after acting when `acts`. `unlisted` ids are in no
    list; `unreadable` ids cannot be read; `ignores_pages` shows the first page always. `latency_s` is of every answer.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.held: dict[str, Any] = {}
        self.calls: list[tuple[str, str]] = []
        self.made: Counter[str] = Counter()
        self.refuses: dict[str, CloudError] = {}
        self.fault: CloudError | None = None
        self.acts = False
        self.shows_parts = True
        self.unlisted: set[str] = set()
        self.ignores_pages = False
        self.unreadable: dict[str, CloudError] = {}
        self.latency_s = 0.0
        self.at_once = self.most_at_once = 0
        self.now = itertools.count(1000)

    def add(self, *entities: Any) -> None:
        """As the portal does."""
        for entity in entities:
            self.held[key_of(entity)] = entity

    def drop(self, *keys: str) -> None:
        for key in keys:
            del self.held[key]

    def count(self, *verbs: str) -> int:
        return sum(verb in verbs for verb, _ in self.calls)

    async def sites(self) -> list[Site]:
        return [Site(id="1", name="default")]

    async def gateway_model(self, model: str) -> GatewayModel:
        if model != "52":
            raise RefusedError(404, "NOT_FOUND", "no such model")
        return MODEL

    async def register_gateway(
        self, wanted: Gateway, devices: Sequence[Device] = (), sensors: Sequence[Sensor] = ()
    ) -> Any:
        def act() -> Registered:
            gateway, made = self._make(wanted), []
            for part in (*devices, *sensors):
                try:
                    made.append(self._make(part))
                except CloudError:
                    continue
            shown = made if self.shows_parts else []
            return Registered(
                gateway,
                [one for one in shown if isinstance(one, Device)],
                [one for one in shown if isinstance(one, Sensor)],
            )

        return await self._change("POST", wanted.id, act)

    async def register_device(self, wanted: Device) -> Any:
        return await self._change("POST", wanted.id, lambda: self._make(wanted))

    async def register_sensor(self, wanted: Sensor) -> Any:
        return await self._change("POST", wanted.id, lambda: self._make(wanted))

    async def update_gateway(self, wanted: Gateway) -> Any:
        return await self._change("PUT", wanted.id, lambda: self._update(wanted))

    async def update_device(self, wanted: Device) -> Any:
        return await self._change("PUT", wanted.id, lambda: self._update(wanted))

    async def update_sensor(self, wanted: Sensor) -> Any:
        return await self._change("PUT", wanted.id, lambda: self._update(wanted))

    async def delete_gateway(self, gateway: str) -> Any:
        parts = [one for one in self.held if one.split(".")[1] == gateway]
        return await self._change("DELETE", gateway, lambda: self._delete(f"gateways.{gateway}", *parts))

    async def delete_device(self, owner: str, device: str) -> Any:
        return await self._change("DELETE", device, lambda: self._delete(f"devices.{owner}.{device}"))

    async def delete_sensor(self, owner: str, sensor: str) -> Any:
        return await self._change("DELETE", sensor, lambda: self._delete(f"sensors.{owner}.{sensor}"))

    async def gateway(self, gateway: str) -> Any:
        return await self._find(f"gateways.{gateway}")

    async def device(self, owner: str, device: str) -> Any:
        return await self._find(f"devices.{owner}.{device}")

    async def sensor(self, owner: str, sensor: str) -> Any:
        return await self._find(f"sensors.{owner}.{sensor}")

    async def gateways(self, page: int, count: int) -> Listed[Gateway]:
        found = (await self._list("gateways.")).items
        if self.ignores_pages:
            return Listed(found[:count], [], more=len(found) >= count)
        return Listed(found[page * count : (page + 1) * count], [], more=len(found) > (page + 1) * count)

    async def devices(self, owner: str) -> Any:
        return await self._list(f"devices.{owner}.")

    async def sensors(self, owner: str) -> Any:
        return await self._list(f"sensors.{owner}.")

    async def _change(self, verb: str, entity: str, act: Callable[[], Any]) -> Any:
        self._world.step()
        await self._pass(verb, entity)
        fault, self.fault = self.fault, None
        if fault is not None and not self.acts:
            raise fault
        found = act()
        if fault is not None:
            raise fault
        self._world.step()
        return found

    async def _find(self, key: str) -> Any:
        entity = key.rpartition(".")[2]
        await self._pass("GET", entity)
        if entity in self.unreadable:
            raise self.unreadable[entity]
        return self.held.get(key)

    async def _list(self, prefix: str) -> Any:
        await self._pass("LIST", prefix)
        owner = prefix.split(".")[1]
        if owner in self.unreadable:
            raise self.unreadable[owner]
        found = [
            entity
            for key, entity in sorted(self.held.items())
            if key.startswith(prefix) and entity.id not in self.unlisted
        ]
        return Listed(found, [])

    async def _pass(self, verb: str, what: str) -> None:
        self.calls.append((verb, what))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self.at_once -= 1

    def _make(self, entity: Any) -> Any:
        if entity.id in self.refuses:
            raise self.refuses[entity.id]
        kind = key_of(entity).partition(".")[0]
        if any(key.startswith(f"{kind}.") and one.id == entity.id for key, one in self.held.items()):
            raise RefusedError(409, "CONFLICT", "there is one")
        owner = getattr(entity, "owner", None)
        if owner is not None and f"gateways.{owner}" not in self.held:
            raise RefusedError(404, "NOT_FOUND", "no gateway")
        device = getattr(entity, "device_id", None)
        if device is not None and f"devices.{owner}.{device}" not in self.held:
            raise RefusedError(404, "NOT_FOUND", "no device")
        self.made[entity.id] += 1
        return self._held(entity)

    def _update(self, entity: Any) -> Any:
        if entity.id in self.refuses:
            raise self.refuses[entity.id]
        if key_of(entity) not in self.held:
            raise RefusedError(404, "NOT_FOUND", "there is none")
        return self._held(entity)

    def _delete(self, key: str, *parts: str) -> bool:
        entity = key.rpartition(".")[2]
        if entity in self.refuses:
            raise self.refuses[entity]
        if key not in self.held:
            return False
        self.drop(*{key, *parts})
        return True

    def _held(self, entity: Any) -> Any:
        plain = {"mtime": next(self.now), "declared_name": None, "deleted_before": None}
        if isinstance(entity, Sensor):
            plain["declared_device_id"] = None
        self.held[key_of(entity)] = entity.model_copy(update=plain)
        return self.held[key_of(entity)]


def gateway(entity: str, name: str = "") -> Gateway:
    return Gateway(id=entity, name=name or entity, model="52", site_id="1", report_interval=300_000)


def device(owner: str, entity: str, name: str = "") -> Device:
    return Device(id=entity, owner=owner, name=name or entity, model="dm")


def sensor(owner: str, on: str, entity: str, name: str = "") -> Sensor:
    return Sensor(
        id=entity,
        owner=owner,
        device_id=on,
        name=name or entity,
        type="temperature",
        driver_name="drv",
        model="m-temperature",
        category="sensor",
    )


def registered(world: World, *entities: Entity, at_cloud: bool = True) -> None:
    """Here, and at the cloud."""
    for entity in entities:
        revision = next(world.bucket.sequence)
        world.bucket.values[key_of(entity)] = (Record(state=State.REGISTERED, entity=entity), revision)
        if at_cloud:
            world.cloud.add(entity)
