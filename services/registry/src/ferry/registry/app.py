"""Wiring of the registry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from nats.aio.client import Client
from nats.js import JetStreamContext
from opentelemetry.metrics import Meter

from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus.client import ThingPlus
from ferry.contract.registry import Device, Gateway, Sensor
from ferry.registry.bucket.import_progress import ImportProgress
from ferry.registry.bucket.lists import Lists
from ferry.registry.bucket.log import BucketLog
from ferry.registry.bucket.marker import FilledMarker
from ferry.registry.bucket.records import Records
from ferry.registry.bucket.reservations import Reservations
from ferry.registry.bucket.unreadable import Unreadable
from ferry.registry.handlers import Handlers
from ferry.registry.parts import Ports, put_together
from ferry.registry.settings import Settings
from ferry.runtime.http_calls import measured
from ferry.runtime.service import Service
from ferry.runtime.tokens import Tokens


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    settings = cast("Settings", service.settings)
    where, measure = settings.thingplus, measured(service.seen.meter)
    async with CloudHttp(where.url, timeout_s=where.answer_s, measure=measure) as http:
        cloud = ThingPlus(http, Tokens(service.nats, "thingplus"))
        ports, lists = bucket_of(service.nats, service.jetstream, service.seen.meter)
        parts = put_together(cloud, ports, service.events)
        Handlers(parts, lists).serve(service)
        service.background(lists.load(), "lists")
        service.background(parts.filled.watch(), "filled")
        yield


def bucket_of(client: Client, jetstream: JetStreamContext, meter: Meter) -> tuple[Ports, Lists]:
    unreadable = Unreadable(meter)
    lists = Lists(BucketLog(client), unreadable)
    ports = Ports(
        gateways=Records(jetstream, Gateway, unreadable),
        devices=Records(jetstream, Device, unreadable),
        sensors=Records(jetstream, Sensor, unreadable),
        lists=lists,
        reservations=Reservations(jetstream),
        progress=ImportProgress(jetstream),
        marker=FilledMarker(jetstream),
    )
    return ports, lists
