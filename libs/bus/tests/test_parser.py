"""The parser of a connection, held to nats-py's own, however the connection cuts what it brings."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from ferry.bus.parser import TolerantParser

DIRECT, OTHER = 7, 8
HEADERS = {"Status": "409", "Description": "Batch Completed", "Nats-Pending-Messages": "3"}
BLOCK = b"NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 3\r\n\r\n"


class Heard:
    """What nats-py's parser calls, and what a receiver gets, as one list of events."""

    def __init__(self):
        self.events = []

    def receive(self, subject, reply, body, headers):
        self.events.append((DIRECT, subject, reply, body, headers))

    async def _process_msg(self, sid, subject, reply, body, block):
        self.events.append((sid, subject, reply, body, HEADERS if block else None))

    async def _process_ping(self):
        self.events.append("ping")

    async def _process_pong(self):
        self.events.append("pong")

    async def _process_info(self, info):
        self.events.append(info)

    async def _process_err(self, error):
        self.events.append(error)


def direct_parser(heard: Any, receive):
    return TolerantParser(heard, {b"%d" % DIRECT: receive})


def parsed(parser, heard, pieces):
    async def feed():
        for piece in pieces:
            await parser.parse(piece)

    asyncio.run(feed())
    return heard.events


def by_nats_py(pieces):
    heard = Heard()
    return parsed(Parser(heard), heard, pieces)


def directly(pieces):
    heard = Heard()
    return parsed(direct_parser(heard, heard.receive), heard, pieces)


token = st.text("abcÄ$*>-_9", min_size=1, max_size=5).map(str.encode)
body = st.binary(max_size=30) | st.sampled_from([b"\r\n", b"MSG a 7 3\r\nabc\r\n", b"PING\r\n"])


def message(subject, sid, reply, body, has_headers=False):
    words = [subject, b"%d" % sid, *([reply] if reply else [])]
    if has_headers:
        return b"HMSG %s %d %d\r\n%s%s\r\n" % (
            *(b" ".join(words), len(BLOCK), len(BLOCK) + len(body)),
            *(BLOCK, body),
        )
    return b"MSG %s %d\r\n%s\r\n" % (b" ".join(words), len(body), body)


messages = st.builds(
    message, token, st.sampled_from([DIRECT, OTHER]), st.just(b"") | token, body, st.booleans()
)
commands = messages | st.sampled_from(
    [b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b'INFO {"a":1}\r\n', b"-ERR 'Permissions Violation'\r\n"]
)


@given(st.lists(commands, max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_however_it_is_cut_it_hears_what_nats_py_hears(said, cuts):
    data = b"".join(said)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(edges)]
    assert directly(pieces) == by_nats_py([data])


@pytest.mark.parametrize("sid", [DIRECT, OTHER])
@pytest.mark.parametrize("space", [b"\x0b", b"\x0c"])
def test_a_subject_with_a_control_character_stops_nobody(sid, space):
    """nats-server stores it; nats-py's parser takes it for a space and gives the connection up."""
    subject = b"a" + space + b"b"
    odd = message(subject, sid, b"$JS.ACK.x", b"hi")
    with pytest.raises(ProtocolError):
        by_nats_py([odd])
    assert directly([odd, b"PING\r\n"]) == [(sid, subject, b"$JS.ACK.x", b"hi", None), "ping"]


def test_a_size_that_is_no_number_gives_the_connection_up():
    with pytest.raises(ProtocolError):
        directly([b"MSG a 7 x\r\n"])


def test_what_a_given_up_connection_brought_is_dropped():
    heard: Any = Heard()
    parser = direct_parser(heard, heard.receive)

    async def reset():
        parser.reset()

    heard._process_ping = reset
    data = message(b"a", DIRECT, b"", b"1")
    assert parsed(parser, heard, [data + b"PING\r\n" + data, data]) == [
        (DIRECT, b"a", b"", b"1", None),
        (DIRECT, b"a", b"", b"1", None),
    ]


def test_a_receiver_that_fails_ends_nothing():
    heard = Heard()

    def fail(*_):
        raise RuntimeError

    parser = direct_parser(heard, fail)
    assert parsed(parser, heard, [message(b"a", DIRECT, b"", b"1") + b"PING\r\n"]) == ["ping"]
