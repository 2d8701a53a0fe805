"""docs/reference/contract.md names every field that the contract has."""

import json

import contract_docs
import pytest

from ferry.contract.operations import OPERATIONS

PAGE = contract_docs.PAGE.read_text("utf-8")
MADE = json.loads(contract_docs.ASYNCAPI.read_text("utf-8"))


def test_the_page_is_what_the_contract_says():
    assert contract_docs.page(PAGE, MADE) == PAGE, "run: make contract"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_each_request_names_its_fields_under_its_subject(operation):
    section = PAGE.partition(f"#### `{operation.subject}`\n")[2].partition("\n#### ")[0]
    assert section, "no section"
    for name, field in operation.request.model_fields.items():
        assert f"| `{field.alias or name}` |" in section


def test_every_link_leads_to_a_heading_of_the_page():
    links = {part.partition(")")[0] for part in PAGE.split("](#")[1:]}
    headings = {
        line.lstrip("# ").lower().replace(" ", "-") for line in PAGE.splitlines() if line.startswith("#")
    }
    assert links - headings == set()
