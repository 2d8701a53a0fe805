import base64
import json

import pytest
from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError
from ferry.clouds.grants import DEFAULT_LIFE_S, LONGEST_LIFE_S, read_grant
from ferry.clouds.http import Answer
from ferry.clouds.thingplus.tokens import md5_of

GUIDES_TOKEN = (
    "2yJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
    "eyJ1c2VySWQiOiIxIiwiY2xpZW50SWQiOiJ0ZXN0Q2xpZW50SWQiLCJpYXQiOjE0OTU0MzYwMzksImV4cCI6MTUwMzIxMjAzOX0."
    "dQ65zRCgRml96fTc8CDnExAukrFPSLd7NzDlUkf4eYk"
)
"""The form of the guide's token (chapter 4): 90 days between `iat` and `exp`."""


def jwt(**claims: object) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


def life(**body: object) -> float:
    return read_grant(Answer(200, {}, "", body)).life_s


def test_the_guides_token_lives_ninety_days():
    assert life(access_token=GUIDES_TOKEN, token_type="Bearer") == 90 * 86_400


@pytest.mark.parametrize("given", [3600, 3600.0, "3600", " 3600 "])
def test_expires_in_is_a_number_or_a_string(given):
    assert life(access_token="eyJ0eXBlIXN0In0=.OTMM.L/c=", expires_in=given) == 3600


@pytest.mark.parametrize("given", [None, True, 0, -5, "soon", "NaN", "inf", [], {}, "1e999"])
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
