import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ferry.auth import schedule
from ferry.auth.refresh import classify
from ferry.auth.seal import Seal
from ferry.auth.settings import AuthSettings
from ferry.clouds.errors import RefusedError
from ferry.runtime.settings import NatsSettings

NATS = NatsSettings(url="nats://127.0.0.1")
chances = st.floats(0, 1, exclude_max=True)


@given(st.floats(0.1, 1e9), chances)
def test_jitter_only_makes_a_refresh_earlier(life_s, chance):
    assert 0.64 * life_s < schedule.refresh_in(life_s, chance) <= 0.75 * life_s


@given(st.sampled_from(["refused", "unavailable", "bad_answer"]), st.integers(1, 10**6), chances)
def test_back_off_grows_within_bounds(outcome, failures, chance):
    assert 0.5 <= schedule.retry_in(outcome, failures, None, chance) <= 300


def test_what_the_cloud_asks_for_is_waited_within_an_hour():
    assert schedule.retry_in("unavailable", 1, 120, 0) == 120
    assert schedule.retry_in("unavailable", 1, 10**6, 0) == 3600


def test_a_token_is_ending_in_its_last_week_or_tenth():
    day = 86_400.0
    assert not schedule.is_ending(90 * day, 8 * day)
    assert schedule.is_ending(90 * day, 6 * day)
    assert not schedule.is_ending(3600, 400)
    assert schedule.is_ending(3600, 300)


@pytest.mark.parametrize(
    ("state", "statuses"),
    [("refused", (400, 401, 403, 404, 501)), ("unavailable", (408, 425, 429, 500, 503))],
)
def test_what_a_status_says_of_the_credentials(state, statuses):
    assert {classify(RefusedError(status, "", "")) for status in statuses} == {state}


def test_a_seal_opens_with_its_own_key_for_its_own_name_only():
    seal = Seal.from_key("k" * 32, "thingplus")
    sealed = seal.close("a", b"plain")
    assert b"plain" not in sealed
    assert seal.open("a", sealed) == b"plain"
    assert seal.open("b", sealed) is None
    assert Seal.from_key("k" * 32, "otosense").open("a", sealed) is None
    assert Seal.from_key("l" * 32, "thingplus").open("a", sealed) is None
    assert seal.open("a", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert seal.open("a", b"") is None
    assert seal.close("a", b"plain") != sealed


def test_replicas_with_the_same_credentials_derive_the_same_key():
    sealed = Seal.from_credentials(("id", "secret"), "thingplus").close("a", b"plain")
    assert Seal.from_credentials(("id", "secret"), "thingplus").open("a", sealed) == b"plain"
    assert Seal.from_credentials(("ids", "ecret"), "thingplus").open("a", sealed) is None


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "https://u:p@x/", "https://x/?a=b", "https://x/#a", "thingplus.net/v2"]
)
def test_a_url_is_a_clouds_base_and_carries_no_secret(url):
    with pytest.raises(ValidationError):
        AuthSettings(nats=NATS, thingplus={"url": url})


def test_an_empty_value_means_unset():
    settings = AuthSettings(
        nats=NATS, thingplus={"url": "https://x/v2/", "client_id": ""}, otosense={"url": ""}
    )
    assert settings.otosense is None
    assert settings.thingplus
    assert (settings.thingplus.url, settings.thingplus.client_id) == ("https://x/v2", None)


def test_a_colon_in_basics_id_needs_the_encoded_form():
    account = {"url": "https://x", "client_id": "a:b"}
    with pytest.raises(ValidationError, match="FORM_ENCODED"):
        AuthSettings(nats=NATS, otosense=account)
    assert AuthSettings(nats=NATS, otosense={**account, "form_encoded": True}).otosense
