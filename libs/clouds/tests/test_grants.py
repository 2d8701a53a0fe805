import base64
import json

import pytest
from pydantic import SecretStr

from ferry.clouds import otosense_tokens
from ferry.clouds.answer import Answer
from ferry.clouds.errors import BadAnswerError, RefusedError
from ferry.clouds.grants import LONGEST_LIFE_S, CredentialsRefusedError, read_grant
from ferry.clouds.thingplus import tokens as thingplus_tokens
from ferry.clouds.thingplus.tokens import md5_of
from ferry.clouds.words import parse_json

DEFAULT_LIFE_S = 777.0

GUIDES_TOKEN = (
    "2yJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
    "eyJ1c2VySWQiOiIxIiwiY2xpZW50SWQiOiJ0ZXN0Q2xpZW50SWQiLCJpYXQiOjE0OTU0MzYwMzksImV4cCI6MTUwMzIxMjAzOX0."
    "dQ65zRCgRml96fTc8CDnExAukrFPSLd7NzDlUkf4eYk"
)
"""The form of the guide's token (chapter 4): 90 days between `iat` and `exp`."""


def jwt(**claims: object) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


def answer(status: int, body: object, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, text, parse_json(text.encode())[1])


def life(**body: object) -> float:
    own_status = thingplus_tokens.own_status
    return read_grant(answer(200, body), own_status, default_life_s=DEFAULT_LIFE_S).life_s


def test_the_guides_token_lives_ninety_days():
    assert life(access_token=GUIDES_TOKEN, token_type="Bearer") == 90 * 86_400


@pytest.mark.parametrize("given", [3600, 3600.0, "3600", " 3600 "])
def test_expires_in_is_a_number_or_a_string(given):
    assert life(access_token="eyJ0eXBlIXN0In0=.OTMM.L/c=", expires_in=given) == 3600


@pytest.mark.parametrize(
    "given", [None, True, 0, -5, 0.001, "0", "soon", "NaN", "inf", "-inf", [], {}, "1e999", "9" * 5000]
)
def test_a_senseless_expires_in_is_as_good_as_none(given):
    assert life(access_token="opaque", expires_in=given) == DEFAULT_LIFE_S
    assert life(access_token=jwt(iat=100, exp=160), expires_in=given) == 60


@pytest.mark.parametrize(
    "token", [jwt(exp=100), jwt(iat=100, exp=100), jwt(iat="a", exp="b"), "a.b", "a.!.c", "a.bm90IGpzb24.c"]
)
def test_a_jwt_that_says_no_life_is_opaque(token):
    assert life(access_token=token) == DEFAULT_LIFE_S


def test_no_life_is_longer_than_sense():
    assert life(access_token="t", expires_in=10**30) == LONGEST_LIFE_S


@pytest.mark.parametrize("token", [None, "", 7, "a b", "a\r\nb", "ä", "x" * 20_000])
def test_what_no_header_can_carry_is_no_token(token):
    with pytest.raises(BadAnswerError):
        life(access_token=token)


def test_the_password_is_hashed_as_the_guide_shows():
    assert md5_of(SecretStr("your_password")).get_secret_value() == "1060b7b46a3bd36b3a0d66e0127d0517"


HTML = "<!DOCTYPE html><html><body>Not Found</body></html>"
TOKEN_ERROR = {"name": "TokenError", "message": "no", "code": "incorrect_client_credentials", "status": 401}
ENVELOPE = {"statusCode": 403, "message": "Forbidden", "errors": [{"code": "ACL_DENY", "message": "no"}]}
READERS = {"thingplus": thingplus_tokens.own_status, "otosense": otosense_tokens.own_status}
REFUSED: dict[str, list[tuple[int, object]]] = {
    "thingplus": [
        (401, TOKEN_ERROR),
        (400, {"name": "TokenError", "message": "no", "code": "invalid_request", "status": 400}),
        (403, {"name": "TokenError", "message": "no", "code": "unauthorized_user", "status": 403}),
        (403, {"name": "TokenError", "message": "no"}),
        (401, '"Access denied"'),
        (403, ENVELOPE),
        (200, TOKEN_ERROR),
        (400, {"error": "invalid_grant", "error_description": "no"}),
    ],
    "otosense": [
        (401, {"message": "Unauthorized"}),
        (400, {"message": "grant_type"}),
        (403, {"message": "Forbidden"}),
        (401, ""),
        (401, {"error": "invalid_client"}),
    ],
}
BAD: list[tuple[int, object]] = [
    *((status, HTML) for status in (200, 400, 401, 403, 404, 405, 407, 409, 410, 413, 415, 451, 501)),
    *((status, "") for status in (200, 204, 400, 403, 404, 405, 407, 413, 501)),
    *((status, {}) for status in (200, 400, 401, 403, 404)),
    *((status, "") for status in (300, 301, 302, 303, 307, 308)),
    (302, TOKEN_ERROR),
    (404, {"name": "TokenError", "message": "no", "status": 404}),
    (501, {"name": "TokenError", "message": "no", "code": "unsupported_grant_type", "status": 501}),
    (404, {"statusCode": 404, "message": "Not Found", "errors": []}),
    (404, {"message": "no route"}),
    (407, {"message": "Proxy Authentication Required"}),
    (413, {"message": "Payload Too Large"}),
    (200, {"error": "invalid_client"}),
    (401, {"error": {"code": 401}}),
    (400, [TOKEN_ERROR]),
    (403, {"error": "blocked by policy"}),
    (200, "[" * 100_000),
]
LATER = [408, 425, 429, 444, 500, 502, 503, 504, 600]


@pytest.mark.parametrize(
    ("cloud", "status", "body"),
    [(cloud, status, body) for cloud, cases in REFUSED.items() for status, body in cases],
)
def test_credentials_are_refused_in_the_endpoints_own_words(cloud, status, body):
    with pytest.raises(CredentialsRefusedError):
        read_grant(answer(status, body), READERS[cloud], default_life_s=1)


@pytest.mark.parametrize("cloud", READERS)
@pytest.mark.parametrize(("status", "body"), BAD, ids=lambda value: str(value)[:30])
def test_all_else_says_nothing_of_the_credentials(cloud, status, body):
    with pytest.raises(BadAnswerError) as bad:
        read_grant(answer(status, body, content_type="text/html"), READERS[cloud], default_life_s=1)
    assert bad.value.status == status
    assert len(str(bad.value)) < 400


@pytest.mark.parametrize("cloud", READERS)
@pytest.mark.parametrize("status", LATER)
@pytest.mark.parametrize(
    "body", [HTML, "", {"message": "busy"}, {"statusCode": 503}], ids=lambda value: str(value)[:9]
)
def test_what_may_pass_is_tried_again(cloud, status, body):
    with pytest.raises(RefusedError) as refused:
        read_grant(answer(status, body, retry_after="7"), READERS[cloud], default_life_s=1)
    assert not isinstance(refused.value, CredentialsRefusedError)
    assert refused.value.retry_after_s == 7


@pytest.mark.parametrize("status", [200, 400, 401, 404, 503])
def test_no_secret_comes_back_in_the_words(status):
    said = {"message": "sent s3cret", "code": "s3cret", "error": "s3cret"}
    sent = answer(status, said, content_type="text/s3cret")
    with pytest.raises((RefusedError, BadAnswerError)) as error:
        read_grant(sent, otosense_tokens.own_status, default_life_s=1, secrets=("s3cret",))
    assert "s3cret" not in f"{error.value} {vars(error.value)}"
