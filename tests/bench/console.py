"""The console with a large fleet and many dead letters: how long each page takes, and what memory.

`.venv/bin/python tests/bench/console.py [SENSORS] [DEAD_LETTERS]` (10,000 and 100,000 unless said).
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx2
from playwright.async_api import async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from ferry.contract import dead, registry, subjects, topology
from harness import bus as buses
from harness import console, sandbox, services
from harness.chromium import CHROMIUM, FLAGS
from harness.services import gateway_record, record, sensor_record

GATEWAY = "gateway-0"
AT_ONCE = 500
PAGES = ("/", "/dead-letters", "/dead-letters?reason=refused", "/dead-letters/choose?do=discard&reason=refused",
         "/fleet", f"/fleet/{GATEWAY}", f"/fleet/{GATEWAY}/sensor-9")  # fmt: skip


async def lay(bus, sensors, letters):
    client = await bus.connect()
    jetstream = client.jetstream(timeout=30)
    bucket = f"$KV.{topology.REGISTRY.name}."
    put: list[tuple[str, bytes, dict[str, str] | None]] = [
        (bucket + registry.gateway_key(GATEWAY), record(gateway_record(GATEWAY)), None)
    ]
    for number in range(sensors):
        name = f"sensor-{number}"
        put.append((bucket + registry.sensor_key(GATEWAY, name), record(sensor_record(GATEWAY, name)), None))
    put.append((bucket + registry.FILLED_KEY, registry.Filled(at=0).model_dump_json().encode(), None))
    for number in range(letters):
        reason, sensor = ("refused", "invalid_body")[number % 2], f"sensor-{number % sensors}"
        headers = {
            dead.REASON: reason,
            dead.DETAIL: "no",
            dead.SUBJECT: subjects.sensor_series(GATEWAY, sensor),
        }
        put.append(
            (subjects.dead(reason, GATEWAY, sensor), b'{"value": "x"}', {**headers, dead.DEAD_AT: "1"})
        )
    for start in range(0, len(put), AT_ONCE):
        part = put[start : start + AT_ONCE]
        await asyncio.gather(*(jetstream.publish(s, body, headers=headers) for s, body, headers in part))
    await client.close()


def resident_mib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


async def main(sensors, letters):
    folder = Path(tempfile.mkdtemp())
    async with (
        buses.bus(folder / "bus") as bus,
        sandbox.sandbox(folder / "sandbox") as cloud,
        services.suite(bus, cloud, folder / "services") as suite,
    ):
        await bus.lay()
        await lay(bus, sensors, letters)
        for name in ("auth", "registry", "telemetry"):
            await suite.start(name)
        page_of = await console.start(suite)
        pid = page_of.running.process.child.pid
        print(f"{sensors} sensors, {letters} dead letters; console at rest {resident_mib(pid):.0f} MiB")
        async with page_of.anna() as browser:
            for path in PAGES:
                begun = time.monotonic()
                answer = await browser.get(path, timeout=60)
                took_ms = (time.monotonic() - begun) * 1000
                print(f"{took_ms:7.0f} ms  {len(answer.content):7d} B  {answer.status_code}  {path}")
            print(f"console's peak {resident_mib(pid):.0f} MiB")
            await painted(page_of.url)
            await discard(browser)
            print(f"console's peak {resident_mib(pid):.0f} MiB")


async def painted(url: str):
    """When Chromium has painted something of each page, from its navigation's beginning."""
    if CHROMIUM is None:
        print("no Chromium: the first paint is not measured")
        return
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await chromium.new_page()
        await page.goto(url)
        await page.keyboard.type(console.TOKEN)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#live")
        for path in PAGES:
            await page.goto(url + path)
            await page.wait_for_timeout(300)
            script = "performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)"
            print(f"{(await page.evaluate(script) or [float('nan')])[0]:7.0f} ms  first paint  {path}")
        await chromium.close()


async def discard(browser: httpx2.AsyncClient):
    counted = await browser.get(
        "/dead-letters/choose?do=discard&gateway=gateway-0&sensor=sensor-9", timeout=60
    )
    answer = await browser.post("/dead-letters/act", data=console.form_of(counted.text))
    where, begun = answer.headers["location"], time.monotonic()
    while ": running" in (shown := (await browser.get(where)).text):
        await asyncio.sleep(0.1)
    state = shown.split("<h1>")[1].split("</h1>")[0]
    print(f"{(time.monotonic() - begun) * 1000:7.0f} ms  one sensor's: {state}")


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in (sys.argv[1:] + ["10000", "100000"][len(sys.argv) - 1 :]))))
