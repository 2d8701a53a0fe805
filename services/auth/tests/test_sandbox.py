"""Auth's replicas against the sandbox, which shares no code with them."""

import asyncio
import hashlib
import time

import pytest
from click.testing import CliRunner

from ferry.client.cli import main
from ferry.clouds.http import CloudHttp
from ferry.contract.auth import Token
from ferry.contract.problems import ProblemError
from ferry.runtime.tokens import Tokens
from harness.auth import auth_processes, get_state, get_token
from harness.processes import eventually
from harness.sandbox import PASSWORD, USERNAME


async def token_requests(sandbox, path: str = "/oauth2/token") -> int:
    return len(await sandbox.get(f"/admin/requests?limit=5000&path={path}"))


async def state_is(client, wanted: str) -> bool:
    return (await get_state(client)).state == wanted


async def test_two_second_tokens_of_both_clouds_carry_every_call(bus, nats_client, sandbox, tmp_path):
    await sandbox.post("/admin/tokens", {"thingplus_ttl_s": 2, "otosense_ttl_s": 2})
    generations: set[int] = set()
    async with auth_processes(bus, sandbox.cloud_env, tmp_path, 3), CloudHttp(sandbox.thingplus) as http:
        tokens = Tokens(nats_client, "thingplus")

        async def sites(token: Token) -> None:
            generations.add(token.generation)
            answer = await http.send("GET", "/sites", bearer=token.access_token)
            assert answer.object()["data"]

        async def caller(until: float) -> None:
            while time.monotonic() < until:
                await tokens.with_token(sites)
                await asyncio.sleep(0.05)

        until = time.monotonic() + 5.5
        await asyncio.gather(*(caller(until) for _ in range(4)))
        assert (await get_state(nats_client, "otosense")).state == "ok"
    assert len(generations) >= 4
    assert await sandbox.get("/admin/requests?limit=5000&path=/v2/sites&status=401") == []
    assert await token_requests(sandbox) <= max(generations) + 1


@pytest.mark.alone
async def test_a_revoked_token_costs_one_request_whoever_finds_out(bus, nats_client, sandbox, tmp_path):
    async with auth_processes(bus, sandbox.cloud_env, tmp_path, 4), CloudHttp(sandbox.thingplus) as http:
        callers = [Tokens(nats_client, "thingplus") for _ in range(10)]

        async def sites(token: Token) -> int:
            await http.send("GET", "/sites", bearer=token.access_token)
            return token.generation

        assert set(await asyncio.gather(*(one.with_token(sites) for one in callers))) == {1}
        await sandbox.post("/admin/revoke", {"cloud": "thingplus"})
        assert set(await asyncio.gather(*(one.with_token(sites) for one in callers))) == {2}
        assert await token_requests(sandbox) == 2


async def test_a_deleted_account_is_a_state_and_not_an_end(bus, nats_client, sandbox, tmp_path):
    await sandbox.post("/admin/credentials", {"tenant": "demo", "cloud": "thingplus", "user": "deleted"})
    async with auth_processes(bus, sandbox.cloud_env, tmp_path, 2):
        with pytest.raises(ProblemError, match="refuses our credentials"):
            await get_token(nats_client)
        # either replica may answer: the one that was not asked learns it from the bucket, or by its own attempt
        await eventually(lambda: state_is(nats_client, "refused"), within_s=15, what="a refused account")
        assert (await get_token(nats_client, cloud="otosense")).generation == 1
        await sandbox.post("/admin/credentials", {"tenant": "demo", "cloud": "thingplus", "user": "active"})
        await eventually(lambda: state_is(nats_client, "ok"), within_s=15, what="the next attempt")


def ferry(bus, *arguments: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main.ferry, arguments, input=stdin, env=bus.env("operator"))
    return result.exit_code, result.output


async def test_the_guides_chapter_three_from_the_command_line(bus, nats_client, sandbox, tmp_path):
    create = ("auth", "create-client", "--id", "ferryTest", "--name", "Ferry", "--login", USERNAME)
    async with auth_processes(bus, sandbox.cloud_env, tmp_path):
        await get_token(nats_client)
        answers = f"{PASSWORD}\nnew-client-secret\nnew-client-secret\n"
        code, output = await asyncio.to_thread(ferry, bus, *create, stdin=answers)
        assert code == 0, output
        assert "created ferryTest" in output
        assert "new-client-secret" not in output
        assert PASSWORD not in output
        code, output = await asyncio.to_thread(ferry, bus, *create, stdin=answers)
        assert code == 1
        assert "choose another id" in output
        code, output = await asyncio.to_thread(ferry, bus, *create, stdin="wrong\ns3cret-x\ns3cret-x\n")
        assert code == 1
        assert "refuses the portal session" in output
        code, output = await asyncio.to_thread(ferry, bus, "auth", "state")
        assert code == 0, output
        assert output.count(" ok ") == 2
        code, output = await asyncio.to_thread(ferry, bus, *create, "--scope", "everything", stdin=answers)
        assert code == 1
        assert "field: scopes" in output
    fresh = {
        **sandbox.cloud_env,
        "FERRY_THINGPLUS__CLIENT_ID": "ferryTest",
        "FERRY_THINGPLUS__CLIENT_SECRET": "new-client-secret",
        "FERRY_THINGPLUS__PASSWORD": "",
        "FERRY_THINGPLUS__PASSWORD_MD5": hashlib.md5(PASSWORD.encode()).hexdigest(),
    }
    async with auth_processes(bus, fresh, tmp_path / "fresh"):
        await eventually(lambda: state_is(nats_client, "ok"), what="a token of the new client")
