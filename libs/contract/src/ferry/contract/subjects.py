"""Every subject on the bus, in one table. They are the guide's paths with dots, after `ferry.v1.`."""

from dataclasses import dataclass
from typing import Literal

from ferry.contract.ids import is_safe_id, safe_id

PREFIX = "ferry.v1"

AUTH_THINGPLUS_TOKEN_GET = f"{PREFIX}.auth.thingplus.token.get"
AUTH_OTOSENSE_TOKEN_GET = f"{PREFIX}.auth.otosense.token.get"
AUTH_TOKEN_GET = {"thingplus": AUTH_THINGPLUS_TOKEN_GET, "otosense": AUTH_OTOSENSE_TOKEN_GET}
"""By cloud, so that a permission can grant the token of one cloud."""
AUTH_STATE_GET = f"{PREFIX}.auth.state.get"
AUTH_CLIENT_CREATE = f"{PREFIX}.auth.client.create"

REGISTRY_SITES_LIST = f"{PREFIX}.registry.sites.list"
REGISTRY_MODELS_GET = f"{PREFIX}.registry.models.get"
REGISTRY_GATEWAYS_REGISTER = f"{PREFIX}.registry.gateways.register"
REGISTRY_GATEWAYS_UPDATE = f"{PREFIX}.registry.gateways.update"
REGISTRY_GATEWAYS_RETIRE = f"{PREFIX}.registry.gateways.retire"
REGISTRY_GATEWAYS_GET = f"{PREFIX}.registry.gateways.get"
REGISTRY_GATEWAYS_LIST = f"{PREFIX}.registry.gateways.list"
REGISTRY_DEVICES_REGISTER = f"{PREFIX}.registry.devices.register"
REGISTRY_DEVICES_UPDATE = f"{PREFIX}.registry.devices.update"
REGISTRY_DEVICES_RETIRE = f"{PREFIX}.registry.devices.retire"
REGISTRY_DEVICES_GET = f"{PREFIX}.registry.devices.get"
REGISTRY_DEVICES_LIST = f"{PREFIX}.registry.devices.list"
REGISTRY_SENSORS_REGISTER = f"{PREFIX}.registry.sensors.register"
REGISTRY_SENSORS_UPDATE = f"{PREFIX}.registry.sensors.update"
REGISTRY_SENSORS_RETIRE = f"{PREFIX}.registry.sensors.retire"
REGISTRY_SENSORS_GET = f"{PREFIX}.registry.sensors.get"
REGISTRY_SENSORS_LIST = f"{PREFIX}.registry.sensors.list"
REGISTRY_IDS_RESERVE = f"{PREFIX}.registry.ids.reserve"
REGISTRY_CLOUD_IMPORT = f"{PREFIX}.registry.cloud.import"

OTOSENSE_SENSORS_PROVISION = f"{PREFIX}.otosense.sensors.provision"
OTOSENSE_SENSORS_FORGET = f"{PREFIX}.otosense.sensors.forget"
OTOSENSE_SENSORS_GET = f"{PREFIX}.otosense.sensors.get"
OTOSENSE_SENSORS_LIST = f"{PREFIX}.otosense.sensors.list"
OTOSENSE_FOLLOW = f"{PREFIX}.otosense.follow"

TELEMETRY_STATE_GET = f"{PREFIX}.telemetry.state.get"
TELEMETRY_LANES_PAUSE = f"{PREFIX}.telemetry.lanes.pause"
TELEMETRY_LANES_RESUME = f"{PREFIX}.telemetry.lanes.resume"
TELEMETRY_SENSORS_GET = f"{PREFIX}.telemetry.sensors.get"
TELEMETRY_DEAD_LIST = f"{PREFIX}.telemetry.dead.list"
TELEMETRY_DEAD_COUNT = f"{PREFIX}.telemetry.dead.count"
TELEMETRY_DEAD_GET = f"{PREFIX}.telemetry.dead.get"
TELEMETRY_DEAD_REPLAY = f"{PREFIX}.telemetry.dead.replay"
TELEMETRY_DEAD_DISCARD = f"{PREFIX}.telemetry.dead.discard"
TELEMETRY_PRESENCE = f"{PREFIX}.telemetry.presence"
TELEMETRY_WATCH = f"{PREFIX}.telemetry.watch"

PUBLISHED = f"{PREFIX}.gateways.>"
EVENTS = f"{PREFIX}.events.>"
DEAD = f"{PREFIX}.dead.>"

NO_SENSOR = "-"
UNSAFE = "_unsafe"

Kind = Literal["series", "status"]


@dataclass(frozen=True, slots=True)
class Address:
    """The subject of a publication: a sensor, or its gateway if `sensor` is None."""

    gateway: str
    sensor: str | None
    kind: Kind

    @property
    def subject(self) -> str:
        """Where a publisher sends it. Raises ValueError for an unsafe id."""
        where = f"{PREFIX}.gateways.{safe_id(self.gateway)}"
        return (
            f"{where}.{self.kind}"
            if self.sensor is None
            else f"{where}.sensors.{safe_id(self.sensor)}.{self.kind}"
        )


def sensor_series(gateway: str, sensor: str) -> str:
    return Address(gateway, sensor, "series").subject


def sensor_status(gateway: str, sensor: str) -> str:
    return Address(gateway, sensor, "status").subject


def gateway_status(gateway: str) -> str:
    return Address(gateway, None, "status").subject


def parse_published(subject: str) -> Address:
    """The address of a publication's subject. Raises ValueError when the contract has no such subject."""
    match subject.split("."):
        case ["ferry", "v1", "gateways", gateway, "sensors", sensor, ("series" | "status") as kind]:
            return Address(safe_id(gateway), safe_id(sensor), "series" if kind == "series" else "status")
        case ["ferry", "v1", "gateways", gateway, "status"]:
            return Address(safe_id(gateway), None, "status")
        case _:
            raise ValueError(
                f"the contract has no subject {subject!r}: publish to "
                f"{PREFIX}.gateways.<gateway>.status or "
                f"{PREFIX}.gateways.<gateway>.sensors.<sensor>.(series|status)",
            )


def event(service: str, noun: str, verb: str) -> str:
    """`events.<service>.<noun>.<past verb>`, such as `events.registry.sensor.registered`."""
    return f"{PREFIX}.events.{safe_id(service)}.{safe_id(noun)}.{safe_id(verb)}"


def dead(reason: str, gateway: str | None, sensor: str | None) -> str:
    """The subject of a dead letter: unsafe ids are replaced, the headers keep the original."""
    return f"{PREFIX}.dead.{safe_id(reason)}.{_token(gateway)}.{_token(sensor)}"


def watched_puts(gateway: str | None, sensor: str | None) -> str:
    """To subscribe to; None stands for all of them. What a replica publishes to has both tokens."""
    return f"{PREFIX}.telemetry.puts.{gateway or '*'}.{sensor or '*'}"


def _token(text: str | None) -> str:
    if text is None:
        return NO_SENSOR
    return text if is_safe_id(text) else UNSAFE
