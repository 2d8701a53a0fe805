"""Kubernetes objects as kustomize renders them, and the schemas that they must fit."""

import os
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from custom_resources import custom_resources, full_schema, json_schema
from go_tools import NoToolError
from manifests import render

KUBERNETES = "1.34"


def rendered_objects(folder: Path) -> list[dict[str, Any]]:
    try:
        return [one for one in yaml.safe_load_all(render(folder)) if one]
    except NoToolError as error:
        if os.environ.get("CI"):
            raise
        return pytest.skip(f"deploy/k8s WAS NOT RENDERED, NOR CHECKED: {error}")


def check(thing: dict[str, Any]) -> None:
    """Strictly: raises for an unknown field, and for a kind without a schema."""
    group = thing["apiVersion"].rpartition("/")[0]
    if "." not in group or group.endswith(".k8s.io"):
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)
        return
    assert thing["kind"] in custom_resources(), f"no schema for {thing['apiVersion']} {thing['kind']}"
    resource, spec = custom_resources()[thing["kind"]]
    # not jsonschema.validate: it wants every pattern to be Python's, and prometheus-operator's are Go's
    jsonschema.Draft202012Validator(json_schema(resource, spec)).validate(thing)
    if full := full_schema(resource):
        jsonschema.Draft202012Validator(full).validate(thing)
