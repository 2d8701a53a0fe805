"""Every object against the schema of its kind, strictly: an unknown field or kind is an error."""

import jsonschema
import kubernetes_validate
import pytest
from custom_resources import FULL, custom_resources, full_schema
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


def types(schema, at=""):
    """Every field's place and type."""
    kind = "int-or-string" if schema.get("x-kubernetes-int-or-string") else schema.get("type")
    yield at, kind, tuple(schema.get("enum") or ())
    for name, field in schema.get("properties", {}).items():
        yield from types(field, f"{at}.{name}")
    if "items" in schema:
        yield from types(schema["items"], f"{at}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from types(schema["additionalProperties"], f"{at}.*")


@pytest.mark.skipif(
    not FULL, reason="THE PROJECTS' OWN SCHEMAS WERE NOT COMPARED: FERRY_CRD_SCHEMAS=<folder>"
)
@pytest.mark.parametrize("kind", custom_resources())
def test_our_schemas_say_no_more_than_the_projects_own(kind):
    resource, spec = custom_resources()[kind]
    full = full_schema(resource)
    assert full
    theirs = {place: (type_, words) for place, type_, words in types(full["properties"]["spec"])}
    for place, type_, words in types(spec):
        assert theirs[place][0] == type_, place
        assert set(words) <= set(theirs[place][1]), place
