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


class Limits(Strict):
    gateways: Count
    sensors: Count


class Site(Strict):
    """`limits` is the site's own plan, beside the tenant's."""

    id: str
    name: str
    code: str
    limits: Limits | None = None


class ThingPlusTenant(Strict):
    name: str
    users: list[User]
    clients: list[AuthClient]
    sites: list[Site]
    limits: Limits


class SensorModel(Strict, rename="camel"):
    """Without a driver or a network of its own it has the device model's."""

    type: str
    model: str
    driver_name: str = ""
    network: str = ""


class DeviceModel(Strict, rename="camel"):
    """`sensors` are models by type, or a list where a type has several models or drivers."""

    id: str
    display_name: str
    max: Count
    network: str
    sensors: dict[str, str] | list[SensorModel]
    driver_name: str = ""
    values: dict[str, ValueKind] = {}

    def __post_init__(self) -> None:
        without = [sensor.model for sensor in self.sensor_models() if not sensor.driver_name]
        if without:
            raise ValueError(f"no driverName for {', '.join(without)}, neither there nor in the device model")

    def sensor_models(self) -> list[SensorModel]:
        given = (
            [SensorModel(type=kind, model=model) for kind, model in self.sensors.items()]
            if isinstance(self.sensors, dict)
            else self.sensors
        )
        return [
            SensorModel(
                type=each.type,
                model=each.model,
                driver_name=each.driver_name or self.driver_name,
                network=each.network or self.network,
            )
            for each in given
        ]


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


class ThingPlusFixture(Strict, rename="camel"):
    """`sensor_types` says what a value of each type is; a type that is not among them is a number."""

    tenants: list[ThingPlusTenant]
    models: list[GatewayModel]
    sensor_types: dict[str, ValueKind] = {}

    def __post_init__(self) -> None:
        _distinct("tenant", [tenant.name for tenant in self.tenants])
        _distinct("gateway model", [model.id for model in self.models])
        _distinct("site", [site.id for tenant in self.tenants for site in tenant.sites])
        _distinct("user", [user.id for tenant in self.tenants for user in tenant.users])
        _distinct("login", [user.login for tenant in self.tenants for user in tenant.users])
        _distinct("client", [client.id for tenant in self.tenants for client in tenant.clients])


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


def _distinct(kind: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is there twice: ids are unique in the whole cloud")


class Fixtures(Strict):
    thingplus: ThingPlusFixture
    otosense: OtoSenseFixture


def load(path: Path | None = None) -> Fixtures:
    """Raises ValueError, naming the place in the file, when the file does not fit, and OSError without a file."""
    try:
        content: Any = yaml.safe_load((path or BUILT_IN).read_text())
        return msgspec.convert(content, Fixtures)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path}: {problem}") from None
