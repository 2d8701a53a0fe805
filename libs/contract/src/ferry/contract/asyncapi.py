"""The contract as an AsyncAPI 3 document: for who publishes, asks or listens, and never reads this code."""

from typing import Any

from pydantic import TypeAdapter

from ferry.contract import dead, subjects
from ferry.contract.operations import DEAD_LETTER_HEADERS, DEAD_LETTERS, EVENTS, OPERATIONS, PUBLICATIONS
from ferry.contract.problems import ERROR_CODE_HEADER, ERROR_HEADER, Problem

Json = dict[str, Any]
PARAMETERS: Json = {
    "gateway": {"description": "The gateway's id: one token of a subject."},
    "sensor": {
        "description": "The sensor's id: one token of a subject; of a dead letter, - for the gateway itself."
    },
    "reason": {"enum": [reason.value for reason in dead.Reason]},
}


def document(version: str) -> Json:
    """All that `operations` lists. Services refuse to serve or to tell what is not there."""
    shown, schemas = _schemas()
    channels: Json = {}
    actions: Json = {}
    for subject in PUBLICATIONS:
        channels[_name(subject)] = _channel(subject, {"publication": shown[subject]})
        actions[_name(subject)] = _action("receive", subject)
    for subject in OPERATIONS:
        name = _name(subject)
        channels[name] = _channel(subject, {"request": shown[subject]})
        answers = {"answer": shown[f"{subject} answer"], "problem": shown["problem"]}
        channels[f"{name}.reply"] = {"address": None, "messages": answers}
        actions[name] = {**_action("receive", subject), "reply": {"channel": _ref(f"channels/{name}.reply")}}
    for subject in (*EVENTS, DEAD_LETTERS):
        channels[_name(subject)] = _channel(subject, {"message": shown[subject]})
        actions[_name(subject)] = _action("send", subject)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Ferry", "version": version, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": actions,
        "components": {"schemas": schemas},
    }


def _schemas() -> tuple[Json, Json]:
    """A message for each subject, and the schemas that they refer to: each shape once."""
    shapes: dict[str, TypeAdapter[Any]] = {"problem": TypeAdapter(Problem), **PUBLICATIONS}
    for subject, operation in OPERATIONS.items():
        shapes[subject] = TypeAdapter(operation.request)
        shapes[f"{subject} answer"] = TypeAdapter(operation.answer)
    for subject, event in EVENTS.items():
        shapes[subject] = TypeAdapter(event)
    made, defined = TypeAdapter.json_schemas(
        [(subject, "validation", shape) for subject, shape in shapes.items()],
        ref_template="#/components/schemas/{model}",
    )
    messages: Json = {subject: {"payload": schema} for (subject, _), schema in made.items()}
    messages["problem"]["headers"] = _headers(ERROR_CODE_HEADER, ERROR_HEADER)
    untouched = {"payload": {"description": "The publication's body, untouched."}}
    messages[DEAD_LETTERS] = {**untouched, "headers": _headers(*DEAD_LETTER_HEADERS)}
    return messages, defined["$defs"]


def _channel(subject: str, messages: Json) -> Json:
    named = {name: shown for name, shown in PARAMETERS.items() if f"{{{name}}}" in subject}
    return {"address": subject, "messages": messages, **({"parameters": named} if named else {})}


def _action(action: str, subject: str) -> Json:
    return {"action": action, "channel": _ref(f"channels/{_name(subject)}")}


def _name(subject: str) -> str:
    return subject.removeprefix(f"{subjects.PREFIX}.").replace("{", "").replace("}", "")


def _ref(path: str) -> Json:
    return {"$ref": f"#/{path}"}


def _headers(*names: str) -> Json:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}
