"""The sites that a file names, against those of an account."""

from typing import Any

import pytest

from ferry.client import fleet_file
from ferry.client.fleet_sites import place, placed
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Site

ACCOUNT = [
    Site(id="1", name="Busan"),
    Site(id="2", name="Seattle"),
    Site(id="3", name="Twin"),
    Site(id="4", name="Twin"),
]


def fleet(tmp_path, text):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    return fleet_file.read(path)


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("gateways: [{name: a, site: Busan}, {name: b, site: '2'}]", ["1", "2"]),
        ("defaults: {site: Seattle}\ngateways: [{name: a}, {name: b, site: Busan}]", ["2", "1"]),
        ("defaults: {siteId: '9'}\ngateways: [{name: a}, {name: b, site: Busan}]", ["9", "1"]),
        ("sites: [{name: Seattle}]\ngateways: [{name: a}]", ["2"]),
        ("sites: [{id: '3', name: Twin}, {id: '1'}]\ngateways: [{name: a, site: Twin}, {name: b, siteId: '1'}]",
         ["3", "1"]),
    ],
)  # fmt: skip
def test_a_site_is_found_by_name_or_id(tmp_path, text, sites):
    assert [gateway.site_id for gateway in place(fleet(tmp_path, text), ACCOUNT).gateways] == sites


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("sites: [{name: Seatle}]\ngateways: [{name: a}]", "sites", "did you mean 'Seattle'?"),
        ("sites: [{id: '7'}]\ngateways: [{name: a}]", "sites", "the account has no site '7'"),
        ("sites: [{id: '1', name: Seattle}]\ngateways: [{name: a}]", "sites", "is called 'Busan'"),
        ("gateways: [{name: a, site: Buson}]", "site", "did you mean 'Busan'?"),
        ("gateways: [{name: a, site: Twin}]", "site", "several sites called 'Twin'"),
        ("sites: [{id: '1'}, {id: '2'}]\ngateways: [{name: a}]", "site", "does not say on which"),
        (
            "sites: [{id: '1'}]\ngateways: [{name: a, siteId: '2'}]",
            "site",
            "the file's sites has no site '2'",
        ),
    ],
)
def test_a_site_that_is_not_there_is_named_with_the_nearest(tmp_path, text, field, says):
    with pytest.raises(ProblemError) as refused:
        place(fleet(tmp_path, text), ACCOUNT)
    assert refused.value.problem.field == field
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sites: [{}]\ngateways: []", "an id or a name"),
        ("gateways: [{name: a, site: x, siteId: y}]", "both a site and a siteId"),
    ],
)
def test_a_site_is_said_once(tmp_path, text, says):
    with pytest.raises(ProblemError, match=says):
        fleet(tmp_path, text)


async def test_a_file_that_names_none_asks_nothing(tmp_path):
    class Silent:
        async def ask(self, *_):
            raise AssertionError

    wanted = fleet(tmp_path, "gateways: [{name: a}, {name: b, siteId: '9'}]")
    bus: Any = Silent()
    assert await placed(bus, wanted) == wanted
