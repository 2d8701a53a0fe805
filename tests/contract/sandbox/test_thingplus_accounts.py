"""Sessions, OAuth clients and tokens beyond the guide's chapters 3 and 4, and the categories of errors."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from guide_client import Tenant, new_id, sites_at


@pytest.fixture
def browser(demo: Tenant) -> Iterator[requests.Session]:
    """With a session of the portal."""
    login = {"loginId": demo.username, "password": demo.credentials()["password"]}
    with requests.Session() as session:
        assert session.post(f"{demo.url}/v2/login", json=login, timeout=10).status_code == 200
        yield session


def test_logout_without_a_session_is_401(url: str, demo: Tenant, browser: requests.Session) -> None:
    bare = requests.post(f"{url}/v2/logout", timeout=10)
    assert (bare.status_code, bare.json()["errors"][0]["code"]) == (401, "NEED_LOGIN")
    assert demo.call("POST", "/logout").status_code == 401
    assert browser.post(f"{url}/v2/logout", timeout=10).status_code == 200
    assert browser.post(f"{url}/v2/logout", timeout=10).status_code == 401


@pytest.mark.parametrize("path", ["/authClients", "/oauth2/authClients"])
def test_an_oauth_client_is_made_at_either_path_and_gets_tokens(
    url: str, demo: Tenant, browser: requests.Session, path: str
) -> None:
    """The guide prints the first, the swagger the second."""
    body = {"reqId": new_id(), "name": "c", "clientSecret": "s3cret", "scopes": ["gateway-read"]}
    made = browser.post(f"{url}/v2{path}", json=body, timeout=10)
    assert (made.status_code, made.json()["data"]["id"]) == (201, body["reqId"])
    again = browser.post(f"{url}/v2{path}", json=body, timeout=10)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "CONFLICT")
    assert requests.post(f"{url}/v2{path}", json=body, timeout=10).status_code == 401
    assert demo.call("POST", path, body).status_code == 401
    grant = demo.credentials(client_id=str(body["reqId"]), client_secret="s3cret")
    token = requests.post(f"{url}/v2/oauth2/token", data=grant, timeout=10).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{url}/v2/gateways", headers=bearer, timeout=10).status_code == 200
    refused = requests.get(f"{url}/v2/sites", headers=bearer, timeout=10)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "ACL_DENY")


@pytest.mark.parametrize(
    "label", ["application/json", "text/plain", "application/x-www-form-urlencoded", None]
)
def test_a_form_is_read_whatever_its_label_says(url: str, demo: Tenant, label: str | None) -> None:
    form = urlencode(demo.credentials())
    headers = {} if label is None else {"Content-Type": label}
    answer = requests.post(f"{url}/v2/oauth2/token", data=form.encode(), headers=headers, timeout=10)
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type"}


def test_a_session_may_read_users(url: str, browser: requests.Session) -> None:
    me = browser.get(f"{url}/v2/users/me", timeout=10).json()["data"]
    assert me["loginId"] == "serviceadmin"
    assert browser.get(f"{url}/v2/users/{me['id']}", timeout=10).json()["data"] == me
    other = sites_at(url)
    other.login()
    refused = other.call("GET", f"/users/{me['id']}")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "ACCESSGROUP_DENY")
    other.http.close()


CATEGORIES: list[tuple[str, str, Any, str]] = [
    ("POST", "/registerGateway", {}, "REQUEST_ERROR"),
    ("GET", "/gateways/nowhere", None, "REQUEST_ERROR"),
    ("POST", "/logout", None, "AUTHENTICATION_ERROR"),
    ("GET", "/sites/2", None, "AUTHORIZATION_ERROR"),
]


@pytest.mark.parametrize(("method", "path", "body", "category"), CATEGORIES)
def test_an_error_has_the_category_of_its_kind(
    demo: Tenant, method: str, path: str, body: Any, category: str
) -> None:
    assert demo.call(method, path, body).json()["errors"][0]["category"] == category
