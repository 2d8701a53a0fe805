"""What the sandbox starts with, read strictly from one YAML file."""

from hashlib import md5
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

BUILT_IN = Path(__file__).parent / "fixtures.yaml"
Scope = Literal[
    "user-profile",
    "user-profile-read",
    "gateway",
    "gateway-read",
    "gateway-update",
    "gateway-management",
    "actuator-command",
    "timeline-read",
    "tag",
    "tag-read",
    "rule",
    "rule-read",
    "service-read",
    "site-read",
    "billing-read",
]
UserState = Literal["active", "disabled", "deleted"]
ValueKind = Literal["number", "onoff", "text", "object"]
Plan = Literal["at_once", "late", "after_sleep", "never"]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class User(Strict):
    id: str
    login: str
    password: str
    state: UserState = "active"

    @property
    def password_md5(self) -> str:
        return md5(self.password.encode(), usedforsecurity=False).hexdigest()


class AuthClient(Strict):
    id: str
    name: str
    secret: str
    scopes: list[Scope]


class Site(Strict):
    id: str
    name: str
    code: str


class Limits(Strict):
    gateways: Count
    sensors: Count


class ThingPlusTenant(Strict):
    name: str
    users: list[User]
    clients: list[AuthClient]
    sites: list[Site]
    limits: Limits


class DeviceModel(Strict, rename="camel"):
    id: str
    display_name: str
    max: Count
    driver_name: str
    network: str
    sensors: dict[str, str]
    values: dict[str, ValueKind] = {}


class GatewayModel(Strict, rename="camel"):
    id: str
    display_name: str
    model: str
    vendor: str
    report_interval: str
    id_format: str
    device_models: list[DeviceModel]

    def device_model(self, name: str) -> DeviceModel | None:
        return next((each for each in self.device_models if each.id == name), None)


class ThingPlusFixture(Strict):
    tenants: list[ThingPlusTenant]
    models: list[GatewayModel]


class OtoSenseClient(Strict):
    id: str
    secret: str
    enabled: bool = True


class OtoSenseTenant(Strict):
    name: str
    clients: list[OtoSenseClient]


class ConnectRule(Strict):
    match: str
    plan: Plan


class OtoSenseFixture(Strict):
    tenants: list[OtoSenseTenant]
    connect: list[ConnectRule] = []


class Fixtures(Strict):
    thingplus: ThingPlusFixture
    otosense: OtoSenseFixture


def load(path: Path | None = None) -> Fixtures:
    """Raises ValueError, naming the place in the file, when the file does not fit."""
    content: Any = yaml.safe_load((path or BUILT_IN).read_text())
    return msgspec.convert(content, Fixtures)
