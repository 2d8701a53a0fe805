"""Publish readings: `from ferry.client import Ferry`; without asyncio, `from ferry.client.sync import Ferry`."""

from ferry.client.errors import (
    BulkError,
    CredentialsRefusedError,
    FerryError,
    NotConfirmedError,
    NotConnectedError,
    NotPermittedError,
    NotStoredError,
    RefusedError,
    SettingsError,
    SpoolError,
    SpoolFullError,
)
from ferry.client.ferry import Ferry, Receipt
from ferry.client.publishing.bulk import Published
from ferry.client.publishing.spool_file import SpoolState
from ferry.client.settings import NatsSettings
from ferry.contract.readings import Reading, Status

__all__ = [
    "BulkError",
    "CredentialsRefusedError",
    "Ferry",
    "FerryError",
    "NatsSettings",
    "NotConfirmedError",
    "NotConnectedError",
    "NotPermittedError",
    "NotStoredError",
    "Published",
    "Reading",
    "Receipt",
    "RefusedError",
    "SettingsError",
    "SpoolError",
    "SpoolFullError",
    "SpoolState",
    "Status",
]
