"""The schemas of tests/deploy/custom_resources.yaml: for validation as JSON schemas, for an API server as definitions.

`FERRY_CRD_SCHEMAS` names a folder with the projects' full schemas (`<kind>_<version>.json`, in small letters, as tools
for offline validation use them); with it every object must fit those as well.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).resolve().parents[1] / "deploy" / "custom_resources.yaml"
FULL = os.environ.get("FERRY_CRD_SCHEMAS")
LEAVES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "text|number": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
}


@dataclass(frozen=True)
class CustomResource:
    project: str
    version: str
    """Of the project: the first that has every field."""
    group: str
    served: str
    kind: str
    plural: str


def expanded(said: Any) -> dict[str, Any]:
    """An OpenAPI schema of one field. Raises KeyError for a type that is none."""
    if isinstance(said, str):
        return LEAVES[said]
    if isinstance(said, list):
        return {"type": "string", "enum": said}
    if said.keys() == {"[]"}:
        return {"type": "array", "items": expanded(said["[]"])}
    if said.keys() == {"*"}:
        return {"type": "object", "additionalProperties": expanded(said["*"])}
    made: dict[str, Any] = {
        "type": "object",
        "properties": {name.rstrip("!"): expanded(field) for name, field in said.items()},
    }
    if required := [name.rstrip("!") for name in said if name.endswith("!")]:
        made["required"] = required
    return made


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, refusing fields that it does not name, as an API server does when it validates strictly."""
    made = {**schema}
    if "properties" in made:
        made["properties"] = {name: closed(field) for name, field in made["properties"].items()}
        made["additionalProperties"] = False
    elif isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = closed(made["additionalProperties"])
    if "items" in made:
        made["items"] = closed(made["items"])
    return made


@cache
def custom_resources() -> dict[str, tuple[CustomResource, dict[str, Any]]]:
    """By kind: what it is, and the schema of its spec."""
    listed, specs = yaml.safe_load_all(SOURCE.read_text())
    return {one["kind"]: (CustomResource(**one), expanded(specs[one["kind"]])) for one in listed}


def json_schema(resource: CustomResource, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"const": f"{resource.group}/{resource.served}"},
            "kind": {"const": resource.kind},
            "metadata": {"type": "object"},
            "spec": closed(spec),
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
    }


def full_schema(resource: CustomResource) -> dict[str, Any] | None:
    """The project's own, where a folder of them is named. Raises FileNotFoundError when it lacks this one."""
    if not FULL:
        return None
    text = (Path(FULL) / f"{resource.kind.lower()}_{resource.served}.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def definition(resource: CustomResource, spec: dict[str, Any]) -> dict[str, Any]:
    """A CustomResourceDefinition of it."""
    whole = {"type": "object", "properties": {"spec": spec}, "required": ["spec"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {"kind": resource.kind, "plural": resource.plural, "singular": resource.kind.lower()},
            "versions": [
                {
                    "name": resource.served,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": whole},
                }
            ],
        },
    }
