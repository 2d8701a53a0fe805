"""The registry's parts, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus.client import ThingPlus
from ferry.contract.registry import Device, Gateway, Sensor
from ferry.registry.bucket import Bucket, FilledMarker
from ferry.registry.deletions import Deletions
from ferry.registry.filled import Filled
from ferry.registry.fleet import Fleet
from ferry.registry.handlers import Handlers
from ferry.registry.lists import Lists
from ferry.registry.log import BucketLog
from ferry.registry.registrar import Registrar
from ferry.registry.settings import Settings
from ferry.registry.takeover import Takeover
from ferry.registry.whole import Whole
from ferry.runtime.service import Service
from ferry.runtime.tokens import Tokens


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    settings = cast("Settings", service.settings)
    async with CloudHttp(settings.thingplus.url, timeout_s=settings.thingplus.answer_s) as http:
        cloud = ThingPlus(http, Tokens(service.nats, "thingplus"))
        gateways = Bucket(service.jetstream, Gateway)
        devices = Bucket(service.jetstream, Device)
        sensors = Bucket(service.jetstream, Sensor)
        lists = Lists(BucketLog(service.nats))
        events = service.events

        async def register_gateway(wanted: Gateway) -> Gateway:
            return (await cloud.register_gateway(wanted)).gateway

        async def find_gateway(wanted: Gateway) -> Gateway | None:
            return await cloud.gateway(wanted.id)

        async def find_device(wanted: Device) -> Device | None:
            return await cloud.device(wanted.owner, wanted.id)

        async def find_sensor(wanted: Sensor) -> Sensor | None:
            return await cloud.sensor(wanted.owner, wanted.id)

        registrars = (
            Registrar("gateway", gateways, events, register_gateway, find_gateway),
            Registrar("device", devices, events, cloud.register_device, find_device),
            Registrar("sensor", sensors, events, cloud.register_sensor, find_sensor),
        )
        fleet = Fleet(cloud, gateways, devices, lists, registrars)
        deletions = Deletions(cloud, lists, registrars)
        whole = Whole(cloud, fleet, lists, registrars)
        filled = Filled(cloud, FilledMarker(service.jetstream), lists)
        takeover = Takeover(cloud, deletions, filled, registrars)
        Handlers(fleet, whole, takeover, lists, devices, sensors).serve(service)
        service.background(lists.load(), "lists")
        service.background(filled.watch(), "filled")
        yield
