"""Every object against the schema of its kind, strictly: an unknown field or kind is an error."""

import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

SCHEMAS = Path(__file__).parent / "crd-schemas"
KUBERNETES = "1.34"


def check(thing):
    group, _, version = thing["apiVersion"].rpartition("/")
    custom = SCHEMAS / f"{thing['kind'].lower()}_{version}.json"
    if "." in group and not group.endswith(".k8s.io"):
        assert custom.exists(), f"no schema for {thing['apiVersion']} {thing['kind']}"
        # not jsonschema.validate: it wants every pattern to be Python's, and prometheus-operator's are Go's
        jsonschema.Draft202012Validator(json.loads(custom.read_text())).validate(thing)
    else:
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)


def test_every_object_fits_its_schema(overlay):
    assert len(overlay) > 15
    for thing in overlay:
        check(thing)


def test_a_misspelt_field_is_refused(rendered):
    for kind, at in (("Deployment", "spec"), ("ScaledObject", "spec"), ("NetworkPolicy", "spec")):
        thing = next(one for one in rendered["staging"] if one["kind"] == kind)
        with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
            check({**thing, at: {**thing[at], "replcas": 1}})


def test_an_unknown_kind_is_refused():
    with pytest.raises(AssertionError):
        check({"apiVersion": "example.com/v1", "kind": "Unheard", "metadata": {"name": "x"}})
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        check({"apiVersion": "apps/v1", "kind": "Unheard", "metadata": {"name": "x"}})
