"""Kubernetes objects as kustomize renders them, and the schemas that they must fit."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from manifests import NoKustomizeError, render

SCHEMAS = Path(__file__).resolve().parents[1] / "deploy" / "crd-schemas"
KUBERNETES = "1.34"


def rendered_objects(folder: Path) -> list[dict[str, Any]]:
    try:
        return [one for one in yaml.safe_load_all(render(folder)) if one]
    except NoKustomizeError as error:
        if os.environ.get("CI"):
            raise
        return pytest.skip(f"deploy/k8s WAS NOT RENDERED, NOR CHECKED: {error}")


def check(thing: dict[str, Any]) -> None:
    """Strictly: raises for an unknown field, and for a kind without a schema."""
    group, _, version = thing["apiVersion"].rpartition("/")
    custom = SCHEMAS / f"{thing['kind'].lower()}_{version}.json"
    if "." in group and not group.endswith(".k8s.io"):
        assert custom.exists(), f"no schema for {thing['apiVersion']} {thing['kind']}"
        # not jsonschema.validate: it wants every pattern to be Python's, and prometheus-operator's are Go's
        jsonschema.Draft202012Validator(json.loads(custom.read_text())).validate(thing)
    else:
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)
