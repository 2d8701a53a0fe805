"""The least that carries a reading to the cloud, with none of Ferry's promises: what `cost.py` compares with.

One pull loop on a core subscription, msgspec, pyreqwest, one ack a message, a PUT in flight for each sensor. Nothing is
retried, checked, counted, bounded or handed over. `prototype.py NATS_URL CLOUD_URL POINTS`.
"""

import asyncio
import gc
import json
import sys

import msgspec
import nats
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from pyreqwest.client import ClientBuilder

from ferry.clouds.thingplus.paths import series_path

BATCH = 256
AT_ONCE = 64


class Reading(msgspec.Struct):
    value: str
    time: int


_decode = msgspec.json.Decoder(Reading).decode
_encode = msgspec.json.Encoder().encode


class Prototype:
    def __init__(self, client: Client, cloud: str, points: int) -> None:
        self._client = client
        self._cloud = cloud
        self._points = points
        self._waiting: dict[str, list[tuple[Reading, str]]] = {}
        self._busy: set[str] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._expected = 0
        self._more = asyncio.Event()
        self._headers = {"Content-Type": "application/json", "Authorization": "Bearer " + "x" * 180}

    async def run(self) -> None:
        jetstream = self._client.jetstream()
        await jetstream.add_consumer(
            "FERRY_READINGS", ConsumerConfig(durable_name="prototype", max_ack_pending=8192)
        )
        inbox = self._client.new_inbox()
        await self._client.subscribe(
            inbox, cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        subject = "$JS.API.CONSUMER.MSG.NEXT.FERRY_READINGS.prototype"
        async with (
            ClientBuilder().max_connections(AT_ONCE).pool_max_idle_per_host(AT_ONCE).build() as self._http
        ):
            while True:
                self._more.clear()
                self._expected = BATCH
                await self._client.publish(
                    subject, json.dumps({"batch": BATCH, "expires": 5_000_000_000}).encode(), reply=inbox
                )
                await self._more.wait()
                while len(self._tasks) > 4 * BATCH:
                    await asyncio.sleep(0.002)

    async def _on_message(self, msg: Msg) -> None:
        if not msg.reply:
            self._more.set()
            return
        self._expected -= 1
        if self._expected == 0:
            self._more.set()
        sensor = msg.subject.partition(".")[2]
        self._waiting.setdefault(sensor, []).append((_decode(msg.data), msg.reply))
        if sensor not in self._busy:
            self._busy.add(sensor)
            task = asyncio.ensure_future(self._forward(sensor))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, sensor: str) -> None:
        tokens = sensor.split(".")
        url = self._cloud + series_path(tokens[3], tokens[5])
        waiting = self._waiting[sensor]
        while waiting:
            taken, waiting[:] = waiting[: self._points], waiting[self._points :]
            async with self._room:
                body = _encode([reading for reading, _ in taken])
                async with (
                    self._http.put(url).headers(self._headers).body_bytes(body).build_streamed() as response
                ):
                    await response.body_reader.read(65_536)
            for _, reply in taken:
                await self._client.publish(reply, b"+ACK")
        self._busy.discard(sensor)


async def main(url: str, cloud: str, points: int) -> None:
    client = await nats.connect(url)
    await Prototype(client, cloud, points).run()


if __name__ == "__main__":
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
