"""A change of the contract that programs of the last release would trip over is found, and only such a one."""

import copy
import json
from pathlib import Path

import pytest
from contract_changes import incompatible

from ferry.contract.asyncapi import document

DOCS = Path(__file__).parents[3] / "docs/reference"
OLD = document("1")
SCHEMAS = OLD["components"]["schemas"]


def changed(change):
    new = copy.deepcopy(OLD)
    change(new, new["components"]["schemas"])
    return incompatible(OLD, new)


def put(name, field, schema, *, required=False):
    def change(_, schemas):
        schemas[name].setdefault("properties", {})[field] = schema
        if required:
            schemas[name].setdefault("required", []).append(field)

    return change


def take(name, field):
    def change(_, schemas):
        del schemas[name]["properties"][field]
        schemas[name]["required"] = [one for one in schemas[name].get("required", []) if one != field]

    return change


def alter(name, field=None, **keywords):
    def change(_, schemas):
        schema = schemas[name]["properties"][field] if field else schemas[name]
        schema.update(keywords)

    return change


def need(name, field, *, needed):
    def change(_, schemas):
        required = set(schemas[name].get("required", []))
        schemas[name]["required"] = sorted(required | {field} if needed else required - {field})

    return change


def drop_channel(name):
    def change(new, _):
        del new["channels"][name]
        del new["operations"][name]

    return change


def move_channel(name):
    def change(new, _):
        new["channels"][name]["address"] = "ferry.v1.elsewhere"

    return change


def drop_reply(new, _):
    del new["channels"]["RegistrySitesListReply"]["messages"]["problem"]


def turn(new, _):
    new["operations"]["SensorSeries"]["action"] = "send"


def drop_operation(new, _):
    del new["operations"]["RegistryCloudImport"]


def other_content(new, _):
    new["components"]["messages"]["SensorSeries"]["contentType"] = "application/cbor"


def drop_header(_, schemas):
    del schemas["DeadLetterHeaders"]["properties"]["Ferry-Reason"]


def no_more_arrays(_, schemas):
    schemas["SensorSeries"]["anyOf"] = [{"$ref": "#/components/schemas/Reading"}]


def no_more_numbers(_, schemas):
    schemas["ReadingValue"]["anyOf"] = [{"type": "string"}, {"type": "object"}]


INCOMPATIBLE = {
    "a channel that others publish to": (drop_channel("SensorStatus"), "the channel was removed"),
    "an event": (drop_channel("RegistrySensorRetired"), "the channel was removed"),
    "a subject": (move_channel("AuthStateGet"), "the channel was removed"),
    "an operation": (drop_operation, "the operation was removed"),
    "a direction": (turn, "another one"),
    "a problem": (drop_reply, "the message problem was removed"),
    "a content type": (other_content, "another content type"),
    "a field of a request": (take("RegisterGateway", "siteId"), "siteId: the field was removed"),
    "a field of a publication": (take("Status", "validDuration"), "the field was removed"),
    "a field in a list": (take("NewDevice", "model"), "model: the field was removed"),
    "a field of an answer": (take("Gateway", "declaredName"), "the field was removed"),
    "a field of a problem": (take("Problem", "hint"), "the field was removed"),
    "a header": (drop_header, "the field was removed"),
    "a field that is needed": (
        need("RegisterGateway", "siteId", needed=True),
        "siteId: the field is required",
    ),
    "a new field that is needed": (
        put("GetSensor", "owner", {"type": "string"}, required=True),
        "is required",
    ),
    "an answer's field that may be missing": (need("Gateway", "siteId", needed=False), "may be missing"),
    "fewer values to send": (alter("StatusValue", enum=["on", "off"]), "no longer takes err"),
    "a choice where any was": (alter("ModelRequest", "model", enum=["52"]), "only some values are taken"),
    "any where a choice was": (lambda _, s: s["CloudStateState"].pop("enum"), "any value may come"),
    "a type": (alter("ListRequest", "limit", type="string"), "the type was integer and is string"),
    "an integer for a number": (alter("Problem", "status", type="number"), "the type was integer"),
    "null": (alter("Reading", "time", type="integer"), "null is no longer taken"),
    "null in an answer": (alter("Gateway", "siteId", type=["string", "null"]), "null is new"),
    "arrays": (no_more_arrays, "SensorSeriesArray is no longer taken"),
    "numbers": (no_more_numbers, "number is no longer taken"),
    "a smaller maximum": (alter("ListRequest", "limit", maximum=500), "maximum was 1000 and is 500"),
    "a new minimum": (alter("DeadId", "id", minimum=1), "minimum was None and is 1"),
    "fewer readings": (alter("SensorSeriesArray", maxItems=100), "maxItems was 1000 and is 100"),
    "a pattern": (alter("GatewayId", "id", pattern="^[a-z]+$"), "pattern was"),
    "a closed object": (alter("PublicationHeaders", additionalProperties=False), "other fields are refused"),
}
COMPATIBLE = {
    "nothing": lambda _, __: None,
    "an optional field of a request": put("RegisterGateway", "note", {"type": "string"}),
    "a field of an answer": put("Gateway", "note", {"type": "string"}, required=True),
    "a field that need not be sent": need("RegisterGateway", "name", needed=False),
    "a field that is always there": need("Gateway", "declaredName", needed=True),
    "more values to send": alter("StatusValue", enum=["on", "off", "err", "idle"]),
    "more values in an answer": lambda _, s: s["CloudStateState"]["enum"].append("paused"),
    "a larger maximum": alter("ListRequest", "limit", maximum=5000),
    "no maximum": lambda _, s: s["ListRequest"]["properties"]["limit"].pop("maximum"),
    "a stricter answer": alter("Gateway", "name", maxLength=100),
    "a wider type to send": alter("ListRequest", "limit", type="number"),
    "null to send": alter("ModelRequest", "model", type=["string", "null"]),
    "words": alter("Gateway", description="other words"),
    "a default": alter("ListRequest", "limit", default=50),
    "a new event": lambda new, _: new["channels"].update(
        New={**new["channels"]["Dead"], "address": "ferry.v1.x"}
    ),
}


@pytest.mark.parametrize(("change", "words"), INCOMPATIBLE.values(), ids=INCOMPATIBLE)
def test_an_incompatible_change_is_found(change, words):
    found = changed(change)
    assert any(words in sentence for sentence in found), found


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_compatible_change_is_none(change):
    assert changed(change) == []


def test_a_schema_may_get_another_name():
    text = json.dumps(OLD).replace('"#/components/schemas/Gateway"', '"#/components/schemas/Gw"')
    new = json.loads(text)
    new["components"]["schemas"]["Gw"] = new["components"]["schemas"].pop("Gateway")
    assert incompatible(OLD, new) == []


def test_this_contract_breaks_nothing_that_the_last_release_promised():
    released = json.loads((DOCS / "asyncapi.released.json").read_text("utf-8"))
    found = incompatible(released, OLD)
    assert found == [], (
        "a program that was written for the last release would trip over this: make it a new field or subject, or "
        "`ferry.v2.`. Only with a release: `make contract-release` makes this document the one to compare with"
    )
