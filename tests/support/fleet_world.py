"""`ferry apply` and the registry's own rules in one process: requests go to the registry of a `World`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from registry_world import World

from ferry.client.fleet import importing, planning
from ferry.client.fleet.apply import applying
from ferry.client.fleet.apply.applying import Applied
from ferry.client.fleet.file.read import read
from ferry.client.fleet.planning import Planned
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    DeviceList,
    GatewayList,
    Imported,
    ReservedIds,
    SensorList,
    SiteList,
)

LISTS: dict[str, tuple[str, type[Any]]] = {
    subjects.REGISTRY_GATEWAYS_LIST: ("gateways.", GatewayList),
    subjects.REGISTRY_DEVICES_LIST: ("devices.", DeviceList),
    subjects.REGISTRY_SENSORS_LIST: ("sensors.", SensorList),
}
Refuse = Callable[[str, Any], ProblemError | None]


class FleetBus:
    """`refuse` is asked first; `lose` says of an answer that it is lost. `requests` were carried out."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests: list[tuple[str, Any]] = []
        self.refuse: Refuse = lambda subject, asked: None
        self.lose: Callable[[str, Any], bool] = lambda subject, asked: False
        self._parts = world.registry()

    async def ask(self, subject: str, asked: BaseModel, answer: type[Any], **_: object) -> Any:
        if (problem := self.refuse(subject, asked)) is not None:
            raise problem
        self.requests.append((subject, asked))
        # What is sent is what the contract can read.
        found = await self._carried_out(subject, type(asked).model_validate_json(asked.model_dump_json()))
        if self.lose(subject, asked):
            raise ProblemError.of("timeout", 504, "no answer")
        return answer.model_validate_json(found.model_dump_json(exclude_none=True))

    async def _carried_out(self, subject: str, asked: Any) -> Any:
        parts = self._parts
        if subject in LISTS:
            prefix, kind = LISTS[subject]
            registered = self.world.registered
            keys = sorted(key for key in registered if key.startswith(prefix) and key > asked.after)
            items = [registered[key] for key in keys[: asked.limit]]
            following = keys[asked.limit - 1] if len(keys) > asked.limit else None
            return kind(items=items, next=following)
        if subject == subjects.REGISTRY_SITES_LIST:
            return SiteList(items=await parts.account.sites())
        if subject == subjects.REGISTRY_MODELS_GET:
            return await parts.account.model(asked.model)
        if subject == subjects.REGISTRY_IDS_RESERVE:
            return ReservedIds(ids=await parts.ids.reserve(asked.places))
        if subject == subjects.REGISTRY_CLOUD_IMPORT:
            return await parts.importing.step(asked)
        _, _, _, nouns, verb = subject.split(".")
        part = {"register": parts.registration, "update": parts.update, "retire": parts.retire}[verb]
        return await getattr(part, nouns.removesuffix("s"))(asked)

    @property
    def writes(self) -> list[tuple[str, Any]]:
        """Requests that change something."""
        verbs = ("register", "update", "retire", "reserve")
        return [one for one in self.requests if one[0].endswith(verbs)]


class FleetOperator:
    """Who has a file and the `ferry` command."""

    def __init__(self, folder: Path, world: World | None = None, name: str = "fleet.yaml") -> None:
        self.world = world or World()
        self.bus: Any = FleetBus(self.world)
        self.file = folder / name

    def write(self, text: str) -> None:
        self.file.write_text(text)

    async def plan(self, only: Sequence[str] = ()) -> Planned:
        return await planning.planned(self.bus, read(self.file), only)

    async def apply(
        self, only: Sequence[str] = (), *, prune: bool = False, patience_s: float = 5.0
    ) -> Applied:
        found = await self.plan(only)
        steps: list[int] = []
        done = await applying.apply(
            self.bus, found.plan, 16, steps.append, prune=prune, patience_s=patience_s
        )
        assert sum(steps) == applying.items(found.plan, prune=prune)
        return done

    async def take_over(self) -> Imported:
        return await importing.import_all(self.bus, lambda total: None, patience_s=5.0)

    async def is_in_place(self) -> bool:
        """Whether nothing is left to do, with --prune."""
        plan = (await self.plan()).plan
        return not (plan.does_something(prune=True) or plan.fixed)
