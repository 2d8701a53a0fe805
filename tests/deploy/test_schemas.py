"""Every object against the schema of its kind, strictly: an unknown field or kind is an error."""

import jsonschema
import kubernetes_validate
import pytest
from rendered import check


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
