"""Checks streams and buckets: configured as in the contract, with room left."""

import json

import nats.errors
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError
from pydantic import ValidationError

from ferry.client.doctor.findings import Finding, failed, ok, size, warning, wrong
from ferry.client.doctor.ports import Asking
from ferry.client.topology import Change, Infos, TopologySettings, differences
from ferry.contract import topology
from ferry.contract.jetstream import partitions_of
from ferry.contract.problems import ProblemError

WARNING_SHARE, WRONG_SHARE = 0.8, 0.95
JETSTREAM = "$JS.API.*.INFO.>"
ACCOUNT = "$JS.API.INFO"
FILL = (topology.READINGS, topology.DEAD, topology.OTOSENSE_FOLLOW)
"""Streams that refuse a message when they are full; the events make room by themselves."""
CURES = {
    topology.READINGS.name: "at 100 % publishes are refused: find out why it does not drain (`ferry status`), or "
    "enlarge it (`ferry topology --readings-max-bytes`)",
    topology.DEAD.name: "at 100 % dead letters cannot be stored: `ferry dead list`, then replay or discard",
}


async def streams(bus: Asking, jetstream: Infos) -> list[Finding]:
    todo = 'allow this user to publish to "$JS.API.STREAM.INFO.*"'
    try:
        return await bus.unless_refused(_look(jetstream), JETSTREAM)
    except ProblemError as error:
        return [failed("streams", error, todo), failed("fill", error, todo)]
    except APIError as error:
        return [wrong("streams", f"JetStream: {error.description}", "look at nats-server's log")]
    except (TimeoutError, nats.errors.Error):
        return [wrong("streams", "JetStream does not answer", "look at nats-server's log, and its /healthz")]


async def _look(jetstream: Infos) -> list[Finding]:
    infos = {}
    for name in (*(one.name for one in topology.STREAMS), *(f"KV_{one.name}" for one in topology.BUCKETS)):
        try:
            infos[name] = await jetstream.stream_info(name)
        except NotFoundError:
            continue
    changes = await differences(jetstream, chosen(infos.get(topology.READINGS.name)))
    found = [_differs(change) for change in changes]
    return [
        *(found or [ok("streams", "streams, buckets and consumers are as in the contract")]),
        *_fill(infos),
    ]


def chosen(readings: StreamInfo | None) -> TopologySettings:
    """What the site has chosen, by what is there: doctor does not know the job's settings."""
    if readings is None:
        return TopologySettings()
    config = readings.config
    given: dict[str, object] = {"replicas": config.num_replicas, "readings_max_bytes": config.max_bytes}
    if config.subject_transform and (number := partitions_of(config.subject_transform.dest)) is not None:
        given["partitions"] = number
    for names in (list(given), ["replicas"], []):
        try:
            return TopologySettings.model_validate({name: given[name] for name in names})
        except ValidationError:
            continue
    raise AssertionError  # the defaults are valid


def _differs(change: Change) -> Finding:
    if change.missing:
        return wrong("streams", str(change), "`ferry topology`, as the user `topology`, creates it")
    return wrong("streams", str(change), "`ferry topology --check`, then `ferry topology` corrects it")


def _fill(infos: dict[str, StreamInfo]) -> list[Finding]:
    found = []
    for name in (*(one.name for one in FILL), *(f"KV_{one.name}" for one in topology.BUCKETS)):
        info = infos.get(name)
        if info and (room := info.config.max_bytes or 0) > 0:
            found.append(
                _level(name, info.state.bytes, room, CURES.get(name, "more max_bytes in the contract"))
            )
    high = [one for one in found if one.state != "ok"]
    return high or found[:2]


def _level(name: str, used: int, room: int, todo: str) -> Finding:
    share = used / room
    words = f"{name} is {100 * share:.0f} % full ({size(used)} of {size(room)})"
    if share < WARNING_SHARE:
        return ok("fill", words)
    return (wrong if share >= WRONG_SHARE else warning)("fill", words, todo)


async def storage(bus: Asking, limit_s: float) -> list[Finding]:
    """What the account takes of the server's storage."""
    try:
        told = json.loads((await bus.request(ACCOUNT, timeout_s=limit_s)).data)
        if error := told.get("error"):
            what = f"JetStream: {error.get('description')}"
            return [
                wrong("storage", what, "enable JetStream for this account (deploy/nats/permissions.conf)")
            ]
        used, room = int(told["storage"]), int(told["limits"]["max_storage"])
    except ProblemError as error:
        return [failed("storage", error, f'allow this user to publish to "{ACCOUNT}"')]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [warning("storage", f"the answer of {ACCOUNT} cannot be understood", "is it a nats-server?")]
    if room > 0:
        found = _level("the account's storage", used, room, "raise the account's max_file, or empty streams")
        return [Finding("storage", found.state, found.what, found.todo)]
    return [
        ok("storage", f"{size(used)} stored; the account has no limit of its own (--monitor shows the disk)")
    ]
