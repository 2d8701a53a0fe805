"""The fleet by requests and by the `ferry` command, at a real sandbox."""

import asyncio
from pathlib import Path

import pytest

from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    Gateway,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    SensorList,
)
from ferry.contract.registry import ListRequest as Listing
from ferry.runtime.requests import ask

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = "87cd2a6e407511e7922eb724f8803770"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def suite(cleared):
    return cleared


@pytest.fixture
def sandbox(cleared):
    return cleared.sandbox


@pytest.fixture
def nats_client(cleared_client):
    return cleared_client


async def register(client, gateway=GATEWAY, sensor="probe", kind="temperature", **more):
    await ask(client, subjects.REGISTRY_GATEWAYS_REGISTER, RegisterGateway(name="G", req_id=gateway), Gateway)
    device = RegisterDevice(owner=gateway, name="D", req_id="device")
    await ask(client, subjects.REGISTRY_DEVICES_REGISTER, device, Device)
    wanted = RegisterSensor(owner=gateway, device_id="device", name="S", type=kind, req_id=sensor, **more)
    return await ask(client, subjects.REGISTRY_SENSORS_REGISTER, wanted, Sensor)


async def test_what_can_be_known_is_filled_in_and_a_repeat_is_the_same(nats_client, sandbox):
    sensor = await register(nats_client)
    assert (sensor.driver_name, sensor.model, sensor.category) == ("openApiSensor", "openApiTemp", "sensor")
    again = await register(nats_client)
    assert again == sensor
    counters = await sandbox.get("/admin/counters")
    assert "sensors" in str(counters)
    page = await ask(nats_client, subjects.REGISTRY_SENSORS_LIST, Listing(owner=GATEWAY), SensorList)
    assert page.items == [sensor]
    assert page.next is None


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"kind": "temprature"}, "type", "temperature"),
        ({"category": "actuator"}, "category", "actuators cannot be linked"),
        ({"model": "openApiHumi"}, "model", "openApiTemp"),
        ({"gateway": "not-a-uuid"}, "reqId", "UUID"),
    ],
)
async def test_a_wrong_request_names_its_field_before_any_call(nats_client, change, field, says):
    with pytest.raises(ProblemError) as refused:
        await register(nats_client, **change)
    assert refused.value.problem.field == field
    assert says in f"{refused.value} {refused.value.problem.allowed}"


async def test_another_entity_under_the_same_id_is_told_apart(nats_client):
    await register(nats_client)
    with pytest.raises(ProblemError) as refused:
        await register(nats_client, kind="humidity")
    assert refused.value.problem.status == 409
    assert refused.value.problem.field == "type"


async def test_a_crash_between_cloud_and_bucket_is_mended_by_a_repeat(nats_client, sandbox):
    await sandbox.fault(match={"path": "*/sensors", "method": "POST"}, kind="reset_after", for_requests=1)
    sensor = await register(nats_client)
    assert sensor.id == "probe"
    assert (await register(nats_client)).id == "probe"


async def test_two_requesters_at_once_get_one_entity(nats_client):
    await register(nats_client)
    both = await asyncio.gather(
        *(register(nats_client, sensor="twin") for _ in range(8)), return_exceptions=True
    )
    assert {getattr(one, "id", one) for one in both} == {"twin"}


async def test_a_fleet_file_is_planned_applied_and_exported(suite, tmp_path):
    fleet = str(ROOT / "examples" / "fleet.yaml")
    code, text = await suite.ferry("plan", fleet)
    assert code == 2, text
    assert "7 to register" in text
    code, text = await suite.ferry("apply", fleet, "--yes")
    assert code == 0, text
    assert "7 registered" in text
    code, text = await suite.ferry("apply", fleet, "--yes")
    assert code == 0, text
    assert "0 registered, 7 were there" in text
    code, text = await suite.ferry("export")
    exported = tmp_path / "exported.yaml"
    exported.write_text(text)
    code, text = await suite.ferry("plan", str(exported))
    assert code == 0, text
    code, text = await suite.ferry("sensors", "list", "--json")
    assert "seattle-wind" in text


async def test_what_the_portal_registered_is_taken_over(suite, nats_client):
    from harness.services import lay_fleet

    await lay_fleet(suite.bus, suite.sandbox, 1, 3)
    code, text = await suite.ferry("import", "--json")
    assert code == 0, text
    code, text = await suite.ferry("gateways", "list")
    assert "gateway-0" in text
