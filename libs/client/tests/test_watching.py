"""`ferry watch`: whatever passes becomes a line of bounded size, and a flood costs bounded memory."""

import asyncio
import contextlib
import io
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ferry.client.cli.operations.watch import _print
from ferry.client.watching.deliveries import Deliveries, watched_put
from ferry.client.watching.feed import MOST, Feed, Wanted
from ferry.client.watching.lines import LARGEST, Line, dead_letter, event, published
from ferry.contract import dead, subjects
from ferry.contract.telemetry import Failure, Presence
from ferry.contract.watching import WatchedPut

SERIES = subjects.sensor_series("plant-7", "boiler")


def printed(line, *, as_json=False):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        _print(line, as_json)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"value":"36.5"}', "36.5"),
        (b'{"value":36.5,"time":1495715734508}', "36.5 (time 1495715734508)"),
        (b'[{"value":"1"},{"value":"2"}]', "2 readings: 1 … 2"),
        (b"[]", "0 readings"),
        (b"{", "not JSON: {"),
        (b"\xff", "not JSON: \ufffd"),
        (b"", "not JSON: "),
        (b"x" * 100_000, "100000 bytes"),
        (b"[" * 60_000, "not JSON: " + "[" * 160),
        (b'{"value":NaN}', "NaN"),
        (b'{"v":1}', '{"v": 1}'),
        (b"null", "null"),
    ],
)
def test_a_reading_is_told_in_short(body, text):
    line = published(SERIES, body)
    assert (line.kind, line.gateway, line.sensor, line.text) == ("reading", "plant-7", "boiler", text)


def test_a_gateways_status_and_a_subject_of_no_contract():
    line = published(subjects.gateway_status("plant-7"), b'{"value":"on"}')
    assert (line.kind, line.gateway, line.sensor, line.text) == ("status", "plant-7", None, "on")
    odd = published("ferry.v1.gateways.plant-7.x", b"1")
    assert (odd.gateway, odd.text) == ("plant-7", "ferry.v1.gateways.plant-7.x: not in the contract")


def test_a_dead_letter_says_why():
    headers = {dead.DETAIL: "schema", dead.SUBJECT: SERIES}
    line = dead_letter(subjects.dead("refused", "plant-7", "boiler"), headers, b"1")
    assert (line.gateway, line.sensor, line.text, line.subject) == (
        "plant-7",
        "boiler",
        "refused: schema",
        SERIES,
    )
    assert dead_letter(subjects.dead("refused", "plant-7", None), None, b"").sensor is None


def test_events_name_whom_they_concern():
    told = event(subjects.event("registry", "sensor", "registered"), b'{"id":"boiler","owner":"plant-7"}')
    assert (told.gateway, told.sensor) == ("plant-7", "boiler")
    told = event(subjects.event("registry", "gateway", "registered"), b'{"id":"plant-7"}')
    assert (told.gateway, told.sensor) == ("plant-7", None)
    told = event(subjects.event("telemetry", "lane", "failing"), b'{"gateway":"plant-7","sensor":"boiler"}')
    assert (told.gateway, told.sensor) == ("plant-7", "boiler")
    assert told.text.startswith("telemetry lane failing: ")


def heartbeat(**counts):
    return Presence(replica="r1", **counts).model_dump_json().encode()


def test_deliveries_are_what_is_new_since_the_last_heartbeat():
    told = Deliveries()

    def since(**counts):
        line = told.since(heartbeat(**counts))
        return line and line.text

    assert since(delivered=5, puts=3) is None
    assert since(delivered=5, puts=3) is None
    assert since(delivered=9, puts=4, dead=1) == "r1: 4 delivered, 1 PUT, 1 dead letter"
    failing = {"delivered": 9, "puts": 4, "dead": 1, "breaker": "open", "breaker_cause": "503"}
    assert since(**failing) == "r1: circuit breaker open (503)"
    failures = (Failure(at=1, what="plant-7/boiler: 503"),)
    assert since(**failing, failures=failures) == "r1: plant-7/boiler: 503"
    assert since(delivered=1) == "r1: circuit breaker closed"
    assert told.since(b"[" * 50_000) is None


def a_put(**changes):
    fields = {"gateway": "plant-7", "sensor": "boiler", "kind": "series", "took": 12, "body": "[]", **changes}
    return WatchedPut.model_validate(fields).model_dump_json().encode()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"http_status": 200}, "PUT series, HTTP 200 after 12 ms: []"),
        ({"detail": "timed out"}, "PUT series, no answer: timed out after 12 ms: []"),
        ({"http_status": 200, "skipped": 3}, "3 PUTs not shown, then PUT series, HTTP 200 after 12 ms: []"),
    ],
)
def test_a_watched_put_says_how_it_ended(changes, text):
    line = watched_put(a_put(**changes))
    assert line
    assert (line.kind, line.gateway, line.sensor, line.text) == ("delivery", "plant-7", "boiler", text)
    assert watched_put(b"[" * 50_000) is None


def test_forged_heartbeats_of_many_replicas_take_bounded_memory():
    told = Deliveries()
    for number in range(3 * Deliveries.MOST):
        told.since(Presence(replica=f"r{number}").model_dump_json().encode())
    assert len(told._last) <= Deliveries.MOST


ANY_SUBJECT = st.text(max_size=30) | st.just(SERIES) | st.just("ferry.v1.dead.refused.g.s") | st.just("a.b.c")
ANY_BODY = st.binary(max_size=60) | st.recursive(
    st.none() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "time", "gateway", "id"]) | st.text(max_size=5), inner, max_size=3
        )
    ),
    max_leaves=6,
).map(lambda said: json.dumps(said).encode())


@given(
    ANY_SUBJECT, ANY_BODY, st.dictionaries(st.sampled_from([dead.DETAIL, dead.SUBJECT]), st.text(max_size=20))
)
@example(SERIES, b'{"value":"\x1b]0;owned\\u0007\\u001b[2J\\n"}', {dead.DETAIL: "\x1b[31m\r\n"})
@example(SERIES, b'{"value":' + b"9" * 5000 + b"}", {})
@example(SERIES, b'{"value":1e999}', {})
def test_whatever_passes_is_one_harmless_line(subject, body, headers):
    put = watched_put(a_put(gateway=subject, detail=str(headers), body=body.decode("utf-8", "replace")))
    assert put
    for line in (published(subject, body), dead_letter(subject, headers, body), event(subject, body), put):
        for as_json in (False, True):
            said = printed(line, as_json=as_json)
            assert said.count("\n") == 1
            assert said.endswith("\n")
            assert all(
                character == " " or unicodedata.category(character)[0] in "LMNPS" for character in said[:-1]
            )
        told = json.loads(printed(line, as_json=True), parse_constant=pytest.fail)
        assert told["kind"] == line.kind
        assert len(told.get("body", "")) <= LARGEST


def test_a_large_body_is_cut_and_said_to_be():
    line = published(SERIES, b"\xff" * 500_000)
    assert (len(line.body or ""), line.plain()["cut"]) == (LARGEST, True)
    assert "cut" not in published(SERIES, b"1").plain()


async def test_a_flood_takes_bounded_memory_and_what_is_lost_is_counted():
    feed = Feed(Wanted())
    for _ in range(MOST + 50):
        feed.put("readings", SERIES, None, b"x" * 400_000)
    told = [line async for line in every_line(feed)]
    assert told[0].text == "50 messages are not shown: they came faster than they can be"
    assert len(told) == 1 + MOST
    assert all(len(line.body or "") <= LARGEST for line in told)


async def every_line(feed):
    while line := await feed.next(0.01):
        yield line


@pytest.mark.parametrize(
    ("wanted", "count"),
    [(Wanted(), 4), (Wanted(gateway="plant-7"), 3), (Wanted(sensor="boiler"), 2), (Wanted(gateway="x"), 0)],
)
async def test_only_what_is_asked_for_is_shown(wanted, count):
    feed = Feed(wanted)
    feed.put("readings", SERIES, None, b"1")
    feed.put("readings", subjects.gateway_status("plant-7"), None, b"1")
    feed.put("readings", subjects.sensor_series("plant-8", "fan"), None, b"1")
    feed.put("dead", subjects.dead("refused", "plant-7", "boiler"), None, b"1")
    found = []
    while line := await feed.next(0.01):
        found.append(line)
    assert len(found) == count
    assert all(wanted.takes(line) for line in found)


@pytest.mark.parametrize(
    "wanted", [Wanted(), Wanted(gateway="g"), Wanted(sensor="s"), Wanted(gateway="g", sensor="s")]
)
def test_what_is_subscribed_to_is_what_an_operator_may_hear(wanted):
    single = "ferry.v1.telemetry.puts."
    allowed = (
        *("ferry.v1.gateways.", "ferry.v1.dead.", "ferry.v1.events.>"),
        single if wanted.filtered else "ferry.v1.telemetry.presence",
    )
    assert all(subject.startswith(allowed) for subject in wanted.subjects())
    assert len(wanted.subjects()) == 4


def test_a_line_without_an_address_is_shown():
    assert "note      lost" in printed(Line("note", "lost"))


async def test_nothing_waits_when_nothing_passes():
    async with asyncio.timeout(1):
        assert await Feed(Wanted()).next(0.01) is None
