"""Records of the shared bucket that cannot be read: whatever they are, auth starts and gets a token."""

import os

import pytest
from structlog.testing import capture_logs

from ferry.auth.credentials.accounts import accounts
from harness.auth import get_token
from harness.auth_in_process import auth, bucket_of, settings
from harness.token_cloud import token_cloud


@pytest.fixture
async def cloud():
    async with token_cloud() as serving:
        yield serving


def encrypted(bus, cloud, key, plain):
    return accounts(settings(bus, cloud))["thingplus"].cipher.encrypt(key, plain)


RECORDS = {
    "not encrypted": lambda *_: b'{"generation": 7, "access_token": "forged"}',
    "nothing but NUL": lambda *_: b"\x00" * 64,
    "random bytes": lambda *_: b"\x01" + os.urandom(60_000),
    "too short": lambda *_: b"\x01",
    "another entry's": lambda bus, cloud, key: encrypted(bus, cloud, "otosense.token", b"{}"),
    "not JSON": lambda bus, cloud, key: encrypted(bus, cloud, key, b"\xff\x00"),
    "an empty text": lambda bus, cloud, key: encrypted(bus, cloud, key, b""),
    "a list": lambda bus, cloud, key: encrypted(bus, cloud, key, b"[" * 50_000),
    "another version's": lambda bus, cloud, key: encrypted(bus, cloud, key, b'{"version": 9, "token": "t"}'),
    "wrong types": lambda bus, cloud, key: encrypted(
        bus, cloud, key, b'{"generation": "x", "running": 9, "holder": [], "retry_in_s": "soon"}'
    ),
}


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("key", ["thingplus.token", "thingplus.attempt"])
async def test_one_is_skipped_counted_and_logged_with_its_key(bus, nats_client, cloud, record, key):
    bucket = bucket_of(bus, nats_client)
    await bucket.write(key, RECORDS[record](bus, cloud, key), 0)
    with capture_logs() as lines:
        async with auth(bus, cloud):
            token = await get_token(nats_client)
    assert token.access_token.get_secret_value() in cloud.granted
    unreadable = [line for line in lines if line["event"] == "record.unreadable"]
    readable = (key, record) == ("thingplus.attempt", "another version's")  # all of its fields have a default
    assert [line["key"] for line in unreadable] == ([] if readable else [key])
