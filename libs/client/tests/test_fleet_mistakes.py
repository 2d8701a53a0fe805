"""Every mistake of a file is named where it stands, with what to write instead, all at once and without any request."""

import pytest

from ferry.client.fleet.file.mistakes import MistakesError
from ferry.client.fleet.file.read import read
from ferry.client.fleet.planning import check_offline

UUID = "87CD2A6E-4075-11E7-922E-B724F8803770"
HEX = UUID.replace("-", "").lower()


def mistakes(tmp_path, body, name="fleet.yaml"):
    path = tmp_path / name
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    with pytest.raises(MistakesError) as found:
        check_offline(read(path))
    return [line.removeprefix(f"{path}:") for line in found.value.lines()]


def on_one(sensor):
    return f"gateways:\n- name: G\n  devices:\n  - name: R\n    sensors:\n    - {sensor}\n"


@pytest.mark.parametrize(
    ("body", "where", "says"),
    [
        # ids
        (f"gateways: [{{name: G, id: {UUID}}}]", "1:26", f"write {HEX}"),
        (f"gateways: [{{name: G, id: {HEX.upper()}}}]", "1:26", f"write {HEX}"),
        (f"gateways: [{{name: G, id: {UUID.lower()}}}]", "1:26", f"write {HEX}"),
        ("gateways: [{name: G, id: plant-1}]", "1:26", "takes a UUID without dashes"),
        (on_one("{name: S, type: temperature, id: a.b}"), "6:40", "this one also has '.'"),
        (on_one("{name: S, type: temperature, id: ''}"), "6:40", "must not be empty"),
        (on_one(f"{{name: S, type: temperature, id: {'x' * 129}}}"), "6:40", "at most 128"),
        (f"gateways: [{{name: A, id: {HEX}}},\n {{name: B, id: {HEX}}}]", "2:16", "declared twice, first in line 1"),
        ("gateways: [{name: 'G {n}', count: 2, devices: [{name: R, id: r}]}]", "1:62", "the pattern makes device r"),
        ("gateways: [{name: 'G {n}', count: 2, id: x}]", "1:42", "put {n} where the number belongs"),
        # types and models
        (on_one("{name: S, type: temprature}"), "6:23", "did you mean 'temperature'?"),
        (on_one("{name: S, type: Temperature}"), "6:23", "did you mean 'temperature'?"),
        (on_one("{name: S, type: zzz}"), "6:23", "there are acceleration, co,"),
        (on_one("{name: S, type: led, category: actuator}"), "6:38", "actuators cannot be linked"),
        (on_one("{name: S, type: temperature, model: openApiHumi}"), "6:43", "openApiTemp, not openApiHumi"),
        ("gateways: [{name: G, devices: [{name: R, model: openapi-device}]}]", "1:49", "did you mean 'open-api-device"),
        ("gateways: [{name: G, devices: [{name: 'R {n}', count: 100}]}]", "1:39", "may have 99 devices"),
        # keys
        ("gateways: [{name: G, name: H}]", "1:22", "name comes twice, first in line 1"),
        ("gateways: []\ngateways: []", "2:1", "gateways comes twice"),
        ("gateways: [{name: G, reportInterval: 60000, report_interval: 70000}]", "1:45", "comes twice"),
        ("gateways: [{name: a, nmae: b}]", "1:22", "a gateway has no key nmae: did you mean name?"),
        ("gateways: [{name: a, devices: [{name: b, reportInterval: 60000}]}]", "1:42", "belongs to"),
        ("gateways: [{devices: []}]", "1:12", "a gateway without name"),
        (on_one("{name: S}"), "6:7", "a sensor without type"),
        ("defaults: {}", "1:1", "gateways is missing"),
        ("gateways: [{[a]: b, name: G}]", "1:13", "a key is a word"),
        # words that YAML reads as something else
        ("gateways: [{name: G, model: 52}]", "1:29", 'write "52"'),
        ("gateways: [{name: G, id: 007}]", "1:26", 'write "007"'),
        ("gateways: [{name: no}]", "1:19", 'write "no"'),
        ("gateways: [{name: On}]", "1:19", 'write "On"'),
        ("gateways: [{name: 1e3}]", "1:19", None),
        ("gateways: [{name: 1.50}]", "1:19", 'write "1.50"'),
        ("gateways: [{name: 2026-01-01}]", "1:19", 'write "2026-01-01"'),
        ("gateways: [{name: 12:30:45}]", "1:19", 'write "12:30:45"'),
        ("gateways: [{name: 0x1F}]", "1:19", 'write "0x1F"'),
        ("gateways: [{name: }]", "1:19", "name: is empty: write a text"),
        ("gateways: [{name: ~}]", "1:19", "name: is empty: write a text"),
        ("gateways: [{name: ''}]", "1:19", "name: is empty"),
        ("gateways: [{name: [a]}]", "1:19", "a text is expected here, not a list"),
        (f"gateways: [{{name: {'x' * 257}}}]", "1:19", "has 257 characters"),
        ('gateways: [{name: G, reportInterval: "60000"}]', "1:38", "write it without quotes, 60000"),
        ("gateways: [{name: G, reportInterval: 60}]", "1:38", "ms from 60000 (a minute)"),
        ("gateways: [{name: G, reportInterval: 60_000}]", "1:38", "not 60_000"),
        ("gateways: [{name: G, reportInterval: 1:00}]", "1:38", "not 1:00"),
        ("gateways: [{name: G, reportInterval: 1e5}]", "1:38", "not 1e5"),
        ("gateways: [{name: 'G {n}', count: yes}]", "1:35", "not yes"),
        ("gateways: [{name: 'G {n}', count: 0}]", "1:35", "from 1 to 100000"),
        ("gateways: [{name: G, count: 3}]", "1:19", "put {n} where the number belongs"),
        ("gateways: [{name: !!binary aGk=}]", "1:19", "remove !!binary"),
        ("gateways: [{name: !env HOME}]", "1:19", "remove !env"),
        # the document
        ("gateways:\n\t- name: G", "2:1", "a tab: YAML indents by spaces"),
        ("gateways:\n  - name: G\n\t  model: '52'", "3:1", "a tab"),
        ("", "1:1", "the file is empty"),
        ("   \n\n", "1:1", "the file is empty"),
        ("# only a comment\n", "1:1", "the file is empty"),
        ("---\n", "1:1", "the file is empty"),
        ("gateways:", "1:10", "write [] for none"),
        ("gateways: {}", "1:11", "a list is expected"),
        ("- name: G", "1:1", "begins with `gateways:`"),
        ("gateways: [G]", "1:12", "a gateway is a mapping"),
        ("gateways: []\n---\ngateways: []", "2:1", "a second document"),
        ("gateways: [", "2:1", "not closed"),
        ("gateways: [{name: a: b}]", "1:20", "a comma is missing"),
        ("gateways:\n- name: a: b", "2:10", "two colons"),
        ("gateways: [{name: 'G}]", "1:19", "never closed"),
        ("gateways: [{name: @G}]", "1:19", "quotes"),
        ("gateways: [{name: *G}]", "1:19", "an alias"),
        ("gateways: &g [*g]", "1:11", "an alias inside"),
        ("gateways: [{name: \x07}]", "1:19", "U+0007"),
        ("[" * 200_000, "1:101", "levels deep"),
        (b"gateways: [\n{name: caf\xe9}]", "2:11", "the byte 0xe9 is not UTF-8"),
        ("gateways: []".encode("utf-16"), "1:1", "UTF-16: save it as UTF-8"),
        ("gateways: []".encode("utf-32"), "1:1", "UTF-32"),
        # renames
        ("gateways: [{name: A, renamedFrom: A}]", "1:35", "this is the name that it has"),
        ("gateways: [{name: A, renamedFrom: C}, {name: B, renamedFrom: C}]", "1:62", "cannot both have been"),
        ("gateways: [{name: A, renamedFrom: B}, {name: B, renamedFrom: A}]", "1:35", "this needs their ids"),
        ("gateways: [{name: A}, {name: A}]", "1:30", "declared twice, first in line 1"),
        ("gateways: [{name: A, site: x, siteId: y}]", "1:28", "keep one"),
        ("sites: [{}]\ngateways: []", "1:9", "an id or a name"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_stands(tmp_path, body, where, says):
    if says is None:
        (tmp_path / "fleet.yaml").write_text(body)
        assert read(tmp_path / "fleet.yaml").gateways[0].name == "1e3"
        return
    found = mistakes(tmp_path, body)
    assert any(line.startswith(f"{where}: ") and says in line for line in found), found


def test_all_mistakes_are_told_at_once(tmp_path):
    found = mistakes(
        tmp_path,
        f"""gateways:
  - name: no
    model: 52
    nmae: x
    devices:
      - name: R
        sensors:
          - {{name: A, type: temprature}}
          - {{name: A, name: B, type: temperature, id: 5.5}}
          - {{type: humdity}}
  - {{name: B, id: {UUID}, reportInterval: 5}}
""",
    )
    assert [line.split(":")[0] for line in found] == [
        "2",
        "3",
        "4",
        "8",
        "9",
        "9",
        "9",
        "9",
        "10",
        "10",
        "11",
        "11",
    ]


def test_every_line_that_begins_with_a_tab_is_named(tmp_path):
    assert [line.split(": ")[0] for line in mistakes(tmp_path, "gateways:\n\t- a\n\n \t- b\n")] == [
        "2:1",
        "4:2",
    ]


def test_one_that_comes_from_an_anchor_is_named_where_it_was_written(tmp_path):
    found = mistakes(tmp_path, "x-p: &p {type: temprature}\n" + on_one("{<<: *p, name: S}"))
    assert found[0].startswith("1:16: type: ")


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfgateways: [{name: G}]",
        b"gateways: [{name: G}]\r\n",
        b"%YAML 1.1\n---\ngateways: [{name: G}]\n...\n",
        b"gateways: [{name: !!str G, model: !!str 52}]",
        b"gateways: [{name: G, id: ~, model: }]",
    ],
)
def test_what_an_editor_makes_of_a_file_is_no_mistake(tmp_path, body):
    (tmp_path / "fleet.yaml").write_bytes(body)
    assert [one.name for one in read(tmp_path / "fleet.yaml").gateways] == ["G"]


def test_aliases_that_stand_for_more_than_any_memory_has_are_refused(tmp_path):
    text = "x-0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
    for level in range(1, 30):
        text += f"x-{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n"
    assert "expand to too much" in mistakes(tmp_path, text + "gateways: *a29\n")[0]


def test_patterns_that_stand_for_more_than_any_memory_has_are_refused(tmp_path):
    found = mistakes(
        tmp_path, "gateways: [{name: '{n}', count: 90000, devices: [{name: '{n}', count: 90000}]}]"
    )
    assert "split it" in found[0]


@pytest.mark.parametrize(
    ("body", "where", "says"),
    [
        ("gateway,sensor,type,foo\n", "1:4", "there is no column 'foo'"),
        ("device,sensor\n", "1:1", "one of them is `gateway`"),
        ("gateway,gateway\n", "1:2", "comes twice"),
        ("gateway,device,sensor,type\nG,R,S,temprature\n", "2:4", "did you mean 'temperature'?"),
        ("gateway,device,sensor,type\nG,R,S\n", "2:1", "a sensor without type"),
        ("gateway,device,sensor,type\nG,,S,temperature\n", "2:3", "a sensor without a device"),
        ("gateway,device,sensor,type\n,R,S,temperature\n", "2:2", "a device without a gateway"),
        ("gateway,device,sensor,type\nG,R,,temperature\n", "2:4", "type without a name"),
        ("gateway,reportInterval\nG,60000\nG,70000\n", "3:2", "'70000' here and '60000' in line 2"),
        ("gateway,reportInterval\nG,1 min\n", "2:2", "not 1 min"),
        ("gateway,gatewayId\nG,8.7E+31\n", "2:2", "give the column the format `text`"),
        (f"gateway,gatewayId\nG,{UUID}\n", "2:2", f"write {HEX}"),
        ("gateway,device\nG,R,x\n", "2:3", "3 cells under 2 columns"),
        ('gateway,device\nG,"R\n', "2:1", "is a quote not closed?"),
        (b"gateway\ncaf\xe9\n", "2:4", "not UTF-8"),
        ("", "1:1", "empty"),
        ("gateway,device,sensor,type\nG,R,S,temperature\nG,R,S,temperature\n", "3:3", "first in line 2"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_is_named_by_line_and_cell(tmp_path, body, where, says):
    found = mistakes(tmp_path, body, "fleet.csv")
    assert any(line.startswith(f"{where}: ") and says in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "gateway,device,sensor,type\nG,R,S,temperature\n",
        "\ufeffgateway;device;sensor;type\r\nG;R;S;temperature\r\n;;;\r\n",
        "sep=;\ngateway;device;sensor;type\nG;R;S;temperature\n",
        "Gateway\tDevice\tSensor\tType\nG\tR\tS\ttemperature\n",
        'gateway,device,sensor,type\n"G","R","S","temperature"\n\n',
    ],
)
def test_a_table_from_a_spreadsheet_is_read(tmp_path, text):
    (tmp_path / "fleet.CSV").write_text(text, newline="")
    fleet = read(tmp_path / "fleet.CSV")
    assert [(one.noun, one.name) for one in fleet.each()] == [
        ("gateway", "G"),
        ("device", "R"),
        ("sensor", "S"),
    ]
