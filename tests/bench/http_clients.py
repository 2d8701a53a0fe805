"""What a request of auth's and the registry's kind costs with httpx, and with a package that has the same interface.

    python tests/bench/http_clients.py URL httpx httpx2     (URL: a running sandbox, such as http://127.0.0.1:8080)

Each package is measured in a process of its own, in turns; printed are the medians of the rounds.
"""

import asyncio
import hashlib
import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

ROUNDS = 5
REQUESTS = 400
AT_ONCE = 20
CREDENTIALS = {
    "grant_type": "password",
    "client_id": "testClientId",
    "client_secret": "testClientPwd12!@",
    "username": "serviceadmin",
    "password": hashlib.md5(b"sandbox-password", usedforsecurity=False).hexdigest(),
}


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(url: str, package: Any, import_s: float) -> dict[str, float]:
    async with package.AsyncClient(
        base_url=f"{url}/v2",
        timeout=10,
        trust_env=False,
        limits=package.Limits(max_connections=None, max_keepalive_connections=AT_ONCE),
    ) as http:
        granted = await http.post("/oauth2/token", data=CREDENTIALS)
        headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}

        async def get() -> None:
            answer = await http.get("/gatewayModels/52", headers=headers)
            answer.raise_for_status()
            answer.json()

        async def grant() -> None:
            (await http.post("/oauth2/token", data=CREDENTIALS)).raise_for_status()

        async def timed(kind: Any, number: int, at_once: int) -> tuple[float, float]:
            """µs a request, by the clock and of this process's CPU."""
            clock, cpu = time.perf_counter(), cpu_s()
            for _ in range(number // at_once):
                await asyncio.gather(*(kind() for _ in range(at_once)))
            return (time.perf_counter() - clock) / number * 1e6, (cpu_s() - cpu) / number * 1e6

        await timed(get, AT_ONCE, AT_ONCE)
        one = await timed(get, REQUESTS, 1)
        many = await timed(get, REQUESTS, AT_ONCE)
        tokens = await timed(grant, REQUESTS // 2, 1)
    return {
        "import_ms": import_s * 1000,
        "get_us": one[0],
        "get_cpu_us": one[1],
        "get_at_once_us": many[0],
        "get_at_once_cpu_us": many[1],
        "token_us": tokens[0],
        "token_cpu_us": tokens[1],
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    url, *names = sys.argv[1:]
    if names[0] == "--measure":
        started = time.perf_counter()
        package = importlib.import_module(names[1])
        print(json.dumps(asyncio.run(measure(url, package, time.perf_counter() - started))))
        return
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            command = [sys.executable, __file__, url, "--measure", name]
            rounds[name].append(
                json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
            )
    for name, measured in rounds.items():
        medians = {key: round(statistics.median(each[key] for each in measured)) for key in measured[0]}
        print(json.dumps({"package": name, "version": importlib.import_module(name).__version__, **medians}))


if __name__ == "__main__":
    main()
