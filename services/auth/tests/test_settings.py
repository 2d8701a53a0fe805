import pytest
from pydantic import ValidationError

from ferry.auth.settings import AuthSettings
from ferry.runtime.settings import NatsSettings

NATS = NatsSettings(url="nats://127.0.0.1")


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
