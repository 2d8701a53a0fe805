"""Waits until every service is ready, prints the addresses, and keeps running."""

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request

WAIT_S = 60


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - our own health page
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own
    except OSError:
        return False


async def until_ready() -> None:
    """Raises TimeoutError, naming the services that are not ready."""
    missing = {name: url for name, url in os.environ.items() if name.startswith("READY_")}
    for _ in range(WAIT_S * 10):
        missing = {name: url for name, url in missing.items() if not await asyncio.to_thread(is_ready, url)}
        if not missing:
            return
        await asyncio.sleep(0.1)
    names = ", ".join(name.removeprefix("READY_").lower() for name in missing)
    raise TimeoutError(f"not ready within {WAIT_S} s: {names}")


def console() -> str:
    """Where to look, and how to get in."""
    file = os.environ.get("CONSOLE_TOKEN_FILE")
    token = f"; the token to sign in with is in {file}" if file else ""
    return f"ready. the console shows the flow, what is wrong and why: {os.environ['CONSOLE_URL']}/{token}"


async def main() -> None:
    await until_ready()
    print(f"ready. export FERRY_NATS__URL={os.environ['FERRY_NATS__URL']}")
    if sandbox := os.environ.get("SANDBOX_URL"):
        print(f"ready. the sandbox plays both clouds: {sandbox}/")
    print(console())
    print("ready. stop with Ctrl-C", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except TimeoutError as error:
        sys.exit(f"ferry: {error}")
