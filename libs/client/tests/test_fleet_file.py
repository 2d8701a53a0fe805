"""A fleet file is read, and written so that reading it changes nothing."""

import csv
import io
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ferry.client.fleet.file import write
from ferry.client.fleet.file.declared import schema
from ferry.client.fleet.file.formats.csv_columns import unescaped
from ferry.client.fleet.file.read import read
from ferry.client.fleet.plan import compare
from ferry.client.fleet.planning import check_offline
from ferry.client.fleet.registered import Registered
from ferry.contract.registry import Device, Gateway, Sensor

ROOT = Path(__file__).resolve().parents[3]
NAMES = [
    "Probe",
    "007",
    "no",
    "1.5",
    "=HYPERLINK(A1)",
    "'=x",
    "-5 °C",
    "a;b,c",
    'say "hi"',
    "+49",
    "@x",
    "null",
    "한국",
]
GATEWAY = "87cd2a6e407511e7922eb724f8803770"


def fleet(tmp_path, text, name="fleet.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return read(path)


PATTERN = """
gateways:
  - name: "Plant {n}"
    count: 3
    devices:
      - name: Rack
        sensors:
          - {name: "Probe {n}", type: temperature, count: 4}
"""


def test_a_pattern_stands_for_many(tmp_path):
    found = fleet(tmp_path, PATTERN)
    assert [len(list(found.each(noun))) for noun in ("gateway", "device", "sensor")] == [3, 3, 12]
    assert [one.name for one in found.gateways] == ["Plant 1", "Plant 2", "Plant 3"]
    assert {one.id for one in found.each()} == {None}


def test_the_published_schema_is_that_of_the_code():
    assert json.loads((ROOT / "docs/reference/fleet.schema.json").read_text()) == schema()


def test_x_keys_are_for_anchors_on_every_level(tmp_path):
    found = fleet(
        tmp_path,
        """
x-probe: &probe {type: temperature, x-note: whatever, category: sensor}
x-anything: [1, {no: yes}]
gateways:
  - name: G
    x-owner: Kim
    devices:
      - name: R
        sensors:
          - {<<: *probe, name: A}
          - {<<: *probe, name: B, type: humidity}
""",
    )
    assert [one.fields for one in found.each("sensor")] == [
        {"type": "temperature", "category": "sensor"},
        {"type": "humidity", "category": "sensor"},
    ]


def there():
    """Names that YAML and spreadsheets read as something else."""
    sensors = [
        Sensor(
            id=f"s{number}",
            owner=GATEWAY,
            device_id="d",
            name=name,
            type="temperature",
            driver_name="openApiSensor",
            model="openApiTemp",
            category="sensor",
        )
        for number, name in enumerate(NAMES)
    ]
    gateways = [
        Gateway(id=GATEWAY, name="G", model="52", site_id="1", report_interval=60000),
        Gateway(id="f" * 32, name="Empty", model="52", site_id="1", report_interval=60000),
    ]
    devices = [
        Device(id="d", owner=GATEWAY, name="D", model="open-api-device-v1.0"),
        Device(id="e", owner=GATEWAY, name="Empty", model="open-api-device-v1.0"),
    ]
    return Registered(gateways, devices, sensors)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("f.yaml", write.as_yaml),
        ("f.csv", write.as_csv),
        ("g.yaml", lambda one: write.as_yaml(one, ascii_only=True)),
    ],
)
def test_an_exported_fleet_plans_no_change(tmp_path, name, written):
    found = fleet(tmp_path, written(write.declared(there())), name)
    check_offline(found)
    plan, matched = compare(found, there())
    assert (plan.create, plan.change, plan.fixed, plan.retire, matched.mistakes) == ([], [], [], [], [])
    assert len(plan.same) == 4 + len(NAMES)


def called(names):
    """What is there, with sensors of these names."""
    found = there()
    model = found.sensors[0]
    found.sensors = [model.model_copy(update={"id": f"s{n}", "name": name}) for n, name in enumerate(names)]
    return found


def test_no_cell_of_an_exported_table_is_a_formula():
    """OWASP's list: a spreadsheet carries out what begins so, also after spaces; what it adds is taken off again."""
    bad = [
        f"{lead}{sign}cmd|' /C calc'!A0"
        for lead in ("", " ", "'", "\u00a0")
        for sign in "=+-@\t\r\uff1d\uff20"
    ]
    text = write.as_csv(write.declared(called(bad)))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(bad) + 2
    assert {row["sensor"][:1] for row in rows if row["sensor"]} == {"'"}
    assert [unescaped(row["sensor"]) for row in rows if row["sensor"]] == bad


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
@example(
    [
        " a",
        "a ",
        "'=x",
        "''= x",
        "' x",
        "\r\n",
        "a\nb",
        '"',
        "{n}",
        "\u202e",
        "\x00",
        "\x85",
        "\ufeff",
        "x: y",
        "# c",
    ]
)
def test_any_name_is_read_as_it_was_written(names):
    """CSV knows no name that is blank alone; nobody can say which one that is."""
    for suffix, written in ((".yaml", write.as_yaml), (".csv", write.as_csv)):
        found = called([name for name in names if suffix == ".yaml" or name.strip()])
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"fleet{suffix}"
            path.write_bytes(written(write.declared(found)).encode())
            plan, _ = compare(read(path), found)
        assert (plan.create, plan.change, plan.retire) == ([], [], [])


def test_an_export_leaves_out_what_the_portal_deleted():
    fleet_there = there()
    fleet_there.sensors[0] = fleet_there.sensors[0].model_copy(update={"deleted_before": 1})
    shown = yaml.safe_load(write.as_yaml(write.declared(fleet_there)))
    assert shown["gateways"][0]["devices"][0]["sensors"][0]["id"] == "s1"


def many(form):
    """10,000 sensors."""
    places = [(f"G{g}", f"S {s}", f"s-{g}-{s}") for g in range(100) for s in range(100)]
    if form == "csv":
        rows = [f"{gateway},R,{name},{sensor},temperature" for gateway, name, sensor in places]
        return "\n".join(["gateway,device,sensor,sensorId,type", *rows])
    lines = ["gateways:"]
    for number, (gateway, name, sensor) in enumerate(places):
        if number % 100 == 0:
            lines += [f"- name: {gateway}", "  devices:", "  - name: R", "    sensors:"]
        if form == "flow":
            lines.append(f"    - {{name: {name}, id: {sensor}, type: temperature}}")
        else:
            fields = {"name": name, "type": "temperature", "id": sensor, "driverName": "openApiSensor"}
            fields |= {"model": "openApiTemp", "category": "sensor"}
            written = [f"{field}: {value}" for field, value in fields.items()]
            lines += [f"    - {written[0]}", *(f"      {one}" for one in written[1:])]
    return "\n".join(lines)


@pytest.mark.alone
@pytest.mark.parametrize("form", ["flow", "block", "csv"])
def test_ten_thousand_sensors_are_checked_within_a_second(tmp_path, form):
    path = tmp_path / ("fleet.csv" if form == "csv" else "fleet.yaml")
    path.write_text(many(form))
    took_s = []
    for _ in range(3):
        begun = time.process_time()
        found = read(path)
        check_offline(found)
        took_s.append(time.process_time() - begun)
    assert len(list(found.each("sensor"))) == 10_000
    assert min(took_s) < 1
