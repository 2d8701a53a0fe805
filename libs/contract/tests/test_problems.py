"""What is wrong with a request is said in the contract's words, and what would be right."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ferry.contract import registry, telemetry
from ferry.contract.operations import OPERATIONS
from ferry.contract.problems import ProblemError
from ferry.contract.subjects import PREFIX

ROOT = Path(__file__).resolve().parents[3]


def problem(shape, body):
    with pytest.raises(ValidationError) as error:
        shape.model_validate(body)
    return ProblemError.invalid(error.value, shape).problem


def names(shape):
    return [field.alias or name for name, field in shape.model_fields.items()]


@given(st.sampled_from(list(OPERATIONS.values())), st.text(min_size=1, max_size=400))
def test_an_unknown_field_says_which_are_allowed(operation, name):
    allowed = names(operation.request)
    if name in allowed or name in operation.request.model_fields:
        return
    found = problem(operation.request, {name: 1})
    assert found.allowed == allowed
    assert found.field == name
    assert "the contract has no such field" in found.detail


def test_in_a_list_and_in_its_elements_too():
    body = {"name": "g", "devices": [{"name": "d"}, {"nmae": "d", "name": "d2"}]}
    found = problem(registry.RegisterGateway, body)
    assert found.field == "devices.1.nmae"
    assert found.allowed == ["name", "model", "reqId"]
    assert found.hint == "did you mean name?"
    places = problem(registry.ReserveIds, {"places": [{"noun": "gateway", "name": "g", "id": "1"}]})
    assert places.allowed == ["noun", "owner", "deviceId", "name"]


@pytest.mark.parametrize(
    ("shape", "body", "allowed"),
    [
        (telemetry.DeadFilter, {"reason": "because"}, "out_of_order"),
        (registry.ReserveIds, {"places": [{"noun": "x", "name": "g"}]}, "gateway"),
    ],
)
def test_a_value_that_is_not_among_few_says_which_are_allowed(shape, body, allowed):
    assert allowed in (problem(shape, body).allowed or ())


def test_no_input_is_shown():
    found = problem(registry.GatewayId, {"id": "a secret", "x": 1})
    assert "secret" not in found.model_dump_json()


def texts(file):
    """Every text of a program but its docstrings."""
    tree = ast.parse(file.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_a_subject_in_a_sentence_works_when_it_is_pasted():
    """A hint that says `registry.models.get` sends its reader to a subject that nobody serves."""
    short = "|".join(re.escape(subject.removeprefix(f"{PREFIX}.")) for subject in OPERATIONS)
    unprefixed = re.compile(rf"(?<![\w.])(?:{short}|(?:gateways|dead|events)\.<\w+>)")
    files = [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]
    found = {(file.name, text) for file in files for text in texts(file) if unprefixed.search(text)}
    assert found == set()
