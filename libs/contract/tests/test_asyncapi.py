"""The document that other systems read, beside the contract that the services are held to."""

import json
import re
from pathlib import Path

from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from ferry.contract import subjects
from ferry.contract.asyncapi import document
from ferry.contract.operations import EVENTS, OPERATIONS, PUBLICATIONS
from ferry.contract.readings import SERIES, Status

ROOT = Path(__file__).resolve().parents[3]
MADE = document("1")
MESSAGES = MADE["components"]["messages"]
SCHEMAS = MADE["components"]["schemas"]


def validator(schema):
    return Draft202012Validator({**schema, "components": MADE["components"]})


def test_the_published_document_is_the_contract():
    published = json.loads((ROOT / "docs/reference/asyncapi.json").read_text())
    assert published == document(published["info"]["version"]), (
        "run: ferry asyncapi > docs/reference/asyncapi.json"
    )


def test_it_is_asyncapi_3_and_every_reference_leads_somewhere():
    ApplicationSchema.model_validate(MADE)
    for path in set(re.findall(r'"#/([^"]+)"', json.dumps(MADE))):
        found = MADE
        for part in path.split("/"):
            found = found[part]


def test_every_subject_that_is_asked_is_in_it():
    constants = {value for name, value in vars(subjects).items() if name.isupper() and isinstance(value, str)}
    services = tuple(f"{subjects.PREFIX}.{name}." for name in ("auth", "registry", "otosense", "telemetry"))
    asked = {subject for subject in constants if subject.startswith(services)}
    unanswered = {subjects.OTOSENSE_FOLLOW, subjects.TELEMETRY_PRESENCE, subjects.TELEMETRY_WATCH}
    assert asked - unanswered == set(OPERATIONS)
    addresses = {channel["address"] for channel in MADE["channels"].values()}
    assert addresses >= {*OPERATIONS, *EVENTS, *PUBLICATIONS}


def test_a_token_is_no_part_of_what_is_shown():
    assert "SecretStr" not in json.dumps(MADE)


def nodes(value, path=()):
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from nodes(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from nodes(item, (*path, number))


def test_every_message_and_every_schema_that_becomes_a_type_has_a_name():
    """A generator calls what has none AnonymousSchema_3, and another number in the next release."""
    for name, message in MESSAGES.items():
        assert message["name"] == message["title"] == name
        assert set(message["payload"]) == {"$ref"}
        assert set(message.get("headers", {"$ref": ""})) == {"$ref"}
    for channel in MADE["channels"].values():
        assert all(set(message) == {"$ref"} for message in channel["messages"].values())
    for name, schema in SCHEMAS.items():
        assert schema["title"] == name
        for path, inner in nodes(schema):
            typed = path[-1:] not in ((), ("properties",)) and "anyOf" not in path
            assert not (typed and {"enum", "const", "anyOf", "oneOf", "properties"} & inner.keys()), (
                name,
                path,
            )
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in (*SCHEMAS, *MESSAGES, *MADE["channels"]))


def test_no_array_or_object_has_a_default():
    for path, schema in nodes(SCHEMAS):
        assert not isinstance(schema.get("default"), list | dict), path
        assert "default" not in schema or schema["default"] is not None, path


def test_a_moment_in_ms_is_no_int32():
    assert SCHEMAS["Reading"]["properties"]["time"]["format"] == "int64"
    assert SCHEMAS["Gateway"]["properties"]["mtime"]["format"] == "int64"
    assert "format" not in SCHEMAS["Status"]["properties"]["validDuration"]


def test_every_message_has_an_example_that_is_valid():
    for name, message in MESSAGES.items():
        assert message["examples"], name
        for example in message["examples"]:
            validator(message["payload"]).validate(example["payload"])
            if "headers" in example:
                validator(message["headers"]).validate(example["headers"])


def test_the_examples_are_what_services_and_publishers_take():
    for subject, operation in OPERATIONS.items():
        name = NAMES[subject]
        for kind, shape in (("Request", operation.request), ("Answer", operation.answer)):
            for example in MESSAGES[f"{name}{kind}"]["examples"]:
                TypeAdapter(shape).validate_json(json.dumps(example["payload"]))
    for example in MESSAGES["SensorSeries"]["examples"]:
        SERIES.validate_json(json.dumps(example["payload"]))


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.sampled_from(["on", "off", "err", "36.5", ""]),
    st.text(max_size=5),
    st.just({}),
    st.just({"a": [1]}),
    st.just([]),
)
READINGS = st.dictionaries(st.sampled_from(["value", "time", "valeu", "validDuration"]), LEAVES, max_size=3)


def accepts(adapter, body):
    try:
        adapter.validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


@given(st.one_of(READINGS, st.lists(READINGS, max_size=3), LEAVES))
def test_what_a_publisher_may_send_is_in_the_schema_and_nothing_else(body):
    for name, adapter in (("SensorSeries", SERIES), ("SensorStatus", TypeAdapter(Status))):
        assert validator(MESSAGES[name]["payload"]).is_valid(body) == accepts(adapter, body)


NAMES = {channel["address"]: name for name, channel in MADE["channels"].items()}
ASKED = {subject: validator(MESSAGES[f"{NAMES[subject]}Request"]["payload"]) for subject in OPERATIONS}
"""A validator for each request."""


@given(st.sampled_from(sorted(OPERATIONS)), st.data())
def test_a_request_that_the_schema_allows_is_taken_or_refused_by_a_rule(subject, data):
    """What no schema can say (at least one change, an owner where there must be one) may still refuse it."""
    shape = OPERATIONS[subject].request
    fields = [field.alias or name for name, field in shape.model_fields.items()]
    body = data.draw(st.dictionaries(st.sampled_from([*fields, "nmae"]), LEAVES, max_size=3))
    valid = ASKED[subject].is_valid(body)
    assert not (valid and "nmae" in body)
    assert not valid or kinds_of_fault(shape, body) <= {"value_error"}


def kinds_of_fault(shape, body):
    try:
        shape.model_validate_json(json.dumps(body))
    except ValidationError as error:
        return {found["type"] for found in error.errors()}
    return set()
