"""The admin pages: faults of every kind, tokens and credentials that change, records without secrets."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from guide_client import Tenant, demo_at


@pytest.fixture
def lane(demo: Tenant) -> Iterator[tuple[Tenant, str, str]]:
    """A sensor of the test's own, and no fault left behind."""
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    yield demo, gateway, sensor
    requests.delete(f"{demo.url}/admin/faults", timeout=10)


def arm(tenant: Tenant, **fault: Any) -> str:
    answer = requests.post(f"{tenant.url}/admin/faults", json=fault, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def put(lane: tuple[Tenant, str, str], at: int, timeout: float = 10) -> requests.Response:
    tenant, gateway, sensor = lane
    return tenant.http.put(
        f"{tenant.url}/v2/gateways/{gateway}/sensors/{sensor}/series",
        json={"value": "1", "time": at},
        timeout=timeout,
    )


def stored(lane: tuple[Tenant, str, str]) -> list[int]:
    tenant, gateway, sensor = lane
    rows = requests.get(f"{tenant.url}/admin/series/{gateway}/{sensor}", timeout=10).json()
    return [row["time"] for row in rows]


Lane = tuple[Tenant, str, str]


def test_a_status_strikes_as_often_as_it_was_told(lane: Lane) -> None:
    arm(lane[0], kind="status", status=503, retry_after="2", for_requests=2, match={"sensor": lane[2]})
    answers = [put(lane, at) for at in (1, 2, 3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "2"
    assert answers[0].json()["statusCode"] == 503
    assert stored(lane) == [3]


def test_retry_after_may_be_a_date(lane: Lane) -> None:
    arm(lane[0], kind="status", status=429, retry_after="http-date+30", match={"path": "*/series"})
    answer = put(lane, 1)
    assert answer.status_code == 429
    ahead = parsedate_to_datetime(answer.headers["Retry-After"]).timestamp() - time.time()
    assert 25 < ahead <= 31


def test_a_reset_before_loses_the_point_and_one_after_keeps_it(lane: Lane) -> None:
    first = arm(lane[0], kind="reset_before", match={"gateway": lane[1]})
    with pytest.raises(requests.ConnectionError):
        put(lane, 1)
    assert stored(lane) == []
    requests.delete(f"{lane[0].url}/admin/faults/{first}", timeout=10)
    arm(lane[0], kind="reset_after", match={"gateway": lane[1]}, for_requests=1)
    with pytest.raises(requests.ConnectionError):
        put(lane, 2)
    assert stored(lane) == [2]
    assert put(lane, 2).status_code == 400


def test_a_blackhole_never_answers(lane: Lane) -> None:
    arm(lane[0], kind="blackhole", match={"sensor": lane[2]}, for_requests=1)
    with pytest.raises(requests.ReadTimeout):
        put(lane, 1, timeout=0.3)
    assert stored(lane) == []


def test_latency_delays_and_then_commits(lane: Lane) -> None:
    arm(lane[0], kind="latency", ms=150, match={"sensor": lane[2]})
    started = time.monotonic()
    assert put(lane, 1).status_code == 200
    assert time.monotonic() - started >= 0.15


def test_malformed_and_slow_bodies_commit_first(lane: Lane) -> None:
    arm(lane[0], kind="malformed", match={"sensor": lane[2]}, for_requests=1)
    with pytest.raises(requests.JSONDecodeError):
        put(lane, 1).json()
    arm(lane[0], kind="slow_body", duration_s=0.2, match={"sensor": lane[2]}, for_requests=1)
    assert put(lane, 2).json()["statusCode"] == 200
    assert stored(lane) == [1, 2]


def test_a_status_may_commit_first(lane: Lane) -> None:
    arm(lane[0], kind="status", status=504, commit=True, match={"sensor": lane[2]})
    assert put(lane, 1).status_code == 504
    assert stored(lane) == [1]


def test_redirects_and_huge_answers(lane: Lane) -> None:
    arm(lane[0], kind="redirect", location="http://127.0.0.1:9/", match={"method": "GET"}, for_requests=1)
    url = f"{lane[0].url}/v2/gateways"
    moved = lane[0].http.get(url, timeout=10, allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (302, "http://127.0.0.1:9/")
    arm(lane[0], kind="huge", bytes=3_000_000, match={"path": "/gateways"}, for_requests=1)
    assert len(lane[0].http.get(url, timeout=10).content) == 3_000_000


JSON = "application/json; charset=utf-8"
ANSWERS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"status": 200, "text": "<p>hello</p>", "content_type": "text/html"}, 200, "text/html", "<p>hello</p>"),
    ({"status": 404, "text": "<h1>no</h1>", "content_type": "text/html"}, 404, "text/html", "<h1>no</h1>"),
    ({"status": 200, "text": ""}, 200, JSON, ""),
    ({"status": 200, "body": {"statusCode": 400}}, 200, JSON, '{"statusCode":400}'),
    ({"status": 200, "body": None}, 200, JSON, "null"),
    ({"status": 302, "text": "moved", "headers": {"Location": "/login"}}, 302, JSON, "moved"),
]


@pytest.mark.parametrize(("fault", "status", "content_type", "text"), ANSWERS)
def test_an_answer_may_be_anything(
    lane: Lane, fault: dict[str, Any], status: int, content_type: str, text: str
) -> None:
    arm(lane[0], kind="status", match={"sensor": lane[2]}, for_requests=1, **fault)
    url = f"{lane[0].url}/v2/gateways/{lane[1]}/sensors/{lane[2]}/series"
    answer = lane[0].http.put(url, json={"value": "1", "time": 1}, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"], answer.text) == (status, content_type, text)
    assert stored(lane) == []


RAW_HEADERS = [
    ({"retry_after": "-1"}, "Retry-After", "-1"),
    ({"retry_after": "Wed, 21 Oct 2015 07:28 GMT"}, "Retry-After", "Wed, 21 Oct 2015 07:28 GMT"),
    ({"headers": {"Retry-After": "9" * 400}}, "Retry-After", "9" * 400),
    ({"headers": {"WWW-Authenticate": 'Bearer realm="\u00e9"'}}, "WWW-Authenticate", 'Bearer realm="\u00e9"'),
    ({"headers": {"X-Snow": "\u2603"}}, "X-Snow", "\u2603".encode().decode("latin-1")),
]


@pytest.mark.parametrize(("fault", "name", "value"), RAW_HEADERS)
def test_a_header_may_say_anything(lane: Lane, fault: dict[str, Any], name: str, value: str) -> None:
    arm(lane[0], kind="status", status=429, match={"sensor": lane[2]}, **fault)
    assert put(lane, 1).headers[name] == value


def test_an_account_may_be_refused_as_a_whole(lane: Lane, other: Tenant) -> None:
    for status, code in ((471, "BILLING"), (403, "ACL_DENY")):
        key = arm(lane[0], kind="status", status=status, match={"tenant": "demo"})
        for answer in (put(lane, 1), lane[0].call("GET", "/sites")):
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
        assert other.call("GET", "/sites").status_code == 200
        requests.delete(f"{lane[0].url}/admin/faults/{key}", timeout=10)


def test_sensors_are_chosen_by_a_pattern(lane: Lane) -> None:
    device = lane[0].device(lane[1])
    bad = lane[0].sensor(lane[1], device, reqId=f"bad-{lane[2]}")
    arm(lane[0], kind="status", status=500, match={"path": "^/gateways/[^/]+/sensors/bad-[^/]+/series$"})
    assert put((lane[0], lane[1], bad), 1).status_code == 500
    assert put(lane, 1).status_code == 200


def test_a_blackhole_may_commit_first(lane: Lane) -> None:
    arm(lane[0], kind="blackhole", commit=True, match={"sensor": lane[2]}, for_requests=1)
    with pytest.raises(requests.ReadTimeout):
        put(lane, 1, timeout=0.3)
    assert stored(lane) == [1]


def test_a_cut_body_commits_and_ends_before_its_length(lane: Lane) -> None:
    arm(lane[0], kind="cut_body", match={"sensor": lane[2]}, for_requests=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        put(lane, 1)
    assert stored(lane) == [1]


def test_a_slow_body_drips_over_its_whole_duration(lane: Lane) -> None:
    arm(lane[0], kind="slow_body", duration_s=0.4, match={"sensor": lane[2]}, for_requests=1)
    url = f"{lane[0].url}/v2/gateways/{lane[1]}/sensors/{lane[2]}/series"
    started = time.monotonic()
    with lane[0].http.put(url, json={"value": "1", "time": 1}, timeout=10, stream=True) as answer:
        moments = [time.monotonic() - started for _ in answer.iter_content(1)]
    assert moments[-1] >= 0.4
    assert moments[0] < moments[-1] / 2


def test_without_content_an_answer_has_no_length_and_the_connection_goes_on(lane: Lane) -> None:
    arm(lane[0], kind="status", status=204, match={"sensor": lane[2]}, for_requests=1)
    answer = put(lane, 1)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Length" not in answer.headers
    assert put(lane, 2).status_code == 200


def test_two_faults_on_a_path_strike_one_after_the_other(lane: Lane) -> None:
    arm(lane[0], kind="reset_after", match={"sensor": lane[2]}, for_requests=1)
    arm(lane[0], kind="status", status=503, match={"path": "*/series"}, for_requests=1)
    with pytest.raises(requests.ConnectionError):
        put(lane, 1)
    assert [put(lane, 1).status_code, put(lane, 2).status_code] == [503, 200]


def test_a_seeded_rate_strikes_the_same_requests_again(lane: Lane) -> None:
    def run(seed: int) -> list[int]:
        key = arm(lane[0], kind="status", rate=0.5, seed=seed, match={"path": "^/gatewayModels/"})
        said = [lane[0].call("GET", "/gatewayModels/52").status_code for _ in range(20)]
        requests.delete(f"{lane[0].url}/admin/faults/{key}", timeout=10)
        return said

    assert run(7) == run(7) != run(8)
    assert set(run(7)) == {200, 503}


def test_a_fault_meets_only_its_tenant_and_cloud(lane: Lane, other: Tenant) -> None:
    arm(lane[0], kind="status", match={"tenant": "demo", "cloud": "thingplus"})
    assert lane[0].call("GET", "/sites").status_code == 503
    assert other.call("GET", "/sites").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "nonsense"},
        {"kind": "status", "rate": 2},
        {"kind": "status", "match": {"path": "^("}},
        {"kind": "status", "headers": {"a": "b\nc"}},
        {},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(demo: Tenant, fault: Any) -> None:
    assert requests.post(f"{demo.url}/admin/faults", json=fault, timeout=10).status_code == 400


def test_revoked_and_expired_tokens_are_refused_in_their_true_shapes(url: str) -> None:
    tenant = demo_at(url)
    tenant.login()
    requests.post(f"{url}/admin/tokens", json={"thingplus_ttl_s": 0.01}, timeout=10)
    short = demo_at(url)
    short.login()
    requests.post(f"{url}/admin/tokens", json={"thingplus_ttl_s": 7776000}, timeout=10)
    deadline = time.monotonic() + 5
    while (expired := short.call("GET", "/sites")).status_code == 200 and time.monotonic() < deadline:
        pass
    assert expired.status_code == 401
    assert expired.json()["name"] == "TokenExpiredError"
    assert expired.json().keys() == {"name", "message", "expiredAt"}

    shapes = {
        "Bearer nonsense": (403, "jwt malformed"),
        "Bearer e30.e30.e30": (401, "invalid token"),
        str(tenant.http.headers["Authorization"])[:-4] + "AAAA": (401, "invalid signature"),
    }
    for header, (status, message) in shapes.items():
        answer = requests.get(f"{url}/v2/sites", headers={"Authorization": header}, timeout=10)
        assert (answer.status_code, answer.json()["message"]) == (status, message)
        assert answer.json()["name"] == "JsonWebTokenError"
    bare = requests.get(f"{url}/v2/sites", timeout=10)
    assert (bare.status_code, bare.json()) == (401, "Access denied")


def test_revoking_a_tenants_tokens_leaves_the_others(url: str, other: Tenant, demo: Tenant) -> None:
    answer = requests.post(f"{url}/admin/revoke", json={"tenant": "demo"}, timeout=10)
    assert answer.json()["revoked"] >= 1
    refused = demo.call("GET", "/sites")
    assert refused.json() == {"name": "JsonWebTokenError", "message": "invalid token"}
    assert other.call("GET", "/sites").status_code == 200
    demo.login()
    assert demo.call("GET", "/sites").status_code == 200


TOKEN_ERRORS = [
    ({"grant_type": "client_credentials"}, 501, "unsupported_grant_type"),
    ({"client_secret": "wrong"}, 401, "incorrect_client_credentials"),
    ({"client_id": "nobody"}, 401, "incorrect_client_credentials"),
    ({"username": "nobody"}, 401, "incorrect_user_credentials"),
    ({"password": "sandbox-password"}, 401, "incorrect_user_credentials"),
    ({"username": "otheradmin"}, 401, "incorrect_user_credentials"),
    ({"username": ""}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("changed", "status", "code"), TOKEN_ERRORS)
def test_token_errors(demo: Tenant, changed: dict[str, str], status: int, code: str) -> None:
    answer = requests.post(f"{demo.url}/v2/oauth2/token", data=demo.credentials(**changed), timeout=10)
    assert answer.status_code == status
    said = answer.json()
    assert said.keys() == {"name", "message", "code", "status"}
    assert (said["name"], said["code"], said["status"]) == ("TokenError", code, status)


def test_a_disabled_user_and_a_deleted_one(url: str) -> None:
    from guide_client import other_at

    tenant = other_at(url)
    tenant.login()

    def become(state: str) -> None:
        body = {"tenant": "other", "user": state}
        assert requests.post(f"{url}/admin/credentials", json=body, timeout=10).status_code == 200

    def ask() -> requests.Response:
        return requests.post(f"{url}/v2/oauth2/token", data=tenant.credentials(), timeout=10)

    try:
        become("disabled")
        assert (ask().status_code, ask().json()["code"]) == (403, "unauthorized_user")
        become("deleted")
        assert (ask().status_code, ask().json()["code"]) == (401, "incorrect_user_credentials")
        gone = tenant.call("GET", "/sites")
        assert (gone.status_code, gone.json()) == (401, "Access denied")
    finally:
        become("active")


def test_what_is_recorded_holds_no_secret(lane: Lane) -> None:
    tenant = lane[0]
    token = str(tenant.http.headers["Authorization"]).partition(" ")[2]
    tenant.login()
    requests.post(f"{tenant.url}/v2/oauth2/token", json=tenant.credentials(), timeout=10)
    requests.post(f"{tenant.url}/v2/oauth2/token", data="password=canary-1", timeout=10)
    requests.post(f"{tenant.url}/v2/oauth2/token", data='{"password": "canary-2"', timeout=10)
    requests.post(f"{tenant.url}/v2/nowhere?password=canary-3", json={"password": "canary-4"}, timeout=10)
    requests.post(
        f"{tenant.url}/otosense/oauth/token",
        auth=tenant.otosense,
        data={"grant_type": "client_credentials", "client_secret": "canary-5"},
        timeout=10,
    )
    text = requests.get(f"{tenant.url}/admin/requests?limit=5000", timeout=10).text
    assert "/v2/oauth2/token" in text
    secrets = [token, tenant.client_secret, tenant.credentials()["password"], "canary", "ZGVtby1jbGllbnQ"]
    assert [secret for secret in secrets if secret in text] == []


def test_requests_and_counters_can_be_read_back(lane: Lane) -> None:
    put(lane, 1)
    found = requests.get(f"{lane[0].url}/admin/requests?limit=1&path={lane[2]}&status=2xx", timeout=10).json()
    assert found[0]["status"] == 200
    assert found[0]["tenant"] == "demo"
    assert found[0]["body"] == '{"value": "1", "time": 1}'
    counters = requests.get(f"{lane[0].url}/admin/counters", timeout=10).json()
    assert counters["tokens_issued"]["thingplus"] >= 1
    routes = {(row["method"], row["route"], row["status"]) for row in counters["requests"]}
    assert ("PUT", "/v2/gateways/{gateway}/sensors/{sensor}/series", 200) in routes
    points = requests.get(f"{lane[0].url}/admin/points?tenant=demo", timeout=10).json()
    assert points["sensors"][f"{lane[1]}/{lane[2]}"] == 1
    assert requests.get(f"{lane[0].url}/admin/points?tenant=other", timeout=10).json()["total"] == 0
