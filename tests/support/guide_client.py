"""Both guides' flows by plain `requests`, for tests of the sandbox: no Ferry code takes part."""

import uuid
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import requests


def new_id() -> str:
    """As the guide's chapter 5.3 makes one: `uuidgen | tr -d - | tr [:upper:] [:lower:]`."""
    return uuid.uuid4().hex


@dataclass
class Tenant:
    """One tenant's way into both clouds."""

    url: str
    username: str
    password: str
    client_id: str
    client_secret: str
    site: str
    otosense: tuple[str, str]
    http: requests.Session = field(default_factory=requests.Session)

    def credentials(self, **changed: str) -> dict[str, str]:
        hashed = md5(self.password.encode(), usedforsecurity=False).hexdigest()
        return {
            "grant_type": "password",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "username": self.username,
            "password": hashed,
        } | changed

    def login(self) -> None:
        answer = self.http.post(f"{self.url}/v2/oauth2/token", data=self.credentials(), timeout=10)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.http.request(method, f"{self.url}/v2{path}", json=body, timeout=10)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, path, body)
        assert answer.ok, answer.text
        return answer.json()["data"]

    def gateway(self) -> str:
        name = new_id()
        params = {"siteId": self.site, "model": "52", "name": "Open Gateway 1"}
        self.ok("POST", "/registerGateway", {"reqId": name, "params": params})
        return name

    def device(self, gateway: str) -> str:
        name = new_id()
        body = {"reqId": name, "name": "Open Gateway Device 1", "model": "open-api-device-v1.0"}
        self.ok("POST", f"/gateways/{gateway}/devices", body)
        return name

    def sensor(self, gateway: str, device: str, **changed: str) -> str:
        body = new_sensor(device, **changed)
        self.ok("POST", f"/gateways/{gateway}/sensors", body)
        return str(body["reqId"])


def new_sensor(device: str, **changed: str) -> dict[str, str]:
    return {
        "reqId": new_id(),
        "name": "Temperature Sensor",
        "type": "temperature",
        "driverName": "openApiSensor",
        "model": "openApiTemp",
        "category": "sensor",
        "deviceId": device,
    } | changed


def demo_at(url: str) -> Tenant:
    client = ("testClientId", "testClientPwd12!@")
    return Tenant(url, "serviceadmin", "sandbox-password", *client, "1", ("demo-client", "demo-secret"))


def other_at(url: str) -> Tenant:
    client = ("otherClientId", "other-client-secret")
    return Tenant(url, "otheradmin", "other-password", *client, "2", ("other-client", "other-secret"))


def sites_at(url: str, site: str = "5") -> Tenant:
    """The tenant whose sites have plans: 5 has none of its own, 6 is small, 7 has room for nothing."""
    client = ("sitesClientId", "sites-client-secret")
    return Tenant(url, "sitesadmin", "sites-password", *client, site, ("demo-client", "demo-secret"))
