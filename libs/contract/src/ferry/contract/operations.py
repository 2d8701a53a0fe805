"""Every message on the bus with the type of its body: requests, events, publications."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from ferry.contract import auth, console, dead, otosense, readings, registry, subjects, telemetry


@dataclass(frozen=True, slots=True)
class Operation:
    """A request; a failed one is answered with a `problems.Problem`."""

    subject: str
    request: type[BaseModel]
    answer: type[BaseModel]


OPERATIONS = {
    operation.subject: operation
    for operation in (
        Operation(subjects.AUTH_THINGPLUS_TOKEN_GET, auth.TokenRequest, auth.Token),
        Operation(subjects.AUTH_OTOSENSE_TOKEN_GET, auth.TokenRequest, auth.Token),
        Operation(subjects.AUTH_STATE_GET, auth.StateRequest, auth.AuthState),
        Operation(subjects.AUTH_CLIENT_CREATE, auth.ClientRequest, auth.Client),
        Operation(subjects.REGISTRY_SITES_LIST, registry.SitesRequest, registry.SiteList),
        Operation(subjects.REGISTRY_MODELS_GET, registry.ModelRequest, registry.GatewayModel),
        Operation(subjects.REGISTRY_GATEWAYS_REGISTER, registry.RegisterGateway, registry.RegisteredGateway),
        Operation(subjects.REGISTRY_GATEWAYS_UPDATE, registry.UpdateGateway, registry.Gateway),
        Operation(subjects.REGISTRY_GATEWAYS_RETIRE, registry.GatewayId, registry.Retired),
        Operation(subjects.REGISTRY_GATEWAYS_GET, registry.GatewayId, registry.Gateway),
        Operation(subjects.REGISTRY_GATEWAYS_LIST, registry.ListRequest, registry.GatewayList),
        Operation(subjects.REGISTRY_DEVICES_REGISTER, registry.RegisterDevice, registry.Device),
        Operation(subjects.REGISTRY_DEVICES_UPDATE, registry.UpdateDevice, registry.Device),
        Operation(subjects.REGISTRY_DEVICES_RETIRE, registry.OwnedId, registry.Retired),
        Operation(subjects.REGISTRY_DEVICES_GET, registry.OwnedId, registry.Device),
        Operation(subjects.REGISTRY_DEVICES_LIST, registry.ListRequest, registry.DeviceList),
        Operation(subjects.REGISTRY_SENSORS_REGISTER, registry.RegisterSensor, registry.Sensor),
        Operation(subjects.REGISTRY_SENSORS_UPDATE, registry.UpdateSensor, registry.Sensor),
        Operation(subjects.REGISTRY_SENSORS_RETIRE, registry.OwnedId, registry.Retired),
        Operation(subjects.REGISTRY_SENSORS_GET, registry.OwnedId, registry.Sensor),
        Operation(subjects.REGISTRY_SENSORS_LIST, registry.ListRequest, registry.SensorList),
        Operation(subjects.REGISTRY_IDS_RESERVE, registry.ReserveIds, registry.ReservedIds),
        Operation(subjects.REGISTRY_CLOUD_IMPORT, registry.ImportRequest, registry.Imported),
        Operation(subjects.OTOSENSE_SENSORS_PROVISION, otosense.ProvisionSensor, otosense.Sensor),
        Operation(subjects.OTOSENSE_SENSORS_FORGET, otosense.ForgetSensor, otosense.ForgottenSensor),
        Operation(subjects.OTOSENSE_SENSORS_GET, otosense.GetSensor, otosense.Sensor),
        Operation(subjects.OTOSENSE_SENSORS_LIST, otosense.ListSensors, otosense.SensorList),
        Operation(subjects.TELEMETRY_STATE_GET, telemetry.StateRequest, telemetry.State),
        Operation(subjects.TELEMETRY_LANES_PAUSE, telemetry.PauseLanes, telemetry.Pauses),
        Operation(subjects.TELEMETRY_LANES_RESUME, telemetry.ResumeLanes, telemetry.Pauses),
        Operation(subjects.TELEMETRY_SENSORS_GET, telemetry.SensorQuery, telemetry.SensorAtCloud),
        Operation(subjects.TELEMETRY_DEAD_COUNT, telemetry.DeadFilter, telemetry.DeadCount),
        Operation(subjects.TELEMETRY_DEAD_LIST, telemetry.DeadFilter, telemetry.DeadList),
        Operation(subjects.TELEMETRY_DEAD_GET, telemetry.DeadId, telemetry.DeadLetter),
        Operation(subjects.TELEMETRY_DEAD_REPLAY, telemetry.DeadChoice, telemetry.DeadDone),
        Operation(subjects.TELEMETRY_DEAD_DISCARD, telemetry.DeadChoice, telemetry.DeadDone),
    )
}

ASKED_BY_SERVICES: dict[str, frozenset[str]] = {
    "auth": frozenset(),
    "registry": frozenset({subjects.AUTH_THINGPLUS_TOKEN_GET}),
    "telemetry": frozenset({subjects.AUTH_THINGPLUS_TOKEN_GET}),
    "otosense": frozenset({subjects.AUTH_OTOSENSE_TOKEN_GET}),
    "console": frozenset(
        {
            *(subjects.TELEMETRY_STATE_GET, subjects.TELEMETRY_DEAD_LIST, subjects.TELEMETRY_DEAD_GET),
            *(subjects.TELEMETRY_DEAD_REPLAY, subjects.TELEMETRY_DEAD_DISCARD, subjects.AUTH_STATE_GET),
            *(subjects.TELEMETRY_DEAD_COUNT, subjects.TELEMETRY_LANES_PAUSE, subjects.TELEMETRY_LANES_RESUME),
            *(
                subjects.REGISTRY_GATEWAYS_LIST,
                subjects.REGISTRY_GATEWAYS_GET,
                subjects.REGISTRY_DEVICES_LIST,
            ),
            *(subjects.REGISTRY_SENSORS_LIST, subjects.REGISTRY_SENSORS_GET, subjects.OTOSENSE_SENSORS_LIST),
            subjects.TELEMETRY_SENSORS_GET,
        }
    ),
}
"""What each service asks the others. Nothing else is answered into a service's inbox: others may have named it."""

EVENTS: dict[str, type[BaseModel]] = {
    **{
        subjects.event("registry", noun, verb): entity
        for noun, entity in (
            ("gateway", registry.Gateway),
            ("device", registry.Device),
            ("sensor", registry.Sensor),
        )
        for verb in ("registered", "imported", "changed", "retired", "deleted")
    },
    subjects.event("otosense", "sensor", "provisioned"): otosense.SensorProvisioned,
    subjects.event("otosense", "sensor", "connected"): otosense.SensorConnected,
    subjects.event("otosense", "sensor", "silent"): otosense.SensorSilent,
    subjects.event("otosense", "sensor", "released"): otosense.SensorReleased,
    subjects.event("otosense", "sensor", "forgotten"): otosense.SensorForgotten,
    subjects.event("auth", "credentials", "refused"): auth.CredentialsRefused,
    subjects.event("auth", "credentials", "accepted"): auth.CredentialsAccepted,
    subjects.event("auth", "token", "ending"): auth.TokenEnding,
    subjects.event("telemetry", "lane", "failing"): telemetry.LaneFailing,
    subjects.event("telemetry", "lane", "recovered"): telemetry.LaneRecovered,
    subjects.event("telemetry", "lanes", "paused"): telemetry.LanesPaused,
    subjects.event("telemetry", "lanes", "resumed"): telemetry.LanesPaused,
    subjects.event("telemetry", "cloud", "paused"): telemetry.CloudPaused,
    subjects.event("telemetry", "cloud", "resumed"): telemetry.CloudResumed,
    subjects.event("telemetry", "stream", "filling"): telemetry.StreamFilling,
    subjects.event("console", "action", "started"): console.ActionStarted,
    subjects.event("console", "action", "finished"): console.ActionFinished,
}

SENSOR_SERIES = f"{subjects.PREFIX}.gateways.{{gateway}}.sensors.{{sensor}}.series"
SENSOR_STATUS = f"{subjects.PREFIX}.gateways.{{gateway}}.sensors.{{sensor}}.status"
GATEWAY_STATUS = f"{subjects.PREFIX}.gateways.{{gateway}}.status"
PUBLICATIONS: dict[str, TypeAdapter[Any]] = {
    SENSOR_SERIES: readings.SERIES,
    SENSOR_STATUS: TypeAdapter(readings.Status),
    GATEWAY_STATUS: TypeAdapter(readings.Status),
}

DEAD_LETTERS = f"{subjects.PREFIX}.dead.{{reason}}.{{gateway}}.{{sensor}}"
DEAD_LETTER_HEADERS = (
    *(dead.REASON, dead.DETAIL, dead.SUBJECT, dead.ATTEMPTS, dead.SEQUENCE, dead.PUBLISHED_AT, dead.DEAD_AT),
    *(dead.HTTP_STATUS, dead.INDEXES, dead.TRACEPARENT),
)
"""The last three are optional."""
