"""`ferry auth`: the state of the credentials, and the guide's chapter 3."""

import hashlib

import click
from pydantic import SecretStr, ValidationError

from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, ask_secret, fail, moment, print_json, print_table, say
from ferry.contract import subjects
from ferry.contract.auth import AuthState, Client, ClientRequest, StateRequest
from ferry.contract.problems import ProblemError


@click.group()
def auth() -> None:
    """Credentials and tokens of both clouds."""


@auth.command()
@as_json
def state(as_json: bool) -> None:
    """Show the state of each cloud's credentials. Exit code 1 if a configured cloud has no valid token."""

    async def work(bus: Bus) -> AuthState:
        return await bus.ask(subjects.AUTH_STATE_GET, StateRequest(), AuthState)

    found = on_bus(work)
    if as_json:
        print_json(found)
    else:
        columns = ("cloud", "state", "generation", "token ends", "next attempt", "why", "what to do")
        print_table(
            columns,
            [
                (
                    one.cloud,
                    one.state,
                    one.generation,
                    moment(one.expires_at),
                    moment(one.next_attempt_at),
                    one.detail,
                    one.hint,
                )
                for one in found.clouds
            ],
        )
    if any(one.state not in {"ok", "unconfigured"} for one in found.clouds):
        raise SystemExit(1)


@auth.command("create-client")
@click.option("--id", "req_id", required=True, help="The client's id.")
@click.option("--name", required=True, help="A display name.")
@click.option("--scope", "scopes", multiple=True, help="A permission; may be repeated. [gateway, site-read]")
@click.option(
    "--login", "login_id", help="Log in as this portal user; by default a session cookie is asked for."
)
@as_json
def create_client(
    req_id: str, name: str, scopes: tuple[str, ...], login_id: str | None, as_json: bool
) -> None:
    """Create the OAuth client that Thing+ issues tokens to.

    Secrets are read without echo, or as lines from stdin.
    """
    given: dict[str, object] = {"name": name, "req_id": req_id}
    if scopes:
        given["scopes"] = scopes
    if login_id:
        password = ask_secret("Portal password")
        given |= {"login_id": login_id, "password": _md5(password)}
    else:
        given["session"] = SecretStr(ask_secret("Portal session (cookie dwTPlus)"))
    secret = ask_secret("Secret of the new client", twice=True)
    given["client_secret"] = SecretStr(secret)
    try:
        request = ClientRequest.model_validate(given)
    except ValidationError as error:
        fail(ProblemError.invalid(error))

    async def work(bus: Bus) -> Client:
        return await bus.ask(subjects.AUTH_CLIENT_CREATE, request, Client)

    client = on_bus(work)
    if as_json:
        print_json(client)
        return
    say(f"created {client.id} ({client.name}) with {', '.join(client.scopes)}")
    say(f"set FERRY_THINGPLUS__CLIENT_ID={client.id}, and CLIENT_SECRET to the secret you gave")


def _md5(password: str) -> SecretStr:
    """As the portal sends it (chapter 4); the password itself does not leave this process."""
    return SecretStr(hashlib.md5(password.encode(), usedforsecurity=False).hexdigest())
