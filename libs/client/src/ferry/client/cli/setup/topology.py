"""`ferry topology`: creates, migrates or compares the streams, buckets and consumers."""

import asyncio
import signal
import time

import click
import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import APIError

from ferry.client.bus import Bus, connect
from ferry.client.cli.choosing import chosen_settings
from ferry.client.cli.exits import Exit
from ferry.client.cli.running import in_words
from ferry.client.cli.terminal import as_json, print_json, print_problem, say
from ferry.client.errors import CredentialsRefusedError, NotConnectedError, SettingsError
from ferry.client.settings import NatsSettings
from ferry.client.topology import Change, RefusedError, TopologySettings, apply, differences
from ferry.contract import topology as contract
from ferry.contract.problems import ProblemError

API_S = 10.0
AGAIN_S = 1.0


@click.command()
@click.option("--check", is_flag=True, help="Show what differs and change nothing.")
@click.option("--replicas", metavar="N", help="Copies of each stream: 1, or 3 in a cluster.  [default: 1]")
@click.option(
    "--partitions",
    metavar="N",
    help=f"Partitions of {contract.READINGS.name}.  [default: {contract.PARTITIONS}]",
)
@click.option(
    "--readings-max-bytes", metavar="BYTES", help=f"Size of {contract.READINGS.name}.  [default: 2 GiB]"
)
@click.option(
    "--drain-s",
    metavar="SECONDS",
    help="Time for the stream to drain before partitions change.  [default: 300]",
)
@click.option(
    "--wait-s",
    type=click.FloatRange(0, 86400),
    default=0.0,
    help="Seconds to wait for a server that does not answer yet.  [default: 0]",
)
@as_json
def topology(check: bool, wait_s: float, as_json: bool, **options: str | None) -> None:
    """Create or update the streams, buckets and consumers. Never deletes a message.

    Each option may also be a variable or a file in FERRY_SECRETS_DIR, such as FERRY_REPLICAS. Exit code 0:
    nothing differs; 1: something differs (--check), or the server refuses or does not answer; 2: invalid
    settings; 3: refused because messages would be lost.
    """
    try:
        wanted, settings = TopologySettings.read(options), chosen_settings()
        settings.options()
    except SettingsError as error:
        print_problem(error.problem)
        raise SystemExit(Exit.WRONG_SETTINGS) from None
    try:
        changes = in_words(lambda: asyncio.run(_run(settings, wanted, check=check, wait_s=wait_s)))
    except RefusedError as error:
        say(f"ferry: {error}", err=True)
        raise SystemExit(Exit.LOSS) from None
    if as_json:
        print_json({"changed": not check, "changes": [_plain(change) for change in changes]})
    elif check:
        for change in changes:
            say(change)
    if not changes and not as_json:
        say("streams, buckets and consumers are as they should be")
    raise SystemExit(Exit.FAILED if check and changes else 0)


def _plain(change: Change) -> dict[str, object]:
    return {"name": change.name, "missing": change.missing, "what": str(change)}


async def _run(
    settings: NatsSettings, wanted: TopologySettings, *, check: bool, wait_s: float
) -> list[Change]:
    await _until_there(settings, wait_s)
    async with connect(settings, reconnects=True) as bus:
        jetstream = bus.client.jetstream(timeout=API_S)
        try:
            if check:
                return await bus.unless_refused(differences(jetstream, wanted))
            return await _lay(bus, jetstream, wanted)
        except APIError as error:  # such as a cluster without room for three replicas
            raise ProblemError.of("refused", 400, f"the server refuses: {error.description}") from None
        except (TimeoutError, nats.errors.Error) as error:
            raise NotConnectedError.saying(
                "JetStream does not answer", detail=str(error), hint="run it again to continue"
            ) from None


async def _lay(bus: Bus, jetstream: JetStreamContext, wanted: TopologySettings) -> list[Change]:
    """Not cancelled by a signal: a stream that was closed to publishers is opened again first."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        return await bus.unless_refused(apply(jetstream, wanted, lambda line: say(line, err=True), ended))
    except RefusedError as error:
        if ended.is_set():
            raise ProblemError.of("ended", 503, str(error)) from None
        raise


async def _until_there(settings: NatsSettings, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            async with connect(settings):
                return
        except (
            NotConnectedError,
            CredentialsRefusedError,
        ) as error:  # its users may come a moment later, too
            if time.monotonic() + AGAIN_S > deadline:
                raise
            say(f"waiting for NATS: {error.problem.title}", err=True)
        await asyncio.sleep(AGAIN_S)
