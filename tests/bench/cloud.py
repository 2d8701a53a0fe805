"""A cloud that answers every PUT at once and keeps only their number: what is measured is Ferry. `cloud.py PORT`."""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

ANSWER = (
    b'{"statusCode":200,"message":"OK","data":{"type":"series","time":"1495718672169","value":"36.3",'
    b'"srcDbType":"sensor","id":"series.sensor.tOZhgI"}}'
)
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(ANSWER)


class Connection(asyncio.Protocol):
    served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(REPLY + b"Served: %d\r\n\r\n" % Connection.served + ANSWER)
        Connection.served += self._parser.get_method() == b"PUT"


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
