"""Restricts a plan to some entities, by id or name: `gateway`, `gateway/device`, `gateway/device/sensor`."""

import difflib
from collections.abc import Iterator, Sequence

from ferry.client.fleet.matching import Matched
from ferry.client.fleet.plan import Plan
from ferry.client.fleet.registered import Entity, Registered
from ferry.client.fleet.wanted import Fleet, Wanted
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Gateway, Sensor

Chain = list[set[str]]
"""What an entity's gateway, its device and itself are called."""


def narrowed(plan: Plan, fleet: Fleet, there: Registered, matched: Matched, targets: Sequence[str]) -> Plan:
    """What a target names, with all that belongs to it, and what has to be registered before it.

    Raises ProblemError for a target that neither the file nor the registry has.
    """
    if not targets:
        return plan
    scope = _Scope(fleet, there, matched)
    for target in targets:
        scope.check(target)
    create = {one for one in plan.create if scope.has(one, targets)}
    change = [one for one in plan.change if scope.has(one.wanted, targets)]
    needed = [*create, *(one.wanted for one in change if "deviceId" in one.fields)]
    create |= {parent for one in needed for parent in _parents(one)}
    return Plan(
        create=[one for one in plan.create if one in create],
        again=plan.again,
        change=change,
        fixed=[one for one in plan.fixed if scope.has(one.wanted, targets)],
        retire=[one for one in plan.retire if scope.has(one.entity, targets)],
        same=[one for one in plan.same if scope.has(one, targets)],
    )


class _Scope:
    def __init__(self, fleet: Fleet, there: Registered, matched: Matched) -> None:
        self._fleet = fleet
        self._there = there
        self._found = matched.found
        self._names = {("", one.id): _called(one) for one in there.gateways}
        self._names |= {(one.owner, one.id): _called(one) for one in there.devices}

    def has(self, one: Wanted | Entity, targets: Sequence[str]) -> bool:
        chain = self._chain(one)
        return any(_covers(target, chain) for target in targets)

    def check(self, target: str) -> None:
        there: list[Entity] = [*self._there.gateways, *self._there.devices, *self._there.sensors]
        entities: list[Wanted | Entity] = [*self._fleet.each(), *there]
        if not any(self.has(one, [target]) for one in entities):
            raise self._unknown(target)

    def _chain(self, one: Wanted | Entity) -> Chain:
        if isinstance(one, Wanted):
            above = [] if one.parent is None else self._chain(one.parent)
            entity = self._found.get(one)
            names = {one.name, *([one.id] if one.id else ()), *(_called(entity) if entity else ())}
            return [*above, names]
        if isinstance(one, Gateway):
            return [_called(one)]
        chain = [self._names.get(("", one.owner), {one.owner})]
        if isinstance(one, Sensor):
            chain.append(self._names.get((one.owner, one.device_id), {one.device_id}))
        return [*chain, _called(one)]

    def _unknown(self, target: str) -> ProblemError:
        gateways: list[Wanted | Entity] = [*self._fleet.gateways, *self._there.gateways]
        names = {name for one in gateways for name in self._chain(one)[0]}
        near = difflib.get_close_matches(target.partition("/")[0], sorted(names), 1)
        return ProblemError.of(
            "unknown-target",
            404,
            f"neither the file nor the registry has {target!r}",
            field="target",
            hint=f"did you mean {near[0]!r}?"
            if near
            else "give gateway, gateway/device or gateway/device/sensor",
        )


def _covers(target: str, chain: Chain) -> bool:
    """Whether the target is one of the chain, by names that may have slashes themselves."""
    if not chain:
        return False
    return any(
        target == name or (target.startswith(f"{name}/") and _covers(target[len(name) + 1 :], chain[1:]))
        for name in chain[0]
    )


def _parents(one: Wanted) -> Iterator[Wanted]:
    while one.parent is not None:
        one = one.parent
        yield one


def _called(entity: Entity) -> set[str]:
    return {entity.id, entity.name, *([entity.declared_name] if entity.declared_name else ())}
