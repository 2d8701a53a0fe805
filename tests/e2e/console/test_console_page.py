"""The console in a real browser, on a running suite: what an operator sees and does, with what is wrong."""

import asyncio
import json
import time

import pytest
import pytest_asyncio
from playwright.async_api import expect

from ferry.contract import subjects
from harness.console import TOKEN
from harness.processes import eventually
from harness.services import lay_fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 400, "height": 800}
QUIET = ("gateway-1", "gateway-1-sensor-3")
MARKUP = "<img src=x onerror=alert(1)>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sensors(suite):
    """The busy ones; QUIET is one more."""
    laid = await lay_fleet(suite.bus, suite.sandbox, 2, 4)
    return [one for one in laid if not one[1].endswith("sensor-3")]


@pytest_asyncio.fixture(loop_scope="module")
async def publisher(suite):
    client = await suite.bus.as_publisher("plant")
    yield client
    await client.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser, page_of, sensors):
    """Signed in as anna by keyboard alone; nothing may be logged as an error."""
    opened = await browser.new_page(viewport=DESK)
    errors = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    await opened.goto(page_of.url)
    await expect(opened.get_by_label("Your token")).to_be_focused()
    await opened.keyboard.type(TOKEN)
    await opened.keyboard.press("Enter")
    await expect(opened.locator("#live-state")).to_have_text("● live")
    yield opened
    await opened.close()
    assert errors == []


async def publish(publisher, sensor, *, value="21.5", at=None, gateway="gateway-0"):
    body = {"value": value, "time": at or int(time.time() * 1000)}
    subject = subjects.sensor_series(gateway, sensor)
    await publisher.jetstream().publish(subject, json.dumps(body).encode())


async def dead_count(suite):
    client = await suite.bus.as_user("operator")
    try:
        answer = await client.request(subjects.TELEMETRY_STATE_GET, b"{}", timeout=10)
        return json.loads(answer.data)["dead"]
    finally:
        await client.close()


async def some_dead(suite, publisher, count):
    """As many dead letters more, of sensors that nobody registered."""
    before = await dead_count(suite)
    for number in range(count):
        await publish(publisher, f"nobody-{number}", value=MARKUP)

    async def there():
        return await dead_count(suite) == before + count

    await eventually(there, within_s=20, what=f"{count} dead letters more")


async def narrow(page):
    await page.set_viewport_size(PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_the_flow_is_shown_and_follows_by_itself(page, publisher, sensors, shot):
    stop = asyncio.Event()

    async def flow():
        while not stop.is_set():
            for gateway, sensor in sensors:
                await publish(publisher, sensor, gateway=gateway)
            await asyncio.sleep(0.05)

    flowing = asyncio.create_task(flow())
    try:
        delivered = page.locator(".figures div", has_text="messages delivered").locator("dd")
        await expect(delivered).not_to_have_text("0 /s", timeout=15_000)
        await expect(delivered).not_to_contain_text("—")
        await expect(page.locator(".plot polyline")).to_be_visible(timeout=10_000)
        await expect(page.locator(".well").first).to_contain_text("Nothing is wrong")
        await shot(page, "overview")
        await page.emulate_media(color_scheme="dark")
        await shot(page, "overview-dark")
        await narrow(page)
        await shot(page, "overview-narrow")
    finally:
        stop.set()
        await flowing


async def test_an_outage_is_named_with_its_cause_and_ends_by_itself(page, suite, publisher, sensors, shot):
    await suite.sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="status", status=503)
    try:
        for _ in range(3):
            for gateway, sensor in sensors:
                await publish(publisher, sensor, gateway=gateway)
        trouble = page.locator(".trouble", has_text="stopped sending to Thing+")
        await expect(trouble).to_contain_text("503", timeout=30_000)
        await expect(trouble).to_contain_text("none is lost")
        await shot(page, "outage")
    finally:
        await suite.sandbox.heal()
    await expect(page.locator(".trouble", has_text="stopped sending")).to_have_count(0, timeout=30_000)


async def test_dead_letters_are_counted_before_they_are_discarded_by_keyboard(page, suite, publisher, shot):
    await some_dead(suite, publisher, 3)
    await page.get_by_role("link", name="Dead letters").click()
    await expect(page.locator("tbody tr").first).to_contain_text("unknown_sensor")
    await shot(page, "dead-letters")
    await page.locator("tbody a").first.click()
    await expect(page.locator("pre")).to_contain_text(MARKUP)
    assert await page.locator("main img").count() == 0
    await shot(page, "dead-letter")
    await page.go_back()

    await page.locator("select[name=reason]").select_option("unknown_sensor")
    await page.get_by_role("button", name="Show").press("Enter")
    await page.get_by_role("link", name="Discard all that match").press("Enter")
    before = await dead_count(suite)
    await expect(page.locator("#count")).to_contain_text(f"{before} dead letter")
    await shot(page, "count-before-discard")
    await page.get_by_role("button", name="Discard").press("Enter")
    await expect(page.get_by_role("heading", name="Discard dead letters: done")).to_be_visible(timeout=20_000)
    await expect(page.locator(".facts")).to_contain_text("anna")
    await shot(page, "action")
    assert await dead_count(suite) == 0


async def test_a_dead_letter_is_replayed_by_mouse(page, suite, publisher):
    await some_dead(suite, publisher, 1)
    await page.get_by_role("link", name="Dead letters").click()
    id_ = await page.locator("tbody a").first.inner_text()
    await page.locator("tbody a").first.click()
    await page.get_by_role("link", name="Replay").click()
    await page.get_by_role("button", name="Replay it").click()
    await expect(page.get_by_role("heading", name="Replay dead letters: done")).to_be_visible(timeout=20_000)

    async def died_again():
        return await dead_count(suite) == 1

    await eventually(died_again, within_s=20, what="the same reading, refused once more")
    await page.get_by_role("link", name="Dead letters").first.click()
    assert await page.locator("tbody a").first.inner_text() != id_


async def test_a_sensor_is_paused_by_keyboard_and_resumed_by_mouse(page, suite, publisher, shot):
    delivered = await suite.sandbox.points()
    await page.goto(f"{page.url.rstrip('/')}/fleet/gateway-1/gateway-1-sensor-1")
    await page.get_by_role("link", name="Pause").press("Enter")
    await expect(page.get_by_label("Reason, shown to others")).to_be_focused()
    await page.keyboard.type("the motor is being repaired")
    await page.keyboard.press("Enter")
    await expect(page.locator("#live")).to_contain_text("the motor is being repaired")
    await shot(page, "paused")
    await page.emulate_media(color_scheme="dark")
    await narrow(page)
    await shot(page, "paused-dark-narrow")

    seen = []

    async def obeyed():  # every replica looks once a second
        await publish(publisher, "gateway-1-sensor-1", gateway="gateway-1")
        await asyncio.sleep(0.2)
        seen.append(await suite.sandbox.points())
        return len(seen) > 3 and seen[-1] == seen[-3]

    await eventually(obeyed, within_s=20, what="a pause that is obeyed")
    await page.get_by_role("button", name="Resume").click()

    async def arrived():
        return await suite.sandbox.points() == delivered + len(seen)

    await eventually(arrived, within_s=15, what="what waited")
    await expect(page.locator("#live")).to_contain_text("Nothing. Pause all")


async def test_the_fleet_is_a_tree_down_to_a_sensor(page, publisher, shot):
    await page.get_by_role("link", name="Fleet").click()
    await page.get_by_role("link", name="gateway-1", exact=True).click()
    await expect(page.locator(".tree")).to_contain_text("gateway-1-sensor-2")
    await expect(page.locator("#live-state")).to_have_text("● live")
    await publish(publisher, "gateway-1-sensor-2", value="17.25", gateway="gateway-1")
    await expect(page.locator(".tree")).to_contain_text("17.25", timeout=10_000)
    await shot(page, "gateway")
    await page.emulate_media(color_scheme="dark")
    await narrow(page)
    await shot(page, "gateway-dark-narrow")
    await page.set_viewport_size(DESK)
    await page.emulate_media(color_scheme="light")
    await page.get_by_role("link", name="gateway-1-sensor-2").click()
    await expect(page.locator(".facts")).to_contain_text("temperature")
    await narrow(page)
    await shot(page, "sensor-narrow")


async def test_a_sensor_shows_its_hour_its_status_and_its_trouble(page, suite, publisher, shot):
    gateway, sensor = QUIET
    now_ms = int(time.time() * 1000)
    for minutes, value in ((50, "20.5"), (30, "22.5"), (10, "21.0")):
        await publish(publisher, sensor, value=value, at=now_ms - minutes * 60_000 + 1, gateway=gateway)
    body = json.dumps({"value": "err", "validDuration": 600}).encode()
    await publisher.jetstream().publish(f"ferry.v1.gateways.{gateway}.sensors.{sensor}.status", body)

    async def arrived():
        status = (await suite.sandbox.statuses()).get((gateway, sensor), {})
        return status.get("value") == "err" and len(await suite.sandbox.series(gateway, sensor)) >= 3

    await eventually(arrived, within_s=20, what="readings and status at the cloud")
    await page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/fleet/{gateway}/{sensor}")
    await expect(page.locator(".facts")).to_contain_text("21.0")
    await expect(page.locator(".facts")).to_contain_text("▲ err, valid until")
    await expect(page.locator(".plot polyline")).to_be_visible()
    await page.locator("summary").press("Enter")
    await expect(page.locator("details tbody")).to_contain_text("22.5")
    await shot(page, "sensor")
    await page.emulate_media(color_scheme="dark")
    await narrow(page)
    await shot(page, "sensor-dark-narrow")


async def test_motor_sensors_say_what_happens_next(page, suite, shot):
    from certificates import chain

    client = await suite.bus.as_user("operator")
    body = json.dumps({"cert": chain("0000S111A")}).encode()
    await client.request(subjects.OTOSENSE_SENSORS_PROVISION, body, timeout=20)
    await client.close()
    await page.get_by_role("link", name="Motor sensors").click()
    await expect(page.locator("tbody")).to_contain_text("waiting")
    await narrow(page)
    await shot(page, "motor-sensors-narrow")
