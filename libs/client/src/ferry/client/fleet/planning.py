"""Compares a file with what is registered; the result is a plan, or the file's mistakes."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from ferry.client.bus import Bus
from ferry.client.fleet import sites, targets
from ferry.client.fleet.file import checks
from ferry.client.fleet.file.mistakes import Mistake, MistakesError
from ferry.client.fleet.file.read import BUILT_IN
from ferry.client.fleet.matching import Matched
from ferry.client.fleet.plan import Plan, compare
from ferry.client.fleet.registered import Registered, registered
from ferry.client.fleet.wanted import Fleet
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import GatewayModel, ModelRequest

OURS = range(400, 500)


@dataclass(slots=True)
class Planned:
    plan: Plan
    fleet: Fleet
    there: Registered
    matched: Matched


def check_offline(fleet: Fleet) -> None:
    """Against the model that Ferry knows: what is wrong unless the registry has it. Raises MistakesError."""
    if mistakes := list(checks.mistakes_by_model(fleet, BUILT_IN)):
        raise MistakesError(fleet.source.file, mistakes)


async def planned(bus: Bus, fleet: Fleet, only: Sequence[str] = ()) -> Planned:
    """Raises ProblemError, most often MistakesError."""
    there = await registered(bus)
    await _check_models(bus, fleet, {gateway.id for gateway in there.gateways})
    await sites.place(bus, fleet)
    plan, matched = compare(fleet, there)
    if matched.mistakes:
        raise MistakesError(fleet.source.file, matched.mistakes)
    return Planned(targets.narrowed(plan, fleet, there, matched, only), fleet, there, matched)


async def _check_models(bus: Bus, fleet: Fleet, gateways: Container[str]) -> None:
    """The cloud's models are asked for only where Ferry's own knows nothing, or finds something wrong."""
    names = {str(one.fields.get("model", checks.DEFAULT_MODEL)) for one in fleet.gateways}
    suspected = list(checks.mistakes_by_model(fleet, BUILT_IN, gateways))
    models: dict[str, GatewayModel] = {}
    mistakes: list[Mistake] = []
    for name in sorted(names if suspected else names - BUILT_IN.keys()):
        try:
            models[name] = await bus.ask(subjects.REGISTRY_MODELS_GET, ModelRequest(model=name), GatewayModel)
        except ProblemError as error:
            if error.problem.status in OURS:
                mistakes += checks.unknown_model(fleet, name, error)
            elif suspected:
                raise MistakesError(fleet.source.file, suspected) from None
    mistakes += checks.mistakes_by_model(fleet, models, gateways)
    if mistakes:
        raise MistakesError(fleet.source.file, mistakes)
