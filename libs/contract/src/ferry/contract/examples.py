"""An example of every message on the bus, for the AsyncAPI document. The ids are made up."""

from typing import Any

from pydantic import BaseModel, SecretStr

from ferry.contract import auth, console, dead, operations, otosense, registry, subjects, telemetry
from ferry.contract.problems import ProblemError

NOW = 1_764_072_000_000
GATEWAY = registry.Gateway(
    id="0f3a5c7e9b1d4f60a2c4e6f8091b3d5f",
    name="plant-7",
    model="52",
    site_id="1",
    report_interval=60_000,
    mtime=NOW,
    ctime=NOW,
)
DEVICE = registry.Device(
    id="pump-room", owner=GATEWAY.id, name="Pump room", model="open-api-device-v1.0", mtime=NOW, ctime=NOW
)
SENSOR = registry.Sensor(
    id="boiler",
    owner=GATEWAY.id,
    device_id=DEVICE.id,
    name="Boiler",
    type="temperature",
    driver_name="openApiSensor",
    model="openApiTemp",
    category="sensor",
    mtime=NOW,
    ctime=NOW,
)
MODEL = registry.GatewayModel(
    id="52",
    display_name="Open API gateway",
    report_interval=60_000,
    device_models=[
        registry.DeviceModel(
            id=DEVICE.model,
            sensors=[
                registry.SensorModel(
                    type=SENSOR.type,
                    model=SENSOR.model,
                    driver_name=SENSOR.driver_name,
                    category=SENSOR.category,
                )
            ],
        )
    ],
)
SECRET = SecretStr("****************")
MOTOR = otosense.Sensor(
    sensor_id="00e04c123456",
    provisioned="2025-11-25T12:00:00Z",
    provisioned_by="ferry",
    last_connected="2025-11-25T12:03:10Z",
    stage="connected",
    next_step="nothing: it measures",
    claimed_at=NOW,
    polls=3,
    story=(otosense.Step(at=NOW, what="claimed"), otosense.Step(at=NOW + 190_000, what="connected")),
)
PAUSE = telemetry.Pause(gateway=GATEWAY.id, sensor=SENSOR.id, at=NOW, reason="recalibration")
LETTER = telemetry.DeadLetter(
    id=17,
    reason=dead.Reason.INVALID_VALUE,
    detail="value is true: it must be a string, a number or an object",
    subject=subjects.sensor_series(GATEWAY.id, SENSOR.id),
    gateway=GATEWAY.id,
    sensor=SENSOR.id,
    attempts=1,
    sequence=4711,
    published_at=NOW,
    dead_at=NOW + 12,
    body='{"value": true}',
)
THIS_GATEWAY = registry.GatewayId(id=GATEWAY.id)
THIS_DEVICE = registry.OwnedId(owner=GATEWAY.id, id=DEVICE.id)
THIS_SENSOR = registry.OwnedId(owner=GATEWAY.id, id=SENSOR.id)
TOKEN = auth.Token(access_token=SECRET, expires_in=3599.5, expires_at=NOW + 3_599_500, generation=12)


PROBLEM = ProblemError.of(
    "invalid-request",
    400,
    "the request has a field that the contract does not have",
    detail="nmae: Extra inputs are not permitted",
    field="nmae",
    allowed=["name", "siteId", "model", "reportInterval", "reqId", "devices", "sensors"],
    hint="did you mean name?",
).problem
DEAD_LETTER_HEADERS = {
    dead.REASON: LETTER.reason,
    dead.DETAIL: LETTER.detail,
    dead.SUBJECT: LETTER.subject,
    dead.ATTEMPTS: str(LETTER.attempts),
    dead.SEQUENCE: str(LETTER.sequence),
    dead.PUBLISHED_AT: str(LETTER.published_at),
    dead.DEAD_AT: str(LETTER.dead_at),
}
PUBLICATIONS: dict[str, list[Any]] = {
    operations.SENSOR_SERIES: [
        {"value": "36.5", "time": NOW},
        {"value": 36.5},
        {"value": {"lat": 37.5, "lng": 127.0}, "time": NOW},
        [{"value": 36.5, "time": NOW}, {"value": 36.6, "time": NOW + 1000}],
    ],
    operations.SENSOR_STATUS: [{"value": "on"}, {"value": "err", "validDuration": 450}],
    operations.GATEWAY_STATUS: [{"value": "on", "validDuration": 450}],
}
OPERATIONS: dict[str, tuple[BaseModel, BaseModel]] = {
    subjects.AUTH_THINGPLUS_TOKEN_GET: (auth.TokenRequest(), TOKEN),
    subjects.AUTH_OTOSENSE_TOKEN_GET: (auth.TokenRequest(rejected=11), TOKEN),
    subjects.AUTH_STATE_GET: (
        auth.StateRequest(),
        auth.AuthState(
            clouds=[
                auth.CloudState(cloud="thingplus", state="ok", generation=12, expires_at=NOW, refresh_at=NOW),
                auth.CloudState(cloud="otosense", state="unconfigured", hint="set FERRY_OTOSENSE__URL"),
            ]
        ),
    ),
    subjects.AUTH_CLIENT_CREATE: (
        auth.ClientRequest(
            name="Ferry", req_id="ferry", client_secret=SECRET, login_id="serviceadmin", password=SECRET
        ),
        auth.Client(id="ferry", name="Ferry", scopes=("gateway", "site-read"), mtime=NOW, ctime=NOW),
    ),
    subjects.REGISTRY_SITES_LIST: (
        registry.SitesRequest(),
        registry.SiteList(items=[registry.Site(id="1", name="Main plant")]),
    ),
    subjects.REGISTRY_MODELS_GET: (registry.ModelRequest(model="52"), MODEL),
    subjects.REGISTRY_GATEWAYS_REGISTER: (
        registry.RegisterGateway(
            name=GATEWAY.name,
            site_id="1",
            devices=[registry.NewDevice(name=DEVICE.name, req_id=DEVICE.id)],
            sensors=[
                registry.NewSensor(
                    device_id=DEVICE.id, name=SENSOR.name, type="temperature", req_id=SENSOR.id
                )
            ],
        ),
        registry.RegisteredGateway(**GATEWAY.model_dump(by_alias=False)),
    ),
    subjects.REGISTRY_GATEWAYS_UPDATE: (
        registry.UpdateGateway(id=GATEWAY.id, name="plant-7b"),
        GATEWAY.model_copy(update={"name": "plant-7b"}),
    ),
    subjects.REGISTRY_GATEWAYS_RETIRE: (THIS_GATEWAY, registry.Retired(gateways=1, devices=1, sensors=1)),
    subjects.REGISTRY_GATEWAYS_GET: (THIS_GATEWAY, GATEWAY),
    subjects.REGISTRY_GATEWAYS_LIST: (
        registry.ListRequest(limit=1),
        registry.GatewayList(items=[GATEWAY], next=GATEWAY.id),
    ),
    subjects.REGISTRY_DEVICES_REGISTER: (
        registry.RegisterDevice(owner=GATEWAY.id, name=DEVICE.name, req_id=DEVICE.id),
        DEVICE,
    ),
    subjects.REGISTRY_DEVICES_UPDATE: (
        registry.UpdateDevice(owner=GATEWAY.id, id=DEVICE.id, name="Pumps"),
        DEVICE.model_copy(update={"name": "Pumps"}),
    ),
    subjects.REGISTRY_DEVICES_RETIRE: (THIS_DEVICE, registry.Retired(devices=1, sensors=1)),
    subjects.REGISTRY_DEVICES_GET: (THIS_DEVICE, DEVICE),
    subjects.REGISTRY_DEVICES_LIST: (
        registry.ListRequest(owner=GATEWAY.id),
        registry.DeviceList(items=[DEVICE]),
    ),
    subjects.REGISTRY_SENSORS_REGISTER: (
        registry.RegisterSensor(
            owner=GATEWAY.id, device_id=DEVICE.id, name=SENSOR.name, type="temperature", req_id=SENSOR.id
        ),
        SENSOR,
    ),
    subjects.REGISTRY_SENSORS_UPDATE: (
        registry.UpdateSensor(owner=GATEWAY.id, id=SENSOR.id, device_id=DEVICE.id),
        SENSOR,
    ),
    subjects.REGISTRY_SENSORS_RETIRE: (THIS_SENSOR, registry.Retired(sensors=1)),
    subjects.REGISTRY_SENSORS_GET: (THIS_SENSOR, SENSOR),
    subjects.REGISTRY_SENSORS_LIST: (
        registry.ListRequest(owner=GATEWAY.id),
        registry.SensorList(items=[SENSOR]),
    ),
    subjects.REGISTRY_IDS_RESERVE: (
        registry.ReserveIds(
            places=[
                registry.Place(noun="gateway", name=GATEWAY.name),
                registry.Place(noun="sensor", owner=GATEWAY.id, device_id=DEVICE.id, name=SENSOR.name),
            ]
        ),
        registry.ReservedIds(ids=[GATEWAY.id, SENSOR.id]),
    ),
    subjects.REGISTRY_CLOUD_IMPORT: (
        registry.ImportRequest(gateway=GATEWAY.id),
        registry.Imported(gateways=1, devices=1, sensors=1),
    ),
    subjects.OTOSENSE_SENSORS_PROVISION: (
        otosense.ProvisionSensor(cert="-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"),
        MOTOR,
    ),
    subjects.OTOSENSE_SENSORS_FORGET: (
        otosense.ForgetSensor(sensor_id=MOTOR.sensor_id),
        otosense.ForgottenSensor(sensor_id=MOTOR.sensor_id, stage="connected"),
    ),
    subjects.OTOSENSE_SENSORS_GET: (otosense.GetSensor(sensor_id=MOTOR.sensor_id), MOTOR),
    subjects.OTOSENSE_SENSORS_LIST: (otosense.ListSensors(limit=10), otosense.SensorList(items=[MOTOR])),
    subjects.TELEMETRY_STATE_GET: (
        telemetry.StateRequest(),
        telemetry.State(
            replicas=[
                telemetry.Presence(
                    replica="telemetry-1",
                    partitions=(0, 1),
                    limit=64,
                    delivered=4711,
                    failing_lanes=1,
                    troubles=(
                        telemetry.LaneTrouble(
                            gateway=GATEWAY.id, sensor=SENSOR.id, kind="failing", detail="503 from the cloud"
                        ),
                    ),
                )
            ],
            partitions=[telemetry.PartitionState(partition=0, owner="telemetry-1")],
            waiting=0,
            waiting_bytes=0,
            dead=1,
            dead_bytes=420,
            dead_max_bytes=536_870_912,
        ),
    ),
    subjects.TELEMETRY_LANES_PAUSE: (
        telemetry.PauseLanes(gateway=GATEWAY.id, sensor=SENSOR.id, reason="recalibration"),
        telemetry.Pauses(items=[PAUSE]),
    ),
    subjects.TELEMETRY_LANES_RESUME: (
        telemetry.ResumeLanes(gateway=GATEWAY.id, sensor=SENSOR.id),
        telemetry.Pauses(items=[]),
    ),
    subjects.TELEMETRY_SENSORS_GET: (
        telemetry.SensorQuery(
            gateway=GATEWAY.id, sensor=SENSOR.id, since=1_495_712_134_508, until=1_495_715_734_508
        ),
        telemetry.SensorAtCloud(
            points=[telemetry.CloudPoint(time=1_495_715_734_508, value="36.5")],
            latest=telemetry.CloudPoint(time=1_495_715_734_508, value="36.5"),
            status=telemetry.CloudStatus(value="on", expires_at=1_495_716_184_508),
        ),
    ),
    subjects.TELEMETRY_DEAD_COUNT: (
        telemetry.DeadFilter(gateway=GATEWAY.id),
        telemetry.DeadCount(total=1, by_reason={LETTER.reason: 1}),
    ),
    subjects.TELEMETRY_DEAD_LIST: (
        telemetry.DeadFilter(gateway=GATEWAY.id, limit=10),
        telemetry.DeadList(items=[LETTER]),
    ),
    subjects.TELEMETRY_DEAD_GET: (telemetry.DeadId(id=LETTER.id), LETTER),
    subjects.TELEMETRY_DEAD_REPLAY: (telemetry.DeadChoice(id=LETTER.id), telemetry.DeadDone(done=1)),
    subjects.TELEMETRY_DEAD_DISCARD: (
        telemetry.DeadChoice(reason=dead.Reason.INVALID_VALUE),
        telemetry.DeadDone(done=1),
    ),
}
ACTION = console.ActionStarted(
    id="5b2f8c1d",
    who="alice",
    signed_in_by="token",
    subject=subjects.TELEMETRY_DEAD_DISCARD,
    request={"reason": dead.Reason.INVALID_VALUE.value},
)
EVENTS: dict[str, BaseModel] = {
    subjects.event("console", "action", "started"): ACTION,
    subjects.event("console", "action", "finished"): console.ActionFinished(
        **ACTION.model_dump(by_alias=False), done=1, failed=0
    ),
    **{
        subjects.event("registry", noun, verb): entity
        for noun, entity in (("gateway", GATEWAY), ("device", DEVICE), ("sensor", SENSOR))
        for verb in ("registered", "imported", "changed", "retired", "deleted")
    },
    subjects.event("otosense", "sensor", "provisioned"): otosense.SensorProvisioned(
        sensor_id=MOTOR.sensor_id, provisioned=MOTOR.provisioned, provisioned_by=MOTOR.provisioned_by
    ),
    subjects.event("otosense", "sensor", "connected"): otosense.SensorConnected(
        sensor_id=MOTOR.sensor_id, last_connected="2025-11-25T12:03:10Z", claimed_at=NOW, polls=3
    ),
    subjects.event("otosense", "sensor", "silent"): otosense.SensorSilent(
        sensor_id=MOTOR.sensor_id,
        claimed_at=NOW,
        polls=60,
        hint="is it switched on, and in reach of its network?",
    ),
    subjects.event("otosense", "sensor", "released"): otosense.SensorReleased(
        sensor_id=MOTOR.sensor_id, claimed_at=NOW, hint="provision it again"
    ),
    subjects.event("otosense", "sensor", "forgotten"): otosense.SensorForgotten(sensor_id=MOTOR.sensor_id),
    subjects.event("auth", "credentials", "refused"): auth.CredentialsRefused(
        cloud="thingplus",
        status=401,
        code="invalid_grant",
        detail="wrong password",
        hint="set the password again",
    ),
    subjects.event("auth", "credentials", "accepted"): auth.CredentialsAccepted(
        cloud="thingplus", generation=13
    ),
    subjects.event("auth", "token", "ending"): auth.TokenEnding(
        cloud="thingplus", generation=12, expires_at=NOW, detail="no answer from the cloud"
    ),
    subjects.event("telemetry", "lane", "failing"): telemetry.LaneFailing(
        gateway=GATEWAY.id, sensor=SENSOR.id, since=NOW, detail="500 text/html: not Thing+'s"
    ),
    subjects.event("telemetry", "lane", "recovered"): telemetry.LaneRecovered(
        gateway=GATEWAY.id, sensor=SENSOR.id, failed_ms=92_000
    ),
    subjects.event("telemetry", "lanes", "paused"): telemetry.LanesPaused(
        gateway=GATEWAY.id, sensor=SENSOR.id, reason="recalibration"
    ),
    subjects.event("telemetry", "lanes", "resumed"): telemetry.LanesPaused(
        gateway=GATEWAY.id, sensor=SENSOR.id
    ),
    subjects.event("telemetry", "cloud", "paused"): telemetry.CloudPaused(
        replica="telemetry-1", cause="503 SERVICE_UNAVAILABLE"
    ),
    subjects.event("telemetry", "cloud", "resumed"): telemetry.CloudResumed(
        replica="telemetry-1", paused_ms=61_000
    ),
    subjects.event("telemetry", "stream", "filling"): telemetry.StreamFilling(
        stream="FERRY_READINGS", ratio=0.81
    ),
}
