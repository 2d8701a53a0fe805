"""A course of faults from a file: what goes wrong, from when, for how long; the same at each playing."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from ferry.sandbox.admin.control import Control, TokenChange
from ferry.sandbox.faults.fault import Fault

BUILT_IN = Path(__file__).parent / "scenarios"
Moment = Annotated[float, msgspec.Meta(ge=0)]


class Revoke(msgspec.Struct, forbid_unknown_fields=True):
    tenant: str | None = None
    cloud: Literal["thingplus", "otosense"] | None = None


class Step(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`at_s` counts from the start of the scenario, or of its round when it repeats."""

    at_s: Moment = 0.0
    fault: Fault | None = None
    revoke: Revoke | None = None
    tokens: TokenChange | None = None


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    about: str
    steps: list[Step]
    repeat_every_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


def names() -> list[str]:
    return sorted(path.stem for path in BUILT_IN.glob("*.yaml"))


def load(name: str) -> Scenario:
    """A built-in scenario or a file of one's own. Raises ValueError when there is none or it does not fit."""
    built_in = BUILT_IN / f"{name}.yaml"
    path = built_in if name in names() else Path(name)
    if not path.is_file():
        raise ValueError(f"no scenario {name!r}: a file, or one of {', '.join(names())}")
    content: Any = yaml.safe_load(path.read_text())
    return msgspec.convert(content, Scenario)


async def play(scenario: Scenario, control: Control) -> None:
    """Runs until the last step, or until cancelled when the scenario repeats."""
    start = control.clock.now_s()
    while True:
        for step in sorted(scenario.steps, key=lambda step: step.at_s):
            await _until(start + step.at_s, control)
            _take(step, control)
        if scenario.repeat_every_s is None:
            return
        start += scenario.repeat_every_s
        await _until(start, control)


def _take(step: Step, control: Control) -> None:
    if step.fault is not None:
        control.faults.add(step.fault)
    if step.revoke is not None:
        control.revoke(step.revoke.cloud, step.revoke.tenant)
    if step.tokens is not None:
        control.set_tokens(step.tokens)


async def _until(moment_s: float, control: Control) -> None:
    """In short sleeps, for the clock may be set ahead meanwhile."""
    while (left_s := moment_s - control.clock.now_s()) > 0:
        await asyncio.sleep(min(0.2, left_s / control.clock.scale))
