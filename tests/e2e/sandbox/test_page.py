"""The page in Debian's Chromium, as wide as a desk and as narrow as a phone."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from certificates import self_signed
from guide_client import Tenant, demo_at
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sandbox_process import started

from harness.chromium import CHROMIUM, FLAGS

PHONE = {"width": 375, "height": 740}
DESK = {"width": 1280, "height": 900}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="NO CHROMIUM HERE: the sandbox's page is not tested (scripts/ci-tools.sh installs it)",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Tenant]:
    with started("--port", "0") as (url, _):
        tenant = demo_at(url)
        tenant.login()
        yield tenant
        tenant.http.close()


@pytest.fixture
def page(browser: Browser, demo: Tenant) -> Iterator[Page]:
    """A page of a clean sandbox on which nothing may be logged as an error."""
    requests.post(f"{demo.url}/admin/reset", timeout=10)
    opened = browser.new_page(viewport={"width": DESK["width"], "height": DESK["height"]})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    opened.goto(demo.url)
    expect(opened.locator("#live")).to_have_text("live")
    yield opened
    opened.close()
    assert errors == []


def sensor_with_points(demo: Tenant) -> tuple[str, str]:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    start = int(time.time() * 1000) - 3_600_000
    wave = [20 + (index * 7 % 13) / 4 for index in range(40)]
    points = [{"value": str(value), "time": start + index * 60_000} for index, value in enumerate(wave)]
    demo.ok("PUT", f"/gateways/{gateway}/sensors/{sensor}/series", points)
    demo.ok("PUT", f"/gateways/{gateway}/sensors/{sensor}/status", {"value": "on", "validDuration": 450})
    return gateway, sensor


def shot(page: Page, name: str) -> None:
    """Kept where FERRY_SCREENSHOTS points to, to be looked at."""
    folder = os.environ.get("FERRY_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_what_arrives_appears_by_itself_and_is_plotted(page: Page, demo: Tenant) -> None:
    expect(page.locator("#tree")).to_contain_text("No gateway yet.")
    gateway, sensor = sensor_with_points(demo)
    token = requests.post(
        f"{demo.url}/otosense/oauth/token",
        auth=demo.otosense,
        data={"grant_type": "client_credentials"},
        timeout=10,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    pem = {"cert": self_signed("MOTOR-NEVER")}
    requests.post(f"{demo.url}/otosense/sensors", json=pem, headers=headers, timeout=10)

    button = page.locator(".sensors button", has_text=sensor)
    expect(button).to_contain_text("40 points")
    expect(button.locator(".chip")).to_have_text("on")
    expect(page.locator("#otosense")).to_contain_text("not yet")
    button.click()
    expect(page.locator("#plot-area circle")).to_have_count(40)
    shot(page, "desk")

    later = int(time.time() * 1000)
    demo.ok("PUT", f"/gateways/{gateway}/sensors/{sensor}/series", {"value": "31.5", "time": later})
    expect(page.locator("#plot-area circle")).to_have_count(41)
    expect(page.locator("#points")).to_have_text("41")


def test_a_status_is_shown_as_expired_when_its_time_has_passed(page: Page, demo: Tenant) -> None:
    gateway, _ = sensor_with_points(demo)
    chip = page.locator(".sensors .chip")
    expect(chip).to_have_text("on")
    requests.post(f"{demo.url}/admin/clock", json={"advance_s": 451}, timeout=10)
    demo.call("PUT", f"/gateways/{gateway}/status", {"value": "on", "timeout": 1})
    expect(chip).to_have_text("on, expired")


def test_faults_are_switched_on_and_off(page: Page, demo: Tenant) -> None:
    switch = page.get_by_role("button", name="both clouds down (503)")
    switch.click()
    expect(page.get_by_role("button", name="both clouds down (503)")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert demo.call("GET", "/sites").status_code == 503
    expect(page.locator("#log tbody tr").first).to_contain_text("503")
    shot(page, "faults")
    page.get_by_role("button", name="both clouds down (503)").click()
    expect(page.get_by_role("button", name="both clouds down (503)")).to_have_attribute(
        "aria-pressed", "false"
    )
    assert demo.call("GET", "/sites").status_code == 200


def test_the_request_log_is_filtered(page: Page, demo: Tenant) -> None:
    demo.call("GET", "/sites")
    demo.call("GET", "/gateways/nowhere")
    rows = page.locator("#log tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("status").select_option("4")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("/v2/gateways/nowhere")
    page.get_by_label("path").fill("sites")
    expect(rows).to_have_count(0)


def test_names_are_text_and_never_markup(page: Page, demo: Tenant) -> None:
    name = "<img src=x onerror=alert(1)>"
    params = {"siteId": "1", "model": "52", "name": name}
    demo.ok("POST", "/registerGateway", {"reqId": "markup", "params": params})
    expect(page.locator("#tree summary")).to_contain_text(name)
    assert page.locator("#tree img").count() == 0


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, demo: Tenant) -> None:
    _, sensor = sensor_with_points(demo)
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    page.locator(".sensors button", has_text=sensor).click()
    expect(page.locator("#plot-area circle")).to_have_count(40)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, "phone")


@pytest.mark.parametrize(("cloud", "operation"), [("thingplus", "putSeries"), ("otosense", "provision")])
def test_the_api_is_rendered(page: Page, demo: Tenant, cloud: str, operation: str) -> None:
    page.goto(f"{demo.url}/docs/{cloud}")
    entry = page.locator(f"#{operation}")
    entry.locator("summary").first.click()
    expect(entry).to_contain_text("application/json")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shot(page, f"docs-{cloud}")
