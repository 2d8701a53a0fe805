"""What the replicas share about one cloud, encrypted: its token and the outcome of the last attempt."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from ferry.auth.tokens.cipher import RecordCipher
from ferry.contract.auth import Cloud, State


class StoreError(Exception):
    """The bucket could not be read or written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`revision` 0 and no value: the key is absent. `born` is when it was written, on our monotonic clock."""

    value: bytes | None
    revision: int
    born: float


class Store(Protocol):
    """Raises StoreError. `write` answers the new revision, or None when another wrote since `revision`."""

    async def read(self, key: str) -> Entry: ...

    async def write(self, key: str, value: bytes, revision: int) -> int | None: ...


class Unreadable(Protocol):
    """Counts and logs a record that is skipped."""

    def skip(self, key: str, revision: int, why: str) -> None: ...


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class TokenRecord(_Record):
    """Times in s, counted from when the record was written. `quick_rejections` in a row led to it."""

    generation: int
    access_token: SecretStr
    life_s: float
    left_s: float
    refresh_in_s: float
    fingerprint: str
    quick_rejections: int = 0

    @field_serializer("access_token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


class AttemptRecord(_Record):
    """`holder` refreshes while `running`; the rest describes the last attempt that ended. Times in s."""

    holder: str = ""
    running: bool = False
    outcome: State = "starting"
    failures: int = 0
    retry_in_s: float = 0.0
    status: int = 0
    code: str = ""
    detail: str = ""
    fingerprint: str = ""
    warned_of: int = 0


R = TypeVar("R", bound=_Record)


@dataclass(frozen=True, slots=True)
class Seen(Generic[R]):
    """A record as read; None when absent (`revision` 0) or unreadable, such as one of another key."""

    record: R | None
    revision: int
    born: float


class Shared:
    def __init__(self, store: Store, cloud: Cloud, unreadable: Unreadable) -> None:
        self._store = store
        self._unreadable = unreadable
        self._token_key = f"{cloud}.token"
        self._attempt_key = f"{cloud}.attempt"

    async def token(self, cipher: RecordCipher) -> Seen[TokenRecord]:
        return await self._read(self._token_key, cipher, TokenRecord)

    async def attempt(self, cipher: RecordCipher) -> Seen[AttemptRecord]:
        return await self._read(self._attempt_key, cipher, AttemptRecord)

    async def write_token(self, cipher: RecordCipher, record: TokenRecord, revision: int) -> int | None:
        return await self._write(self._token_key, cipher, record, revision)

    async def write_attempt(self, cipher: RecordCipher, record: AttemptRecord, revision: int) -> int | None:
        return await self._write(self._attempt_key, cipher, record, revision)

    async def _read(self, key: str, cipher: RecordCipher, kind: type[R]) -> Seen[R]:
        entry = await self._store.read(key)
        record = None
        if entry.value:
            plain = cipher.decrypt(key, entry.value)
            try:
                record = kind.model_validate_json(plain) if plain is not None else None
            except ValidationError:
                self._unreadable.skip(key, entry.revision, "it is another version's")
            if plain is None:
                self._unreadable.skip(key, entry.revision, "it was not encrypted with this key")
        return Seen(record, entry.revision, entry.born)

    async def _write(self, key: str, cipher: RecordCipher, record: _Record, revision: int) -> int | None:
        return await self._store.write(key, cipher.encrypt(key, record.model_dump_json().encode()), revision)
