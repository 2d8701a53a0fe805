import json
from pathlib import Path

import pytest
import yaml

from ferry.client import fleet_file
from ferry.client.fleet_export import declared
from ferry.client.fleet_plan import Registered, compare
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, Sensor

ROOT = Path(__file__).resolve().parents[3]


def fleet(tmp_path, text):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    return fleet_file.read(path)


PATTERN = """
gateways:
  - name: "Plant {n}"
    count: 3
    devices:
      - name: Rack
        sensors:
          - {name: "Probe {n}", type: temperature, count: 4}
"""


def test_a_pattern_stands_for_many_with_ids_that_stay(tmp_path):
    first, second = fleet(tmp_path, PATTERN), fleet(tmp_path, PATTERN)
    assert (len(first.gateways), len(first.devices), len(first.sensors)) == (3, 3, 12)
    assert first == second
    assert len({sensor.req_id for sensor in first.sensors}) == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gateways: [{name: a, nmae: b}]", "nmae"),
        ("gateways: [{name: a, count: 2}]", "{n}"),
        ("gateways: [{name: a, id: 'x y'}]", "an id has only"),
        ("gateways: [{name: a}, {name: a}]", "declared twice"),
        ("gateways: [", "no YAML"),
        ("[]", "not what the contract says"),
    ],
)
def test_a_wrong_file_is_refused_in_words(tmp_path, text, says):
    with pytest.raises(ProblemError, match=says.replace("{", r"\{")):
        fleet(tmp_path, text)


def test_the_published_schema_is_that_of_the_code():
    assert json.loads((ROOT / "docs" / "fleet.schema.json").read_text()) == fleet_file.schema()


def test_an_exported_fleet_plans_no_change(tmp_path):
    there = Registered(
        [Gateway(id="g", name="G", model="52", site_id="1", report_interval=60000)],
        [Device(id="d", owner="g", name="D", model="m")],
        [
            Sensor(
                id="s",
                owner="g",
                device_id="d",
                name="S",
                type="temperature",
                driver_name="x",
                model="y",
                category="sensor",
            )
        ],
    )
    text = fleet_file.write(declared(there))
    assert yaml.safe_load(text)["gateways"][0]["devices"][0]["sensors"][0]["id"] == "s"
    plan = compare(fleet(tmp_path, text), there)
    assert (plan.create, plan.differ, plan.unknown, plan.same) == ([], [], [], 3)
