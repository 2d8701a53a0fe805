import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.contract import subjects
from ferry.runtime.requests.inboxes import is_inbox, may_answer


@pytest.mark.parametrize(
    "reply",
    [
        "_INBOX.Ix9EXG0NQ7mv2bbDTDOLHx",  # Go, Rust, Java, C, the nats CLI
        "_INBOX.Ix9EXG0NQ7mv2bbDTDOLHx.dIiOLxQs",  # Go's and Node's one subscription for all requests
        "_INBOX.Ix9EXG0NQ7mv2bbDTDOLHx.17",  # Java's
        "_INBOX_operator.Ix9EXG0NQ7mv2bbDTDOLHx.a",  # a user of Ferry's
        "_INBOX_plant-7.app.Ix9EXG0NQ7mv2bbDTDOLHx",
        "_INBOX.cmFuZG9t+/==",  # Elixir's, in base64
        "_INBOX." + "x" * 248,
    ],
)
def test_an_inbox_as_clients_make_it(reply):
    assert is_inbox(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "_INBOX",
        "_INBOX.",
        "_INBOX..x",
        "_INBOX.x.",
        "_INBOX_.x",
        "_INBOXES.x",
        "_inbox.x",
        " _INBOX.x",
        "_INBOX.x\n",
        "_INBOX.x y",
        "_INBOX.x\x00",
        "_INBOX.*",
        "_INBOX.>",
        "_INBOX_*.x",
        "_INBOX.a*b",
        "_INBOX.é",
        "_INBOX.\udcff",
        "_INBOX." + "x" * 249,
        "_R_.abc.def",
        "x._INBOX.y",
        "$KV.ferry-tokens.thingplus.token",
        "$JS.API.STREAM.DELETE.FERRY_READINGS",
        "$JS.ACK.FERRY_READINGS.c.1.2.3.4.0",
        "ferry.v1.events.registry.gateway.deleted",
        "ferry.v1.gateways.g.sensors.s.series",
    ],
)
def test_everything_else(reply):
    assert not is_inbox(reply)


@given(st.text(max_size=300))
def test_no_text_ends_the_check_and_none_but_an_inbox_passes(text):
    if is_inbox(text):
        assert text.startswith("_INBOX")
        assert text.isascii()
        assert not set("*> \r\n\t") & set(text)
        assert "" not in text.split(".")
    assert not is_inbox(f"ferry.{text}")


@pytest.mark.parametrize("service", ["auth", "registry", "telemetry", "otosense"])
def test_a_services_inbox_gets_nothing_that_the_service_does_not_ask_for(service):
    reply = f"_INBOX_{service}.x.y"
    asked = {subject for subject in subjects.AUTH_TOKEN_GET.values() if may_answer(subject, reply)}
    assert (
        asked
        == {
            "auth": set(),
            "registry": {subjects.AUTH_THINGPLUS_TOKEN_GET},
            "telemetry": {subjects.AUTH_THINGPLUS_TOKEN_GET},
            "otosense": {subjects.AUTH_OTOSENSE_TOKEN_GET},
        }[service]
    )
    assert not may_answer(subjects.AUTH_STATE_GET, reply)
    assert not may_answer("$SRV.PING", reply)
    assert may_answer(subjects.AUTH_STATE_GET, f"_INBOX_{service}-2.x")
