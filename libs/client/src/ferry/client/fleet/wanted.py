"""The declared fleet with its patterns expanded: a tree to compare with the registry's."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ferry.client.fleet.file.declared import DeclaredSite
from ferry.client.fleet.file.mistakes import Path, Source
from ferry.contract.registry import Noun, Place

CHILDREN: dict[Noun, Noun | None] = {"gateway": "device", "device": "sensor", "sensor": None}


@dataclass(slots=True, eq=False)
class Wanted:
    """A declared entity. `id` is the declared one, later the registered or the reserved one.

    `fields` are those that the file says besides the name, in the file's and the registry's words.
    """

    noun: Noun
    name: str
    id: str | None
    path: Path
    """Where it is declared, in the file's data."""
    has_id: bool = False
    """Whether the file says its id."""
    parent: "Wanted | None" = None
    fields: dict[str, object] = field(default_factory=dict)
    renamed_from: str | None = None
    moved_from: str | None = None
    site: str | None = None
    """Of a gateway: what the file calls its site; the account says which that is."""
    parts: list["Wanted"] = field(default_factory=list)

    @property
    def gateway(self) -> "Wanted":
        return self if self.parent is None else self.parent.gateway

    @property
    def place(self) -> Place:
        """Where the registry finds it by its name. Its parents have their ids."""
        owner = None if self.parent is None else self.gateway.id
        device = self.parent.id if self.noun == "sensor" and self.parent is not None else None
        return Place(noun=self.noun, owner=owner, device_id=device, name=self.name)


@dataclass(slots=True)
class Fleet:
    source: Source
    gateways: list[Wanted] = field(default_factory=list)
    sites: list[DeclaredSite] = field(default_factory=list)
    site_ids: set[str] | None = None
    """Of `sites`, once the account has told them: what is on another site is not this file's."""

    def each(self, noun: Noun | None = None) -> Iterator[Wanted]:
        """All gateways, then all devices, then all sensors, or those of one kind."""
        level = self.gateways
        while level:
            if noun is None or level[0].noun == noun:
                yield from level
            level = [part for one in level for part in one.parts]
