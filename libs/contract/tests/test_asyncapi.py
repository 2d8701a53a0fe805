"""The document that other systems read, beside the contract that the services are held to."""

import json
import re
from pathlib import Path

from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema

from ferry.contract import subjects
from ferry.contract.asyncapi import document
from ferry.contract.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[3]


def test_the_published_document_is_the_contract():
    published = json.loads((ROOT / "docs" / "asyncapi.json").read_text())
    assert published == document(published["info"]["version"]), "run: ferry asyncapi > docs/asyncapi.json"


def test_it_is_asyncapi_3_and_every_reference_leads_somewhere():
    made = document("1")
    ApplicationSchema.model_validate(made)
    for path in set(re.findall(r'"#/([^"]+)"', json.dumps(made))):
        found = made
        for part in path.split("/"):
            found = found[part]


def test_every_subject_that_is_asked_is_in_it():
    constants = {value for name, value in vars(subjects).items() if name.isupper() and isinstance(value, str)}
    services = tuple(f"{subjects.PREFIX}.{name}." for name in ("auth", "registry", "otosense", "telemetry"))
    asked = {subject for subject in constants if subject.startswith(services)}
    assert asked - {subjects.OTOSENSE_FOLLOW, subjects.TELEMETRY_PRESENCE} == set(OPERATIONS)


def test_a_token_is_no_part_of_what_is_shown():
    assert "SecretStr" not in json.dumps(document("1"))
