"""A signed-in person, as events name them."""

from dataclasses import dataclass

from ferry.contract.console import SignedInBy

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    by: SignedInBy


@dataclass(frozen=True, slots=True)
class Session:
    """`form_token` is in each of the person's forms, and nobody else can read it."""

    person: Person
    form_token: str
