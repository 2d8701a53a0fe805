"""When a reading may imply the next `on`. Lost with the lease, so that the next owner may send more."""

from dataclasses import dataclass, field

Entity = tuple[str, str | None]
"""A gateway, and its sensor where the status is a sensor's."""


@dataclass(slots=True)
class ImpliedMemory:
    """`next_at` in s of the monotonic clock, `not_on_until_ms` in Unix ms."""

    next_at: dict[Entity, float] = field(default_factory=dict)
    """When a reading may imply the next `on`; an entity without one must be asked about first."""
    not_on_until_ms: dict[Entity, float] = field(default_factory=dict)
    """Until when the cloud was seen to have a valid `off` or `err`."""

    def forget_silent(self, before: float) -> None:
        """Entities that implied nothing since `before`, in s of the monotonic clock, are asked about again."""
        for entity in [entity for entity, at in self.next_at.items() if at < before]:
            del self.next_at[entity]
            self.not_on_until_ms.pop(entity, None)
