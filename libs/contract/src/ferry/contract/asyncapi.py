"""The contract as an AsyncAPI 3 document, for publishers and clients in any language."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from ferry.contract import dead, examples, subjects
from ferry.contract.operations import DEAD_LETTER_HEADERS, DEAD_LETTERS, EVENTS, OPERATIONS, PUBLICATIONS
from ferry.contract.problems import ERROR_CODE_HEADER, ERROR_HEADER, Problem
from ferry.contract.schemas import REF, Json, schemas_of

PARAMETERS: Json = {
    "gateway": {"description": "The gateway's id: one token of a subject."},
    "sensor": {
        "description": "The sensor's id: one token of a subject; of a dead letter, - for the gateway itself."
    },
    "reason": {"enum": [reason.value for reason in dead.Reason]},
}
PUBLICATION_HEADERS: Json = {
    "traceparent": {"type": "string", "description": "W3C Trace Context; passed on to the cloud's spans."}
}


def document(version: str) -> Json:
    """Everything that `operations` lists. Services refuse to serve or emit anything else."""
    messages, schemas = _messages()
    channels: Json = {}
    actions: Json = {}
    for subject in PUBLICATIONS:
        channels[_title(subject)] = _channel(subject, "publication", _title(subject))
        actions[_title(subject)] = _action("receive", subject)
    for subject in OPERATIONS:
        name = _title(subject)
        channels[name] = _channel(subject, "request", _title(subject, "Request"))
        replies = {"answer": _message(_title(subject, "Answer")), "problem": _message("ProblemAnswer")}
        channels[f"{name}Reply"] = {"address": None, "messages": replies}
        actions[name] = {**_action("receive", subject), "reply": {"channel": _ref(f"channels/{name}Reply")}}
    for subject in EVENTS:
        channels[_title(subject)] = _channel(subject, "event", _title(subject))
        actions[_title(subject)] = _action("send", subject)
    channels[_title(DEAD_LETTERS)] = _channel(DEAD_LETTERS, "letter", "DeadLetterMessage")
    actions[_title(DEAD_LETTERS)] = _action("send", DEAD_LETTERS)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ferry",
            "version": version,
            "description": "Readings, requests, answers and events on Ferry's bus. See docs/reference/contract.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": actions,
        "components": {"messages": messages, "schemas": schemas},
    }


def _messages() -> tuple[Json, Json]:
    """Every message by name, and the schemas they refer to, each once and with a name."""
    asked: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        ("ProblemAnswer", "serialization", TypeAdapter(Problem)),
        *((_title(subject), _TAKEN, shape) for subject, shape in PUBLICATIONS.items()),
        *((_title(subject), _SENT, TypeAdapter(event)) for subject, event in EVENTS.items()),
    ]
    for subject, operation in OPERATIONS.items():
        asked.append((_title(subject, "Request"), _TAKEN, TypeAdapter(operation.request)))
        asked.append((_title(subject, "Answer"), _SENT, TypeAdapter(operation.answer)))
    payloads, schemas = schemas_of(asked)
    headers = {
        **{_title(subject): ("PublicationHeaders", PUBLICATION_HEADERS) for subject in PUBLICATIONS},
        "ProblemAnswer": ("ProblemHeaders", _texts(ERROR_CODE_HEADER, ERROR_HEADER)),
        "DeadLetterMessage": ("DeadLetterHeaders", _texts(*DEAD_LETTER_HEADERS)),
    }
    payloads["DeadLetterMessage"] = {
        "title": "DeadLetterBody",
        "description": "The publication's body, untouched: what is in it may be anything.",
        "type": "string",
        "format": "binary",
    }
    shown = _examples()
    messages: Json = {}
    for name in sorted(payloads):
        messages[name] = {"name": name, "title": name, "payload": _named(name, payloads[name], schemas)}
        if name == "DeadLetterMessage":
            messages[name]["contentType"] = "application/octet-stream"
        if name in headers:
            title, properties = headers[name]
            shape = {"title": title, "type": "object", "properties": properties}
            messages[name]["headers"] = _named(title, shape, schemas)
        messages[name]["examples"] = [{"name": name, **example} for example in shown.get(name, ())]
    return messages, dict(sorted(schemas.items()))


def _examples() -> Mapping[str, list[Json]]:
    """By message name: its entry in `examples`, as it is on the bus."""
    found: dict[str, list[Json]] = {
        "ProblemAnswer": [
            {
                "headers": {
                    ERROR_CODE_HEADER: str(examples.PROBLEM.status),
                    ERROR_HEADER: examples.PROBLEM.title,
                },
                "payload": _plain(examples.PROBLEM),
            }
        ],
        "DeadLetterMessage": [{"headers": examples.DEAD_LETTER_HEADERS, "payload": examples.LETTER.body}],
    }
    for subject, bodies in examples.PUBLICATIONS.items():
        found[_title(subject)] = [{"payload": body} for body in bodies]
    for subject, event in examples.EVENTS.items():
        found[_title(subject)] = [{"payload": _plain(event)}]
    for subject, (request, answer) in examples.OPERATIONS.items():
        found[_title(subject, "Request")] = [{"payload": _plain(request)}]
        found[_title(subject, "Answer")] = [{"payload": _plain(answer)}]
    return found


def _plain(message: BaseModel) -> Json:
    shown: Json = message.model_dump(mode="json", exclude_none=True)
    return shown


_TAKEN: JsonSchemaMode = "validation"
_SENT: JsonSchemaMode = "serialization"


def _named(name: str, schema: Json, schemas: Json) -> Json:
    """A reference to the schema. It and its alternatives get a name if they have none."""
    if set(schema) == {"$ref"}:
        return schema
    title = schema.get("title", name)
    if "anyOf" in schema:
        parts = [
            _named(f"{title}Array" if part.get("type") == "array" else title, part, schemas)
            for part in schema["anyOf"]
        ]
        schema = {**schema, "anyOf": parts}
    schemas[title] = {"title": title, **schema}
    return {"$ref": REF + title}


def _channel(subject: str, kind: str, message: str) -> Json:
    named = {name: shown for name, shown in PARAMETERS.items() if f"{{{name}}}" in subject}
    channel = {"address": subject, "messages": {kind: _message(message)}}
    return {**channel, **({"parameters": named} if named else {})}


def _action(action: str, subject: str) -> Json:
    return {"action": action, "channel": _ref(f"channels/{_title(subject)}")}


def _message(name: str) -> Json:
    return _ref(f"components/messages/{name}")


def _title(subject: str, kind: str = "") -> str:
    """`RegistryGatewaysRegisterRequest`, `SensorSeries`, `GatewayStatus`, `RegistrySensorRegistered`."""
    words = subject.removeprefix(f"{subjects.PREFIX}.").removeprefix("events.").split(".")
    if words[0] == "dead":
        words = words[:1]
    elif words[0] == "gateways":
        words = [words[-2].strip("{}"), words[-1]]
    return "".join(word.title() for word in words) + kind


def _ref(path: str) -> Json:
    return {"$ref": f"#/{path}"}


def _texts(*names: str) -> Json:
    return {name: {"type": "string"} for name in names}
