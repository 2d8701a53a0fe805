"""How a command ends: its exit codes, its words for what a server refuses, and JSON for programs."""

import asyncio
import os
import re
import sys
import time
from pathlib import Path

import pytest
from command_tree import doing

from ferry.client.bus import Bus, connect
from ferry.client.cli.exits import MEANINGS, Exit
from ferry.client.errors import CredentialsRefusedError, NotConnectedError, NotPermittedError
from ferry.client.settings import NatsSettings
from ferry.contract.operations import OPERATIONS
from ferry.contract.problems import ANSWER_S
from ferry.contract.registry import ListRequest, SensorList
from harness.bus import bus as a_bus
from harness.processes import free_port

FERRY = Path(sys.executable).parent / "ferry"
DOCS = Path(__file__).parents[3] / "docs/operate/command.md"
DOCUMENTS = {"asyncapi", "schema", "completion"}
"""Their output is a document, with or without --json."""


def test_the_table_of_exit_codes_is_the_commands():
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE))
    assert rows == {str(code.value): meaning for code, meaning in MEANINGS.items()}
    assert set(MEANINGS) == set(Exit)


def test_every_command_that_answers_takes_json():
    without = {
        path
        for path, command in doing()
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert {path[0] for path in without} <= DOCUMENTS


async def typed(env, *arguments):
    process = await asyncio.create_subprocess_exec(
        *(FERRY, *arguments),
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()


def plant(bus):
    seed = (bus.folder / "secrets" / "plant" / "FERRY_NATS__NKEY_SEED").read_text()
    return {
        "FERRY_NATS__URL": bus.url,
        "FERRY_NATS__NKEY_SEED": seed,
        "FERRY_NATS__INBOX_PREFIX": "_INBOX_plant",
    }


async def test_every_request_that_is_not_permitted_is_refused_at_once(tmp_path):
    """A publisher may ask nothing: without the server's word each would wait for half a minute."""
    async with a_bus(tmp_path / "bus") as bus:
        await bus.lay()
        given = plant(bus)
        settings = NatsSettings(
            url=bus.url, nkey_seed=given["FERRY_NATS__NKEY_SEED"], inbox_prefix="_INBOX_plant"
        )
        async with connect(settings) as asking:
            started = time.monotonic()
            await asyncio.gather(*(_refused(asking, subject) for subject in OPERATIONS))
            assert time.monotonic() - started < 0.5 * ANSWER_S
        for line in (
            "gateways list",
            "sites",
            "dead list",
            "auth state",
            "otosense list",
            "topology --check",
        ):
            code, out, err = await typed(given, *line.split())
            assert (code, out) == (Exit.FAILED, ""), line
            assert err.startswith("ferry: not permitted\n"), err
            assert re.search(r'allow: \[ "[$\w.]+" \]', err), "the missing right"
        code, _, err = await typed(given, "publish", "series", "alice-gateway", "s", "-5")
        assert (code, "not permitted" in err, "alice-gateway" in err) == (Exit.FAILED, True, True)


async def _refused(asking: Bus, subject: str) -> None:
    with pytest.raises(NotPermittedError) as error:
        await asking.ask(subject, ListRequest(), SensorList)
    assert f'allow: [ "{subject}" ]' in str(error.value)


async def test_a_wrong_password_and_a_server_that_is_away_are_told_apart(tmp_path):
    async with a_bus(tmp_path / "bus") as bus:
        right = bus.env("operator")
        with pytest.raises(CredentialsRefusedError, match="refuses these credentials"):
            async with connect(NatsSettings(url=bus.url, user="operator", password="wrong")):
                pass
        code, _, err = await typed({**right, "FERRY_NATS__PASSWORD": "wrong"}, "sites")
        assert (code, "refuses these credentials" in err, "running" in err) == (Exit.FAILED, True, False)
    away = f"nats://127.0.0.1:{free_port()}"
    with pytest.raises(NotConnectedError, match="no connection"):
        async with connect(NatsSettings(url=away)):
            pass
    code, _, err = await typed({"FERRY_NATS__URL": away}, "sites")
    assert (code, "is nats-server running there?" in err) == (Exit.FAILED, True)


def test_the_services_own_reason_comes_before_our_time_out():
    """A service that uses all of its time still has the last word."""
    waits = (Bus.ask.__kwdefaults__ or {})["timeout_s"]
    assert waits >= ANSWER_S + 2


@pytest.mark.parametrize("closed", ["0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["--help", "context list", "nosuch"])
async def test_a_closed_stream_is_no_fault(closed, arguments):
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"exec {FERRY} {arguments} {closed}"),
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == (1 if arguments == "nosuch" else 0), err
    assert b"Traceback" not in err
    assert b"Error:" not in err


@pytest.mark.parametrize("command", ["validate", "apply"])
async def test_a_file_without_an_end_is_refused(command):
    code, _, err = await typed({}, command, "/dev/zero")
    assert (code, "/dev/zero is no fleet file: it has more than" in err) == (1, True), err


async def test_a_url_of_another_protocol_is_said_to_be_one():
    code, _, err = await typed({"FERRY_NATS__URL": "http://u:secret@127.0.0.1:8080"}, "status")
    assert (code, "secret" in err) == (1, False)
    assert "127.0.0.1:8080 is no NATS server's URL" in err
    assert "one of nats, tls, ws, wss" in err


async def test_an_import_without_a_registry_ends_at_once(bus):
    code, _, err = await typed(bus.env("operator"), "import")  # which waits 30 s at most
    assert (code, "nobody serves ferry.v1.registry.gateways.list" in err) == (1, True), err
