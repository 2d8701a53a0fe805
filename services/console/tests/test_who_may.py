"""Who is let in, and whose changes are done: everything else does nothing."""

from typing import Any

import pytest
from console_world import TOKEN, World, console, letter

from ferry.console.people.guard import local_path
from ferry.console.people.person import Person
from ferry.console.people.sessions import COOKIE, Sessions
from ferry.console.settings import PageSettings

PAGES = (
    *(
        "/",
        "/live",
        "/dead-letters",
        "/dead-letters/1",
        "/dead-letters/1/body",
        "/dead-letters/choose?do=replay",
    ),
    *(
        "/fleet",
        "/fleet/g1",
        "/fleet/g1/s1",
        "/fleet/g1/sensors/live",
        "/motor-sensors",
        "/pauses/choose?all=true",
    ),
    *("/actions", "/actions/x"),
)
CHANGES = ("/dead-letters/act", "/pauses/pause", "/pauses/resume", "/actions/x/stop", "/sign-out")
EVERYTHING = {"do": "discard", "until": "1800000000000", "count": "1"}
PROXY = {"proxies": "192.0.2.0/24, 2001:db8::1", "tokens": {}}


async def form_token(browser):
    text = (await browser.get("/dead-letters/choose?do=replay")).text
    return text.split('name="form_token" value="')[1].split('"')[0]


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_sees_nothing_and_nothing_is_asked(path):
    async with console(World()) as shown:
        streamed = await shown.browser.get(path, headers={"Accept": "text/event-stream"})
        assert streamed.status_code == 401
        answer = await shown.browser.get(path)
        assert answer.status_code == (401 if path == "/live" else 303)
        assert shown.world.asked == []


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("cookie", ["", "forged", "x.y.z", '["anna","token","x"]'])
async def test_a_stranger_changes_nothing(path, cookie):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        shown.browser.cookies.set(COOKIE, cookie)
        answer = await shown.browser.post(path, data=EVERYTHING)
        assert answer.status_code == 401
        assert (shown.world.asked, shown.world.told) == ([], [])


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "tökén" * 5, "x" * 10_000]
)
async def test_a_wrong_token_is_nobody(token):
    async with console(World()) as shown:
        assert (await shown.sign_in(token)).status_code == 403
        assert COOKIE not in shown.browser.cookies


async def test_a_token_is_its_owners_session():
    async with console(World()) as shown:
        answer = await shown.sign_in()
        assert answer.status_code == 303
        said = answer.headers["set-cookie"]
        assert all(word in said for word in ("HttpOnly", "SameSite=Lax", "Path=/"))
        assert TOKEN not in said
        assert "anna" in (await shown.browser.get("/")).text


async def test_what_came_by_https_is_a_cookie_for_https_alone():
    async with console(World(), origin="https://ferry.example") as shown:
        answer = await shown.sign_in(Origin="https://ferry.example")
        assert "Secure" in answer.headers["set-cookie"]


FOREIGN = (
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "https://console.test.evil.test"},
    {"Origin": "http://console.test:81"},
    {"Origin": "", "Sec-Fetch-Site": "cross-site"},
)


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_form_of_another_site_does_nothing(headers):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        stolen = await form_token(shown.browser)
        shown.world.asked.clear()
        for path in CHANGES:
            data = {**EVERYTHING, "form_token": stolen}
            assert (await shown.browser.post(path, data=data, headers=headers)).status_code == 403
        assert (await shown.sign_in(**headers)).status_code == 403
        assert (shown.world.asked, shown.world.told) == ([], [])
        assert shown.world.letters


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}])
async def test_who_does_not_say_where_a_form_is_from_does_nothing(headers):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        del shown.browser.headers["Origin"]
        data = {**EVERYTHING, "form_token": await form_token(shown.browser)}
        assert (await shown.browser.post(CHANGES[0], data=data, headers=headers)).status_code == 403
        assert shown.world.letters


@pytest.mark.parametrize("given", [None, "", "x" * 32])
async def test_a_form_without_its_own_token_does_nothing(given):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        data = EVERYTHING if given is None else {**EVERYTHING, "form_token": given}
        assert (await shown.browser.post(CHANGES[0], data=data)).status_code == 403
        assert shown.world.letters


async def test_a_form_of_an_earlier_session_does_nothing():
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        earlier = await form_token(shown.browser)
        await shown.sign_in()
        answer = await shown.browser.post(CHANGES[0], data={**EVERYTHING, "form_token": earlier})
        assert (answer.status_code, len(shown.world.letters)) == (403, 1)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
async def test_only_a_form_is_a_form(kind):
    async with console(World()) as shown:
        await shown.sign_in()
        answer = await shown.browser.post(CHANGES[0], content=b"do=discard", headers={"Content-Type": kind})
        assert answer.status_code == 400


@pytest.mark.parametrize("body", [b"a=" + b"x" * 20_000, b"a=%ff%fe", b"&".join([b"a=1"] * 200), b"\xff=1"])
async def test_a_form_that_is_too_large_or_no_text_is_refused(body):
    async with console(World()) as shown:
        await shown.sign_in()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await shown.browser.post(CHANGES[0], content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "GETX"])
async def test_no_other_method_does_anything(method):
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        shown.world.asked.clear()
        assert (await shown.browser.request(method, CHANGES[0], data=EVERYTHING)).status_code == 405
        assert shown.world.asked == []


async def test_a_get_of_a_change_does_nothing():
    async with console(World()) as shown:
        shown.world.add(letter(1))
        await shown.sign_in()
        assert (await shown.browser.get("/dead-letters/act?do=discard&all=1")).status_code in {400, 404, 405}
        assert shown.world.letters


async def test_a_proxy_names_the_person_and_a_form_works():
    async with console(World(), address="192.0.2.7", **PROXY) as shown:
        shown.world.add(letter(1))
        shown.browser.headers["X-Forwarded-User"] = "ben@example.org"
        data = {**EVERYTHING, "form_token": await form_token(shown.browser)}
        assert (await shown.browser.post(CHANGES[0], data=data)).status_code == 303
        assert (shown.world.told[0][1].who, shown.world.told[0][1].signed_in_by) == (
            "ben@example.org",
            "proxy",
        )


@pytest.mark.parametrize("address", ["198.51.100.1", "192.0.3.1", "2001:db8::2", "not-an-address", ""])
async def test_a_header_from_elsewhere_is_nobodys(address):
    async with console(World(), address=address, **PROXY) as shown:
        answer = await shown.browser.get(
            "/", headers={"X-Forwarded-User": "ben", "X-Forwarded-For": "192.0.2.7"}
        )
        assert answer.status_code == 303


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"])
async def test_a_proxy_is_known_in_every_form_of_its_address(address):
    async with console(World(), address=address, **PROXY) as shown:
        assert (await shown.browser.get("/", headers={"X-Forwarded-User": "ben"})).status_code == 200


BAD_NAMES = (b"", b" ", b"x" * 201, b"\xff", "a\u202eb".encode(), b"a\x00b", b"a\tb")


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_name_that_cannot_be_shown_is_nobodys(name):
    async with console(World(), address="192.0.2.7", **PROXY) as shown:
        answer = await shown.browser.get("/", headers=[(b"x-forwarded-user", name)])
        assert answer.status_code == 303


async def test_two_names_are_nobodys():
    async with console(World(), address="192.0.2.7", **PROXY) as shown:
        twice = [(b"x-forwarded-user", b"ben"), (b"X-Forwarded-User", b"eve")]
        assert (await shown.browser.get("/", headers=twice)).status_code == 303


async def test_a_session_of_the_proxy_ends_with_the_header():
    async with console(World(), address="192.0.2.7", **PROXY) as shown:
        await shown.browser.get("/", headers={"X-Forwarded-User": "ben"})
        assert COOKIE in shown.browser.cookies
        assert (await shown.browser.get("/")).status_code == 303


def test_another_token_ends_every_session():
    key = "k" * 24
    before = PageSettings(tokens={"anna": TOKEN, "ben": "b" * 24}, cookie_key=key)
    sealed = Sessions(before).seal(Sessions(before).begin(Person("anna", "token")))
    assert Sessions(before).open(sealed)
    for tokens in ({"ben": "b" * 24}, {"anna": "new" + TOKEN, "ben": "b" * 24}):
        assert Sessions(PageSettings(tokens=tokens, cookie_key=key)).open(sealed) is None
    other = PageSettings(tokens=before.tokens, cookie_key="l" * 24)
    assert Sessions(other).open(sealed) is None


def test_a_session_ends():
    settings = PageSettings(tokens={"anna": TOKEN}, session_s=0.001)
    sessions = Sessions(settings)
    sealed = sessions.seal(sessions.begin(Person("anna", "token")))
    import time

    until = time.monotonic() + 3
    while sessions.open(sealed):
        assert time.monotonic() < until


@pytest.mark.parametrize(
    "given",
    [
        "//evil.test",
        "https://evil.test/",
        "/\\evil.test",
        "evil",
        "",
        "javascript:alert(1)",
        "/a\nb",
        "///evil.test",
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(given):
    assert local_path(given) == "/"


def test_after_signing_in_everybody_is_where_they_wanted_to_be():
    assert local_path("/dead-letters?reason=refused") == "/dead-letters?reason=refused"


async def test_every_answer_has_its_policy():
    async with console(World()) as shown:
        seen = [
            await shown.browser.get(path)
            for path in ("/", "/sign-in", "/static/style.css", "/nothing", "/live")
        ]
        await shown.sign_in()
        seen += [await shown.browser.get(path) for path in ("/", "/nothing", "/fleet", "/dead-letters/1")]
        for answer in seen:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            if "static" not in str(answer.url):
                assert answer.headers["cache-control"] == "no-store"


WRONG: tuple[dict[str, Any], ...] = (
    {},
    {"tokens": {"anna": "short"}},
    {"tokens": {"an na": "x" * 24}},
    {"tokens": {"anna": "x" * 24, "ben": "x" * 24}},
    {"tokens": {"anna": "x" * 24}, "proxies": "nowhere"},
    {"tokens": {"anna": "x" * 24}, "origin": "ferry.example"},
    {"tokens": {"anna": "x" * 24}, "user_header": "a b"},
    {"tokens": {"anna": "x" * 24}, "cookie_key": "short"},
)


@pytest.mark.parametrize("settings", WRONG)
def test_settings_that_would_let_in_the_wrong_people_are_refused(settings):
    with pytest.raises(ValueError) as refused:
        PageSettings(**settings)
    assert "x" * 24 not in str(refused.value)


def test_a_person_is_a_file_in_the_secrets_directory(tmp_path, monkeypatch):
    from ferry.console.settings import ConsoleServiceSettings

    (tmp_path / "FERRY_CONSOLE__TOKENS__ANNA").write_text(TOKEN)
    monkeypatch.setenv("FERRY_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("FERRY_NATS__URL", "nats://n")
    monkeypatch.setenv("FERRY_CONSOLE__PORT", "1")
    found = ConsoleServiceSettings().console
    assert found.tokens["anna"].get_secret_value() == TOKEN
    assert TOKEN not in repr(found)
