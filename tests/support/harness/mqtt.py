"""A sensor that speaks MQTT, and knows nothing of NATS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from harness.processes import eventually


class Sensor:
    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self.granted: list[int] = []

    async def publish(self, topic: str, body: bytes) -> None:
        """Returns with the PUBACK (QoS 1). Raises AssertionError when none comes."""
        sent = self._client.publish(topic, body, qos=1)

        async def acknowledged() -> bool:
            return sent.is_published()

        await eventually(acknowledged, what="a PUBACK")

    async def subscribe(self, topic: str) -> int:
        """What the server grants: 128 is a refusal (MQTT 3.1.1, chapter 3.9.3)."""
        self.granted.clear()
        self._client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.extend(c.value for c in codes)
        self._client.subscribe(topic, 1)

        async def answered() -> bool:
            return bool(self.granted)

        await eventually(answered, what="a SUBACK")
        return self.granted[0]


@asynccontextmanager
async def sensor(url: str, secrets: Path, ca: Path | None) -> AsyncIterator[Sensor]:
    """Connected as the MQTT user of a publisher. Raises AssertionError when the server refuses."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="sensor")
    client.username_pw_set((secrets / "MQTT_USER").read_text(), (secrets / "MQTT_PASSWORD").read_text())
    if ca:
        client.tls_set_context(ssl.create_default_context(cafile=str(ca)))
    address = urlsplit(url)
    client.connect(str(address.hostname), address.port or 0)
    client.loop_start()

    async def connected() -> bool:
        return client.is_connected()

    try:
        await eventually(connected, what="a CONNACK")
        yield Sensor(client)
    finally:
        client.disconnect()
        client.loop_stop()
