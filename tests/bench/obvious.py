"""What one would write first: a FastStream handler that puts each reading with httpx2. `obvious.py NATS_URL CLOUD_URL`.

No order, no coalescing, no dead letters: what cannot be delivered comes again at once.
"""

import asyncio
import sys

import httpx2
from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.annotations import NatsMessage
from pydantic import BaseModel

from ferry.clouds.thingplus.paths import series_path

AT_ONCE = 64
HEADERS = {"Authorization": "Bearer " + "x" * 180}


class Reading(BaseModel):
    value: str
    time: int


async def main(url: str, cloud: str) -> None:
    broker = NatsBroker(url, logger=None)
    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx2.AsyncClient(headers=HEADERS, limits=limits) as client:

        @broker.subscriber(
            "*.ferry.v1.gateways.*.sensors.*.series",
            stream=JStream("FERRY_READINGS", declare=False),
            durable="obvious",
            pull_sub=PullSub(batch_size=AT_ONCE),
            max_workers=AT_ONCE,
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        async def forward(reading: Reading, message: NatsMessage) -> None:
            tokens = message.raw_message.subject.split(".")
            response = await client.put(cloud + series_path(tokens[4], tokens[6]), json=reading.model_dump())
            response.raise_for_status()

        await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
