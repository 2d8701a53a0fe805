"""How many series PUTs a second the sandbox takes on one core: `python services/sandbox/bench/put_series.py`.

The client shares the machine, so the figure that counts is per second of the sandbox's own CPU time.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from hashlib import md5
from typing import Any

CREDENTIALS = {
    "grant_type": "password",
    "client_id": "testClientId",
    "client_secret": "testClientPwd12!@",
    "username": "serviceadmin",
    "password": md5(b"sandbox-password", usedforsecurity=False).hexdigest(),
}


def call(url: str, token: str, method: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def register(base: str, sensors: int) -> str:
    form = urllib.parse.urlencode(CREDENTIALS).encode()
    with urllib.request.urlopen(f"{base}/oauth2/token", form, timeout=10) as answer:  # noqa: S310
        token = str(json.load(answer)["access_token"])
    device = {"reqId": "d", "name": "d", "model": "open-api-device-v1.0"}
    described = {"type": "temperature", "driverName": "openApiSensor", "model": "openApiTemp"}
    params = {
        "siteId": "1",
        "model": "52",
        "name": "bench",
        "devices": [device],
        "sensors": [
            {"reqId": f"s{index}", "name": "s", "category": "sensor", "deviceId": "d", **described}
            for index in range(sensors)
        ],
    }
    call(f"{base}/registerGateway", token, "POST", {"reqId": "bench", "params": params})
    return token


async def lane(port: int, token: str, index: int, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"PUT /v2/gateways/bench/sensors/s{index}/series HTTP/1.1\r\nHost: sandbox\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: "
    ).encode()
    done = 0
    while time.monotonic() < until:
        body = b'{"value":"36.5","time":%d}' % (1_495_715_734_508 + done)
        writer.write(head + b"%d\r\n\r\n" % len(body) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer  # noqa: S101
        size = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(size)
        done += 1
    writer.close()
    return done


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port: int, token: str, lanes: int, seconds: float) -> int:
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(lane(port, token, index, until) for index in range(lanes))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    command = [sys.executable, "-m", "ferry.sandbox", "--port", "0"]
    for _ in range(chosen.rounds):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
            assert process.stdout is not None  # noqa: S101
            port = int(json.loads(process.stdout.readline())["url"].rsplit(":", 1)[1])
            token = register(f"http://127.0.0.1:{port}/v2", chosen.lanes)
            started, cpu = time.monotonic(), cpu_s(process.pid)
            done = asyncio.run(measure(port, token, chosen.lanes, chosen.seconds))
            wall, spent = time.monotonic() - started, cpu_s(process.pid) - cpu
            process.terminate()
        print(f"{done} PUTs in {wall:.2f} s: {done / wall:.0f}/s, {done / spent:.0f} per CPU second")  # noqa: T201


if __name__ == "__main__":
    main()
