"""Registration that survives crashes: the intention first, then the cloud, then the fact."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar, cast

from pydantic import BaseModel

from ferry.clouds.errors import CloudError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, Record, Sensor, State
from ferry.registry.bucket import ConflictError

E = TypeVar("E", bound=Gateway | Device | Sensor)
TIMES = {"mtime", "ctime"}
TRIES = 5
PASSING = {408, 425, 429, 444, 600}
"""Besides 5xx, what Thing+ answers when another try may help."""
REFUSALS = {
    403: ("not-yours", "this {noun} belongs to another account"),
    404: ("not-found", "Thing+ does not know what the {noun} refers to"),
    471: ("plan-full", "the Thing+ plan has no room for more"),
}


class Store(Protocol[E]):
    async def get(self, key: str) -> tuple[Record[E] | None, int]: ...
    async def put(self, key: str, state: State, entity: E, revision: int) -> int: ...


class Events(Protocol):
    async def emit(self, noun: str, verb: str, message: BaseModel) -> None: ...


class Registrar(Generic[E]):
    """One kind of entity: how it is registered and found at the cloud, and where it is kept."""

    def __init__(
        self,
        noun: str,
        store: Store[E],
        events: Events,
        register: Callable[[E], Awaitable[E]],
        find: Callable[[E], Awaitable[E | None]],
    ) -> None:
        self._noun = noun
        self._store = store
        self._events = events
        self._register = register
        self._find = find

    async def ensure(self, key: str, wanted: E) -> E:
        """The entity, registered now or before. Raises ProblemError; a repeat is always safe."""
        for _ in range(TRIES):
            try:
                there, revision = await self.intend(key, wanted)
                if there is not None:
                    return there
                entity = await self.at_cloud(wanted, self._register)
                await self.record(key, entity, revision)
            except ConflictError:
                continue  # somebody registers the same: what came of it is read anew
            return entity
        raise busy(self._noun, wanted.id)

    async def intend(self, key: str, wanted: E) -> tuple[E | None, int]:
        """What is registered already, or None and the intention's revision. Raises ProblemError, ConflictError."""
        try:
            return None, await self._store.put(key, State.INTENDED, wanted, 0)
        except ConflictError:
            record, revision = await self._store.get(key)
        if record is not None and record.state == State.REGISTERED and record.entity.deleted_before is None:
            return self._same(wanted, record.entity), revision
        if record is None or record.state == State.REGISTERED or not alike(record.entity, wanted):
            revision = await self._store.put(key, State.INTENDED, wanted, revision)
        return None, revision

    async def record(self, key: str, entity: E, revision: int) -> None:
        """Raises ConflictError. The event comes first: a crash between the two tells it twice, never not at all."""
        await self._events.emit(self._noun, "registered", entity)
        await self._store.put(key, State.REGISTERED, entity, revision)

    async def adopt(self, key: str, entity: E) -> bool:
        """Takes over what the cloud has. False when it was known, and the same."""

        def change(known: E | None) -> tuple[str, E] | None:
            if known is None:
                return "imported", entity
            return None if alike(known, entity) else ("changed", entity)

        return await self._revise(key, change)

    async def deleted(self, key: str, at_ms: int) -> bool:
        """Notes that the cloud has it no more. False when there is nothing to note."""

        def change(known: E | None) -> tuple[str, E] | None:
            if known is None or known.deleted_before is not None:
                return None
            return "deleted", cast("E", known.model_copy(update={"deleted_before": at_ms}))

        return await self._revise(key, change)

    async def _revise(self, key: str, change: Callable[[E | None], tuple[str, E] | None]) -> bool:
        """Tells and writes what `change` makes of what is registered: the event's verb and the entity, or None."""
        for _ in range(TRIES):
            record, revision = await self._store.get(key)
            made = change(record.entity if record is not None and record.state == State.REGISTERED else None)
            if made is None:
                return False
            verb, entity = made
            await self._events.emit(self._noun, verb, entity)
            try:
                await self._store.put(key, State.REGISTERED, entity, revision)
            except ConflictError:
                continue
            return True
        return False

    async def at_cloud(self, wanted: E, register: Callable[[E], Awaitable[E]]) -> E:
        """What the cloud has after `register`, whatever it answered. Raises ProblemError."""
        try:
            return await register(wanted)
        except UnreachableError as error:
            if not error.ambiguous:
                raise unreachable(error) from None
            return await self._after_silence(wanted, error)
        except RefusedError as error:
            if error.status == 409:  # noqa: PLR2004 - HTTP's number says it best
                found = await self._found(wanted)
                if found is not None:
                    return self._same(wanted, found)
            raise refused(self._noun, error) from None
        except CloudError as error:
            raise unreachable(error) from None

    async def _after_silence(self, wanted: E, error: CloudError) -> E:
        """The cloud may have acted: a POST is not repeated before it was looked for."""
        found = await self._found(wanted)
        if found is None:
            raise unreachable(error)
        return self._same(wanted, found)

    async def _found(self, wanted: E) -> E | None:
        try:
            return await self._find(wanted)
        except RefusedError as error:
            raise refused(self._noun, error) from None
        except CloudError as error:
            raise unreachable(error) from None

    def _same(self, wanted: E, there: E) -> E:
        differs = _differences(wanted, there)
        if not differs:
            return there
        field = next(iter(differs))
        ours, theirs = differs[field]
        raise ProblemError.of(
            "differs",
            409,
            f"{self._noun} {wanted.id} is registered already, with another {field}",
            field=field,
            detail=f"registered: {theirs}; asked for: {ours}",
            hint="ask for the same, or choose another id",
        )


def alike(one: E, other: E) -> bool:
    return not _differences(one, other)


def _differences(wanted: E, there: E) -> dict[str, tuple[object, object]]:
    ours = wanted.model_dump(by_alias=True, exclude=TIMES)
    theirs = there.model_dump(by_alias=True, exclude=TIMES)
    return {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}


def refused(noun: str, error: RefusedError) -> ProblemError:
    """The cloud's refusal in our words, and its own as the detail; worth another try when it passes by itself."""
    passing = error.status in PASSING or 500 <= error.status < 600  # noqa: PLR2004
    if passing:
        return ProblemError.of(
            "refused",
            503,
            f"Thing+ refused the {noun} for now",
            detail=str(error),
            hint="ask again later",
            retry_after=error.retry_after_s,
        )
    if error.status == 403 and error.code == "ACL_DENY":  # noqa: PLR2004
        return ProblemError.of(
            "no-scope",
            403,
            f"the OAuth client may not do this with a {noun}",
            detail=str(error),
            hint="its scopes must have `gateway` and `site-read` (guide, chapter 3)",
        )
    kind, title = REFUSALS.get(error.status, ("refused", "Thing+ refused the {noun}"))
    return ProblemError.of(kind, error.status, title.format(noun=noun), detail=str(error))


def busy(noun: str, entity: str) -> ProblemError:
    return ProblemError.of("busy", 503, f"too many requests for {noun} {entity} at once", hint="try again")


def unreachable(error: CloudError) -> ProblemError:
    return ProblemError.of(
        "cloud-unreachable",
        503,
        "Thing+ did not answer",
        detail=str(error),
        hint="ask again: the same request goes on where this one stopped",
    )
