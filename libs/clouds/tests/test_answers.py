"""Which answers are Thing+'s own, and what they say of the request: a table, then anything at all."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.clouds.thingplus.answers import Kind, is_retryable, read_reply

HTML = b"<html><title>Bad gateway</title></html>"


def envelope(status: object, code: str = "", message: str = "words", **more: object) -> bytes:
    errors = [{"category": "REQUEST_ERROR", "code": code, "message": message}] if code else []
    return json.dumps({"statusCode": status, "message": "Bad", "errors": errors, **more}).encode()


def named(name: str, message: str, **more: object) -> bytes:
    return json.dumps({"name": name, "message": message, **more}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # delivered
        (200, envelope(200), Kind.DELIVERED),
        (200, envelope("200"), Kind.DELIVERED),
        (201, envelope(201), Kind.DELIVERED),
        (200, envelope(201), Kind.DELIVERED),
        (200, b'{"statusCode":200}', Kind.DELIVERED),
        (200, b'\xef\xbb\xbf{"statusCode":200}', Kind.DELIVERED),
        (200, b'{"statusCode":200,"data":{"name":"\xff"}}', Kind.DELIVERED),
        (204, b"", Kind.DELIVERED),
        (204, b" \r\n", Kind.DELIVERED),
        (204, envelope(204), Kind.DELIVERED),
        # the bearer
        (401, envelope(401), Kind.BEARER),
        (401, envelope(401, "NEED_LOGIN"), Kind.BEARER),
        (401, named("JsonWebTokenError", "invalid signature"), Kind.BEARER),
        (401, named("TokenExpiredError", "jwt expired", expiredAt="2026"), Kind.BEARER),
        (403, named("JsonWebTokenError", "jwt malformed"), Kind.BEARER),
        (400, named("NotBeforeError", "jwt not active"), Kind.BEARER),
        (200, named("TokenExpiredError", "jwt expired"), Kind.BEARER),
        (401, named("TokenError", "no", code="incorrect_client_credentials", status=401), Kind.BEARER),
        (403, named("TokenError", "no", code="unauthorized_user", status=403), Kind.BEARER),
        (200, named("TokenError", "no", code="unauthorized_user", status=403), Kind.BEARER),
        (401, b'"Access denied"', Kind.BEARER),
        (403, b'"jwt malformed"', Kind.BEARER),
        (403, b'{"message":"jwt malformed"}', Kind.BEARER),
        (403, envelope(403, "JsonWebTokenError", "jwt malformed"), Kind.BEARER),
        (403, b'{"statusCode":403,"message":"jwt malformed"}', Kind.BEARER),
        (200, envelope(401), Kind.BEARER),
        # the reading
        (400, envelope(400, "INVALID_INPUT"), Kind.PAST_TIME),
        (200, envelope(400, "INVALID_INPUT"), Kind.PAST_TIME),
        (204, envelope(400, "INVALID_INPUT"), Kind.PAST_TIME),
        (400, envelope(400, "SCHEMA_VALIDATE"), Kind.READING),
        (400, envelope(400, "JSON_PARSING"), Kind.READING),
        (400, envelope(400, "MISMATCH_ERROR"), Kind.READING),
        (400, envelope(400, "NEW_CODE"), Kind.READING),
        (400, envelope(400), Kind.READING),
        (400, b'{"statusCode":400}', Kind.READING),
        (400, b'{"statusCode":400,"errors":[{}]}', Kind.READING),
        (400, b'{"statusCode":400,"errors":"no"}', Kind.READING),
        (400, b'{"statusCode":400,"errors":[{"code":["x"],"message":7}],"name":["x"]}', Kind.READING),
        (413, envelope(413), Kind.TOO_LARGE),
        (413, HTML, Kind.TOO_LARGE),
        (413, b"", Kind.TOO_LARGE),
        (200, envelope(413), Kind.TOO_LARGE),
        # the entity
        (403, envelope(403, "ACCESSGROUP_DENY"), Kind.ENTITY),
        (403, envelope(403, "ACL_DENY", "jwt of sensor x"), Kind.ENTITY),
        (404, envelope(404, "NOT_FOUND"), Kind.ENTITY),
        (404, envelope(404, "NOT_FOUND", "jwt malformed"), Kind.ENTITY),
        (404, envelope(404), Kind.ENTITY),
        (409, envelope(409, "CONFLICT"), Kind.ENTITY),
        (200, envelope(404, "NOT_FOUND"), Kind.ENTITY),
        (400, envelope(400, "NOT_FOUND"), Kind.ENTITY),
        # the account
        (471, envelope(471, "BILLING"), Kind.ACCOUNT),
        (471, envelope(471), Kind.ACCOUNT),
        (403, envelope(403, "NEED_LOGIN"), Kind.ACCOUNT),
        (400, envelope(400, "BILLING"), Kind.ACCOUNT),
        (200, envelope(471, "BILLING"), Kind.ACCOUNT),
        # perhaps there: no proof
        *(
            (status, body, Kind.RETRY)
            for status in (202, 207)
            for body in (envelope(status), envelope(str(status)), envelope(200), envelope(status, "CONFLICT"))
        ),
        (200, envelope(207), Kind.RETRY),
        (207, envelope(202), Kind.RETRY),
        (207, envelope(400, "INVALID_INPUT"), Kind.PAST_TIME),
        (207, b"{}", Kind.FOREIGN),
        # later
        *((status, envelope(status, "SCHEMA_VALIDATE"), Kind.RETRY) for status in (408, 425, 429, 444, 600)),
        *(
            (status, body, Kind.RETRY)
            for status in (408, 425, 429, 444, 500, 504, 599)
            for body in (HTML, b"")
        ),
        (500, envelope(500, "SERVER_ERROR"), Kind.RETRY),
        (200, envelope(500), Kind.RETRY),
        (200, envelope(600), Kind.RETRY),
        (502, envelope(200), Kind.RETRY),
        (500, named("JsonWebTokenError", "jwt malformed"), Kind.RETRY),
        (501, named("TokenError", "no", code="unsupported_grant_type", status=501), Kind.RETRY),
        (400, envelope(400, "DB_ERROR"), Kind.RETRY),
        (400, envelope(400, "SERVER"), Kind.RETRY),
        (422, envelope(422), Kind.RETRY),
        (405, envelope(405), Kind.RETRY),
        # not Thing+'s
        (200, b"", Kind.FOREIGN),
        (200, HTML, Kind.FOREIGN),
        (200, b"{}", Kind.FOREIGN),
        (200, b"[]", Kind.FOREIGN),
        (200, b"null", Kind.FOREIGN),
        (200, b'"Access denied"', Kind.FOREIGN),
        (200, envelope(200) + b"<html>", Kind.FOREIGN),
        (200, envelope(302), Kind.FOREIGN),
        (200, envelope(0), Kind.FOREIGN),
        (200, envelope(status=True), Kind.FOREIGN),
        (200, envelope("OK"), Kind.FOREIGN),
        (200, envelope(10**40), Kind.FOREIGN),
        (200, b'{"statusCode":' + b"2" * 5000 + b"}", Kind.FOREIGN),
        (204, HTML, Kind.FOREIGN),
        *(
            (status, HTML, Kind.FOREIGN)
            for status in (100, 301, 302, 400, 401, 402, 403, 404, 407, 409, 471, 700)
        ),
        (302, envelope(302), Kind.FOREIGN),
        (302, named("JsonWebTokenError", "invalid token"), Kind.FOREIGN),
        (401, b"", Kind.FOREIGN),
        (401, b'{"error":"invalid_token"}', Kind.FOREIGN),
        (404, b'{"error":"Not Found","status":404}', Kind.FOREIGN),
        (404, b'"Not found"', Kind.FOREIGN),
        (400, envelope(404, "NOT_FOUND"), Kind.FOREIGN),
        (400, envelope(200), Kind.FOREIGN),
        (400, b"[" * 100_000, Kind.FOREIGN),
        (200, b'{"statusCode":200,"data":' + b"[" * 100_000, Kind.FOREIGN),
        (200, b'{"statusCode":200,"data":NaN}', Kind.FOREIGN),
    ],
)
def test_what_an_answer_means(status, body, kind):
    reply = read_reply(status, body)
    assert reply.kind is kind
    inside = {"DELIVERED", "RETRY", "FOREIGN"}
    assert reply.status >= 400 or reply.kind.name in inside


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'"OK"', b'{"ok":true}'])
def test_a_setting_takes_any_json_of_a_success_for_delivered(body):
    assert read_reply(200, body).kind is Kind.FOREIGN
    assert read_reply(200, body, accept_any_json=True).kind is Kind.DELIVERED


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, HTML, Kind.FOREIGN),
        (200, b"", Kind.FOREIGN),
        (302, b"{}", Kind.FOREIGN),
        (404, b"{}", Kind.FOREIGN),
        (200, envelope(302), Kind.FOREIGN),
        (200, envelope(400, "INVALID_INPUT"), Kind.PAST_TIME),
        (200, named("TokenExpiredError", "jwt expired"), Kind.BEARER),
        (202, b"{}", Kind.RETRY),
        (207, b"[]", Kind.RETRY),
        (207, envelope(207), Kind.RETRY),
    ],
)
def test_that_setting_takes_nothing_else_for_delivered(status, body, kind):
    assert read_reply(status, body, accept_any_json=True).kind is kind


@pytest.mark.parametrize(
    ("status", "body", "content_type", "words"),
    [
        (404, HTML, "text/html; charset=utf-8", "404 text/html: not Thing+'s"),
        (502, HTML, "TEXT/HTML", "502 text/html: not Thing+'s"),
        (200, b"", "", "200 empty body: not Thing+'s"),
        (200, b"x", "", "200 untyped body: not Thing+'s"),
        (200, b"x", "a\x1b[31m\u202eb\r\nc", "200 a [31m b c: not Thing+'s"),
        (404, b'{"message":"no Route"}', "application/json", "404 application/json: not Thing+'s (no Route)"),
        (400, envelope(400, "SCHEMA_VALIDATE", "value\nno"), "", "400 SCHEMA_VALIDATE: value no"),
        (400, envelope(400), "", "400 Bad"),
        (400, b'{"statusCode":400}', "", "400"),
        (401, b'"Access denied"', "", "401 Access denied"),
        (401, named("TokenExpiredError", "jwt expired"), "", "401 TokenExpiredError: jwt expired"),
        (200, envelope(404, "NOT_FOUND", "no such sensor"), "", "404 NOT_FOUND: no such sensor"),
    ],
)
def test_the_words_that_operators_read(status, body, content_type, words):
    assert read_reply(status, body, content_type).words == words


def test_words_are_bounded_and_fit_for_any_terminal():
    message = "\ud800\x1b[2J\u2028\u202e" + "x" * 100_000
    reply = read_reply(400, json.dumps({"statusCode": 400, "message": message, "code": message}).encode())
    assert len(reply.message) == 300
    assert len(reply.code) == 64
    assert reply.words.isprintable()
    assert reply.words.encode()


def test_a_secret_that_is_echoed_is_replaced_before_the_words_are_cut():
    body = envelope(400, "c4nary-code", "x" * 290 + "c4nary")
    reply = read_reply(400, body, secrets=["c4n", "c4nary", ""])
    assert "c4n" not in reply.words
    assert reply.code == "[secret]-code"


def test_a_status_is_worth_another_try_by_one_list():
    worth = {status for status in range(1000) if is_retryable(status)}
    assert worth == {408, 425, 429, 444, 600, *range(500, 600)}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([200, 400, "200", "jwt "]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["statusCode", "name", "code", "message", "errors", "status", "data"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(-(10**6), 10**6) | st.integers(100, 620),
    body=st.binary() | json_values.map(lambda value: json.dumps(value).encode(errors="replace")),
    content_type=st.text(),
    accept=st.booleans(),
)
def test_no_answer_raises(status, body, content_type, accept):
    reply = read_reply(status, body, content_type, accept_any_json=accept)
    assert reply.words.isprintable()
    assert len(reply.words) < 600
    reply.words.encode()


def test_the_way_of_a_reading_imports_no_http_client():
    code = (
        "import sys, ferry.clouds.thingplus.answers, ferry.clouds.thingplus.series, ferry.clouds.thingplus.paths;"
        "print(sorted({'httpx2', 'httpcore2', 'anyio', 'ssl'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
