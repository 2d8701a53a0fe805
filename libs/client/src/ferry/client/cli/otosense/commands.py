"""`ferry otosense`: claim motor sensors with their certificates, and show their state."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import click
from pydantic import BaseModel
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from ferry.client.bus import Bus
from ferry.client.cli.otosense.pem_files import read_pem_file
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import (
    as_json,
    ask_first,
    console,
    fail,
    moment,
    print_json,
    print_table,
    safe,
    say,
)
from ferry.contract import subjects
from ferry.contract.ids import is_safe_id
from ferry.contract.otosense import (
    ForgetSensor,
    ForgottenSensor,
    GetSensor,
    ListSensors,
    ProvisionSensor,
    Sensor,
    SensorList,
)
from ferry.contract.problems import Problem, ProblemError

SUFFIXES = {".pem", ".crt", ".cer"}
AT_ONCE = 16
LOOK_S = 1.0
MOST_LINES = 20


class Line(BaseModel):
    """The result for one file; `sensor` or `problem` once the service has answered."""

    file: str
    sensor: Sensor | None = None
    problem: Problem | None = None

    @property
    def words(self) -> tuple[str, str]:
        if self.problem:
            return "failed", str(ProblemError(self.problem))
        if self.sensor is None:
            return "claiming", ""
        heard = f" {self.sensor.last_connected}" if self.sensor.last_connected else ""
        return self.sensor.stage, f"{self.sensor.next_step}{heard}"


@click.group()
def otosense() -> None:
    """Claim motor sensors of ADI OtoSense, and follow them."""


@otosense.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--wait", is_flag=True, help="Wait until every sensor is connected or silent.")
@as_json
def provision(paths: tuple[Path, ...], wait: bool, as_json: bool) -> None:
    """Claim the sensors of certificates (PEM) or folders of them.

    Safe to repeat. Exit code 1 if one was refused or, with --wait, stayed silent.
    """
    lines = [Line(file=str(path)) for path in _files(paths)]
    if not lines:
        fail(ProblemError.of("no-certificates", 400, "there is no .pem, .crt or .cer file there"))

    async def work(bus: Bus) -> None:
        with Live(_view(lines), console=console(), refresh_per_second=8, get_renderable=lambda: _view(lines)):
            await _claim_all(bus, lines)
            if wait:
                await _wait_all(bus, lines)

    on_bus(work)
    if as_json:
        print_json(lines)
    if any(line.problem or (wait and line.words[0] in {"silent", "released"}) for line in lines):
        raise SystemExit(1)


@otosense.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the sensors that Ferry has claimed."""

    async def work(bus: Bus) -> list[Sensor]:
        found: list[Sensor] = []
        after: str | None = None
        while True:
            page = await bus.ask(
                subjects.OTOSENSE_SENSORS_LIST, ListSensors(after=after, limit=200), SensorList
            )
            found += page.items
            if page.next is None:
                return found
            after = page.next

    found = on_bus(work)
    if as_json:
        print_json(found)
        return
    if not found:
        say("no sensors; `ferry otosense provision cert.pem` claims one")
        return
    print_table(
        ("sensor", "stage", "provisioned", "by", "last connected", "looks"),
        (
            (one.sensor_id, one.stage, one.provisioned, one.provisioned_by, one.last_connected, one.polls)
            for one in found
        ),
    )


@otosense.command()
@click.argument("sensor_id")
@as_json
def show(sensor_id: str, as_json: bool) -> None:
    """Show one sensor and its history."""
    _check_id(sensor_id)

    async def work(bus: Bus) -> Sensor:
        return await bus.ask(subjects.OTOSENSE_SENSORS_GET, GetSensor(sensor_id=sensor_id), Sensor)

    sensor = on_bus(work)
    if as_json:
        print_json(sensor)
        return
    say(f"{sensor.sensor_id}: {sensor.stage}")
    say(f"  provisioned {sensor.provisioned} by {sensor.provisioned_by}")
    say(f"  last connected: {sensor.last_connected or 'not yet'}; looked {sensor.polls} times")
    say(f"  next: {sensor.next_step}")
    for warning in sensor.warnings:
        say(f"  warning: {warning}")
    for step in sensor.story:
        say(f"  {moment(step.at)} {step.what}")


@otosense.command()
@click.argument("sensor_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def forget(sensor_id: str, yes: bool, as_json: bool) -> None:
    """Delete Ferry's record of a sensor. It is no longer followed or shown.

    The cloud keeps it, because its API cannot release a sensor. Its certificate claims it again.
    """
    _check_id(sensor_id)
    if not yes and not ask_first(f"Give up {sensor_id} here?"):
        raise SystemExit(1)

    async def work(bus: Bus) -> ForgottenSensor:
        request = ForgetSensor(sensor_id=sensor_id)
        return await bus.ask(subjects.OTOSENSE_SENSORS_FORGET, request, ForgottenSensor)

    forgotten = on_bus(work)
    if as_json:
        print_json(forgotten)
        return
    say(
        f"{forgotten.sensor_id} is deleted here (it was {forgotten.stage or 'unreadable'}); the cloud keeps it"
    )


def _check_id(sensor_id: str) -> None:
    if not is_safe_id(sensor_id):
        title = "not a sensor id: letters, digits, '-' and '_', at most 128"
        fail(ProblemError.of("invalid-request", 400, title, field="sensorId"))


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES) if path.is_dir() else [path]
        found += [one for one in inside if one not in found]
    return found


async def _claim_all(bus: Bus, lines: list[Line]) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def claim(line: Line) -> None:
        async with turn:
            try:
                request = ProvisionSensor(cert=read_pem_file(Path(line.file)))
                line.sensor = await bus.ask(subjects.OTOSENSE_SENSORS_PROVISION, request, Sensor)
            except ProblemError as error:
                line.problem = error.problem

    await asyncio.gather(*(claim(line) for line in lines))


async def _wait_all(bus: Bus, lines: list[Line]) -> None:
    while waiting := [line for line in lines if line.words[0] == "waiting"]:
        await asyncio.sleep(LOOK_S)
        for line in waiting:
            if line.sensor:
                request = GetSensor(sensor_id=line.sensor.sensor_id)
                line.sensor = await bus.ask(subjects.OTOSENSE_SENSORS_GET, request, Sensor)


def _view(lines: list[Line]) -> Group:
    """A line per sensor; the bar counts those that have an answer."""
    shown = [line for line in lines if line.words[0] != "claiming"][-MOST_LINES:] or lines[:MOST_LINES]
    parts: list[Text | Progress] = []
    for line in shown:
        state, words = line.words
        state = "claimed, waiting" if state == "waiting" else state
        name = line.sensor.sensor_id if line.sensor else Path(line.file).name
        parts.append(Text(safe(f"{name}  {state}  {words}")))
        parts += [
            Text(safe(f"  warning: {warning}")) for warning in (line.sensor.warnings if line.sensor else ())
        ]
    if len(lines) > 1:
        bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        done = sum(line.words[0] != "claiming" for line in lines)
        bar.add_task("claimed", total=len(lines), completed=done)
        parts.append(bar)
    return Group(*parts)
