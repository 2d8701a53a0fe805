"""The OtoSense guide's own examples, by curl, against the sandbox."""

import asyncio
import base64
import json

import certificates

from harness.processes import eventually
from harness.sandbox import OTOSENSE_CLIENT_ID, OTOSENSE_CLIENT_SECRET


async def curl(*arguments: str) -> dict[str, object]:
    child = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--fail-with-body", *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(child.communicate(), 10)
    assert child.returncode == 0, said.decode()
    return dict(json.loads(said))


async def test_token_provisioning_and_confirmation(sandbox):
    basic = base64.b64encode(f"{OTOSENSE_CLIENT_ID}:{OTOSENSE_CLIENT_SECRET}".encode()).decode()
    form = ("-d", "grant_type=client_credentials")
    token = await curl(*form, "-H", f"Authorization: Basic {basic}", f"{sandbox.otosense}/oauth/token")
    assert str(token["token_type"]).lower() == "bearer"
    assert int(str(token["expires_in"])) > 0
    bearer = ("-H", f"Authorization: Bearer {token['access_token']}")

    body = json.dumps({"cert": certificates.chain("0000S111A")})
    kind = ("-H", "Content-Type: application/json")
    claimed = await curl(*bearer, *kind, "-d", body, f"{sandbox.otosense}/sensors")
    assert set(claimed) == {"sensorId", "provisioned", "provisionedBy"}
    assert claimed["sensorId"] == "0000S111A"

    await sandbox.post("/admin/sensors/0000S111A/connect", {"delay_s": 0})

    async def heard() -> bool:
        return "lastConnected" in await curl(*bearer, f"{sandbox.otosense}/sensors/0000S111A")

    await eventually(heard, what="lastConnected")
