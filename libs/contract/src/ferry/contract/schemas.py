"""JSON Schemas of the contract's types, in a form that generators and validators in other languages accept."""

import functools
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

Json = dict[str, Any]
REF = "#/components/schemas/"
LARGEST_INT32 = 2**31 - 1


class ContractSchema(GenerateJsonSchema):
    """In answers and events a field is never null but omitted. In requests it may be null."""

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        """Moments in ms do not fit into 32 bits, which code generators take for an integer."""
        made = super().int_schema(schema)
        largest = made.get("maximum", LARGEST_INT32 + 1)
        return made if largest <= LARGEST_INT32 else {**made, "format": "int64"}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if self.mode == "serialization":
            return inner
        if isinstance(kind := inner.get("type"), str) and "const" not in inner:
            enum = {"enum": [*inner["enum"], None]} if "enum" in inner else {}
            return {**inner, "type": [kind, "null"], **enum}
        return {"anyOf": [inner, {"type": "null"}]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Defaults that code generators take for a value of the type: only texts, numbers and booleans."""
        made = super().default_schema(schema)
        if not isinstance(made.get("default"), str | int | float):
            made.pop("default", None)
        return made

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """What is sent has every field that is not None."""
        if self.mode != "serialization":
            return super().field_is_required(field, total)
        inner = field["schema"]
        return not (inner["type"] == "default" and inner["schema"]["type"] == "nullable")

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """A title that only repeats the field's name is removed, because generators turn it into a class."""
        return False


def schema_of(shape: type[Any] | TypeAdapter[Any], mode: JsonSchemaMode) -> Json:
    """Of one shape, with its parts under `$defs`."""
    adapter = shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)
    return adapter.json_schema(by_alias=True, mode=mode, schema_generator=ContractSchema)


def field_names(shape: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The names that an object at `location`, as pydantic's errors give it, may have."""
    return list(_at(shape, location).get("properties", {}))


def values_allowed(shape: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Where there is a choice of a few values, these."""
    return [str(value) for value in _at(shape, location).get("enum", [])]


def _at(shape: type[BaseModel], location: tuple[int | str, ...]) -> Json:
    whole = _taken(shape)
    here = whole
    for part in location:
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
        for option in (here, *here.get("anyOf", [])):
            if "$ref" in option:
                here = whole["$defs"][option["$ref"].rpartition("/")[2]]
    return here


@functools.cache
def _taken(shape: type[BaseModel]) -> Json:
    return schema_of(shape, "validation")


def schemas_of(
    shapes: Iterable[tuple[str, JsonSchemaMode, TypeAdapter[Any]]],
) -> tuple[dict[str, Json], dict[str, Json]]:
    """Of many: each one's schema by its key, and what they refer to by name. A name's title is the name."""
    made, defined = TypeAdapter.json_schemas(
        shapes, ref_template=REF + "{model}", schema_generator=ContractSchema
    )
    names = {name: _short(name) for name in defined.get("$defs", {})}
    parts = {
        names[name]: {**_renamed(schema, names), "title": names[name]}
        for name, schema in defined.get("$defs", {}).items()
    }
    for name in list(parts):
        _name_choices(name, parts)
    return {key: _renamed(schema, names) for (key, _), schema in made.items()}, parts


def _name_choices(owner: str, parts: dict[str, Json]) -> None:
    """An enum or a union in a field becomes a schema of its own: generators make a type of it, which needs a name."""
    fields = parts[owner].get("properties", {})
    for field, schema in fields.items():
        name = owner + field[0].upper() + field[1:]
        match schema:
            case {"anyOf": [{"$ref": reference}, {"type": "null"}]}:  # an enum with null in it is no Go
                fields[field] = {"$ref": reference}
            case {"enum": _} | {"anyOf": _}:
                parts[name] = {"title": name, **schema}
                fields[field] = {"$ref": REF + name}
            case {"items": {"enum": _}}:
                parts[name] = {"title": name, **schema["items"]}
                fields[field] = {**schema, "items": {"$ref": REF + name}}


def _short(name: str) -> str:
    """`ferry__contract__otosense__Sensor`, where two services have a Sensor, is `OtosenseSensor`."""
    if "__" not in name:
        return name
    _, _, service, *_, own = name.split("__")
    return service.title() + own


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: REF + names[item.removeprefix(REF)] if key == "$ref" else _renamed(item, names)
        for key, item in value.items()
    }
