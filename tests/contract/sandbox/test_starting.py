"""The process: its one line, its options, what it keeps on disk and the scenarios that it plays."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from certificates import self_signed
from guide_client import demo_at, other_at
from sandbox_process import started


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    with started("--port", "0", "--state-dir", str(tmp_path)) as (url, process):
        demo = demo_at(url)
        demo.login()
        gateway = demo.gateway()
        sensor = demo.sensor(gateway, demo.device(gateway))
        series, status = (f"/gateways/{gateway}/sensors/{sensor}/{leaf}" for leaf in ("series", "status"))
        demo.ok("PUT", series, [{"value": "1", "time": 1}, {"value": "2", "time": 2}])
        said = demo.ok("PUT", status, {"value": "on", "validDuration": 60})
        token = requests.post(
            f"{url}/otosense/oauth/token",
            auth=demo.otosense,
            data={"grant_type": "client_credentials"},
            timeout=10,
        ).json()["access_token"]
        pem = {"cert": self_signed("S-NEVER-1")}
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.post(f"{url}/otosense/sensors", json=pem, headers=headers, timeout=10).ok
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(b'["points", {"half a li')

    with started("--port", "0", FERRY_SANDBOX__STATE_DIR=str(tmp_path)) as (url, _):
        demo = demo_at(url)
        demo.login()
        assert demo.ok("GET", status)["status"] == said
        raw = demo.ok("GET", f"{series}?dataStart=1970-01-01T00:00:00Z&interval=0")["series"]
        assert raw["data"] == ["1", 1, "2", 2]
        assert demo.call("PUT", series, {"value": "3", "time": 2}).status_code == 400
        assert demo.call("PUT", series, {"value": "3", "time": 3}).status_code == 200
        fleet = requests.get(f"{url}/admin/fleet", timeout=10).json()
        assert [each["sensorId"] for each in fleet["otosense"]] == ["S-NEVER-1"]


def test_tokens_and_sessions_survive_kill_9_and_the_revoked_stay_revoked(tmp_path: Path) -> None:
    def status(session: requests.Session, method: str, path: str) -> int:
        return session.request(method, url + path, json={}, timeout=10).status_code

    grant = {"grant_type": "client_credentials"}
    with started("--port", "0", "--state-dir", str(tmp_path)) as (url, process):
        demo, other = demo_at(url), other_at(url)
        demo.login()
        other.login()
        asked = requests.post(f"{url}/otosense/oauth/token", auth=demo.otosense, data=grant, timeout=10)
        login = {"loginId": demo.username, "password": demo.credentials()["password"]}
        browsers = [requests.Session() for _ in range(2)]
        for browser in browsers:
            assert browser.post(f"{url}/v2/login", json=login, timeout=10).status_code == 200
        assert status(browsers[1], "POST", "/v2/logout") == 200
        closed = dict(browsers[1].cookies)
        requests.post(f"{url}/admin/revoke", json={"tenant": "other", "cloud": "thingplus"}, timeout=10)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    for _ in range(2):  # the second start reads what the first one rewrote
        with started("--port", "0", "--state-dir", str(tmp_path)) as (url, process):
            assert status(demo.http, "GET", "/v2/gateways") == 200
            refused = other.http.get(f"{url}/v2/gateways", timeout=10)
            assert (refused.status_code, refused.json()["message"]) == (401, "invalid token")
            headers = {"Authorization": f"Bearer {asked.json()['access_token']}"}
            assert requests.get(f"{url}/otosense/sensors/S-1", headers=headers, timeout=10).status_code == 404
            assert status(browsers[0], "GET", "/v2/users/me") == 200
            with requests.Session() as again:
                again.cookies.update(closed)
                assert status(again, "GET", "/v2/users/me") == 401
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    for session in (demo.http, other.http, *browsers):
        session.close()


def test_an_expired_token_is_still_said_to_have_expired_after_a_restart(tmp_path: Path) -> None:
    with started("--port", "0", "--state-dir", str(tmp_path)) as (url, _):
        requests.post(f"{url}/admin/tokens", json={"thingplus_ttl_s": 0.01}, timeout=10)
        demo = demo_at(url)
        demo.login()
    with started("--port", "0", "--state-dir", str(tmp_path)) as (url, _):
        refused = demo.http.get(f"{url}/v2/gateways", timeout=10)
        assert (refused.status_code, refused.json()["message"]) == (401, "jwt expired")
        demo.http.close()


def test_a_scenario_plays_from_the_start(tmp_path: Path) -> None:
    course = tmp_path / "course.yaml"
    course.write_text("about: a test\nsteps: [{fault: {kind: status, status: 503}}, {at_s: 100, revoke: {}}]")
    with started("--port", "0", "--scenario", str(course)) as (url, _):
        demo = demo_at(url)
        refused = requests.post(f"{url}/v2/oauth2/token", data=demo.credentials(), timeout=10)
        assert refused.status_code == 503
        requests.delete(f"{url}/admin/faults", timeout=10)
        demo.login()
        assert demo.call("GET", "/sites").status_code == 200
        requests.post(f"{url}/admin/clock", json={"advance_s": 101}, timeout=10)
        while demo.call("GET", "/sites").status_code == 200:
            pass
        assert demo.call("GET", "/sites").json()["message"] == "invalid token"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "nonsense"], "flaky, outage, throttled, tokens"),
        (["--fixtures", "/nowhere.yaml"], "nowhere"),
        (["--host", "203.0.113.1"], ""),
    ],
)
def test_what_cannot_start_says_why(arguments: list[str], words: str) -> None:
    command = [sys.executable, "-m", "ferry.sandbox", "--port", "0", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode != 0
    assert words in ended.stderr


def test_a_fixture_file_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    fixtures = tmp_path / "fixtures.yaml"
    fixtures.write_text("thingplus: {tenants: [], models: [], more: 1}\notosense: {tenants: []}\n")
    command = [sys.executable, "-m", "ferry.sandbox", "--port", "0", "--fixtures", str(fixtures)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert "more" in ended.stderr
