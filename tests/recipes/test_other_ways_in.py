"""The MQTT and browser recipes of docs/publish/other-languages.md, and what it says about MQTT 5 and dots."""

import contextlib
import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from playwright.async_api import async_playwright

from harness import recipes
from harness.bus import bus as a_bus
from harness.mqtt import sensor
from harness.processes import eventually
from harness.recipes import SUBJECT

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
LISTENERS = 'mqtt { listen: "127.0.0.1:-1" }\nwebsocket { listen: "127.0.0.1:-1", no_tls: true }\n'


@pytest.fixture
async def bus(tmp_path):
    async with a_bus(tmp_path / "bus", config=LISTENERS) as running:
        await running.lay()
        yield running


@pytest.fixture
def secrets(bus):
    return bus.folder / "secrets" / "plant"


async def test_the_recipe_for_mqtt(bus, secrets, tmp_path):
    (tmp_path / "publish.py").write_text(recipes.blocks("mqtt")["publish.py"])
    address = urlsplit(await bus.listener("MQTT"))
    env = {
        "FERRY_SECRETS_DIR": str(secrets),
        "MQTT_HOST": str(address.hostname),
        "MQTT_PORT": str(address.port),
    }
    code, said = await recipes.run("mqtt", tmp_path, env)
    assert (code, "the server has it" in said) == (0, True), said
    assert [subject for subject, _ in await recipes.stored(bus, 1)] == [SUBJECT]


async def test_a_client_of_mqtt_5_is_told_that_its_version_is_refused(bus, secrets):
    refusals: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="five", protocol=paho.MQTTv5)
    client.username_pw_set((secrets / "MQTT_USER").read_text(), (secrets / "MQTT_PASSWORD").read_text())
    client.on_connect = lambda _c, _u, _f, code, _p: refusals.append(str(code))
    client.on_disconnect = lambda _c, _u, _f, code, _p: refusals.append(str(code))
    address = urlsplit(await bus.listener("MQTT"))
    client.connect(str(address.hostname), address.port or 0)
    client.loop_start()

    async def told():
        return refusals

    try:
        await eventually(told, what="a refusal")
    finally:
        client.disconnect()
        client.loop_stop()
    assert refusals[0] == "Unsupported protocol version"

    async def logged():
        return "unacceptable protocol version of 5" in bus.process.text()

    await eventually(logged, what="the server's own words")  # it answers first


async def test_a_dot_in_a_topic_is_no_dot_of_the_subject(bus, secrets):
    async with sensor(await bus.listener("MQTT"), secrets, None) as mqtt:
        await mqtt.publish("ferry/v1/gateways/gateway-0/sensors/boiler.1/series", b'{"value":"1"}')
        await mqtt.publish(SUBJECT, b'{"value":"2"}')  # the subject itself as a topic
        await mqtt.publish(SUBJECT.replace(".", "/"), b'{"value":"3"}')
    assert await recipes.stored(bus, 2) == [
        ("ferry.v1.gateways.gateway-0.sensors.boiler//1.series", b'{"value":"1"}'),
        (SUBJECT, b'{"value":"3"}'),
    ]


@contextlib.contextmanager
def served(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@recipes.opt_in
@pytest.mark.timeout(600)
async def test_the_recipe_for_a_page_in_a_browser(bus, secrets, tmp_path):
    page_files = recipes.prepared_or_skipped("browser", ["node", "npm", "chromium"]) / "page"
    for file in page_files.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    me = {
        "server": await bus.listener("websocket"),
        "seed": (secrets / "FERRY_NATS__NKEY_SEED").read_text(),
        "inboxPrefix": (secrets / "FERRY_NATS__INBOX_PREFIX").read_text(),
    }
    (tmp_path / "me.json").write_text(json.dumps(me))
    with served(tmp_path) as url:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = await browser.new_page()
            await page.goto(url)
            await page.click("button")
            await page.wait_for_function("document.querySelector('output').textContent", timeout=15_000)
            said = await page.text_content("output")
            await browser.close()
    assert said == "stored in FERRY_READINGS as 1"
    assert [subject for subject, _ in await recipes.stored(bus)] == [SUBJECT]
