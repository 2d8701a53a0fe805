"""A Ferry service is a NATS service (ADR-32): `nats micro ls|info|stats` finds it and shows what it has done.

nats-py's own responder answers to any subject, so only its messages are used; answers go to inboxes alone.
"""

import functools
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.micro.service import (
    EndpointInfo,
    EndpointStats,
    ServiceInfo,
    ServicePing,
    ServiceStats,
    ServiceVerb,
    control_subject,
)
from nats.nuid import NUID
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from ferry.contract.schemas import schema_of
from ferry.contract.subjects import PREFIX
from ferry.runtime.requests.endpoints import Endpoint
from ferry.runtime.requests.inboxes import Inboxes

_log = structlog.get_logger(__name__)
_SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """`name` is the kind, `id` this process; `version` is the package's."""

    id: str
    name: str
    version: str
    description: str
    started: datetime

    @property
    def metadata(self) -> dict[str, str]:
        return {"contract": PREFIX}


@asynccontextmanager
async def discoverable(
    client: Client, service: str, endpoints: Sequence[Endpoint], inboxes: Inboxes
) -> AsyncIterator[Identity]:
    """Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` meanwhile, to all, by name and by id."""
    identity = _identity(service)
    answers = {
        ServiceVerb.PING: lambda: _ping(identity),
        ServiceVerb.INFO: lambda: _info(identity, endpoints),
        ServiceVerb.STATS: lambda: _stats(identity, endpoints),
    }

    async def answer(message: Msg) -> None:
        verb = ServiceVerb(message.subject.split(".")[1])
        if not inboxes.accept(f"$SRV.{verb.value}", message.reply):
            return
        body = json.dumps(answers[verb](), separators=(",", ":")).encode()
        try:
            await inboxes.answer(client, message.reply, body)
        except nats.errors.Error as error:
            _log.warning("answer.lost", subject=message.subject, error=type(error).__name__)

    subscriptions = []
    for verb in answers:
        for name, id_ in ((None, None), (identity.name, None), (identity.name, identity.id)):
            subject = control_subject(verb, name, id_)
            subscriptions.append(await client.subscribe(subject, cb=answer))
    try:
        yield identity
    finally:
        for subscription in subscriptions:
            try:
                await subscription.unsubscribe()
            except nats.errors.Error:
                break  # the connection has closed, and with it every subscription


def _identity(service: str) -> Identity:
    name = f"ferry-{service}"
    try:
        package = metadata.metadata(name)
        version, description = package["Version"], package["Summary"]
    except metadata.PackageNotFoundError:
        version, description = "0.0.0", ""
    if not _SEMVER.fullmatch(version):  # PEP 440 has forms that semantic versioning does not
        version = "0.0.0"
    return Identity(NUID().next().decode(), name, version, description, datetime.now(UTC))


def _ping(identity: Identity) -> Mapping[str, object]:
    ping = ServicePing(identity.id, identity.name, identity.version, identity.metadata)
    return ping.to_dict()


def _info(identity: Identity, endpoints: Sequence[Endpoint]) -> Mapping[str, object]:
    shown = [EndpointInfo(one.name, one.subject, one.queue, _schemas(one)) for one in endpoints]
    info = ServiceInfo(
        name=identity.name,
        id=identity.id,
        version=identity.version,
        description=identity.description,
        endpoints=shown,
        metadata=identity.metadata,
    )
    return info.to_dict()


def _stats(identity: Identity, endpoints: Sequence[Endpoint]) -> Mapping[str, object]:
    counted = [
        EndpointStats(
            name=one.name,
            subject=one.subject,
            queue_group=one.queue,
            num_requests=one.requests,
            num_errors=one.errors,
            processing_time=one.processing_ns,
            average_processing_time=one.processing_ns // max(1, one.requests),
            last_error=one.last_error,
        )
        for one in endpoints
    ]
    stats = ServiceStats(
        id=identity.id,
        name=identity.name,
        version=identity.version,
        started=identity.started,
        endpoints=counted,
        metadata=identity.metadata,
    )
    return stats.to_dict()


def _schemas(endpoint: Endpoint) -> dict[str, str]:
    """JSON Schemas of both bodies; a failed request is answered with a problem instead."""
    schemas = {"request_schema": _schema(endpoint.request, "validation")}
    if endpoint.answer:
        schemas["response_schema"] = _schema(endpoint.answer, "serialization")
    return schemas


@functools.cache
def _schema(shape: type[BaseModel], mode: JsonSchemaMode) -> str:
    return json.dumps(schema_of(shape, mode), separators=(",", ":"))
