"""The sites that a file names, against those of an account."""

from typing import Any

import pytest

from ferry.client.fleet.file.mistakes import MistakesError
from ferry.client.fleet.file.read import read
from ferry.client.fleet.sites import place, place_among
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
    return read(path)


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
    found = fleet(tmp_path, text)
    place_among(found, ACCOUNT)
    assert [gateway.fields["siteId"] for gateway in found.gateways] == sites


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("sites: [{name: Seatle}]\ngateways: [{name: a}]", "1:9", "did you mean 'Seattle'?"),
        ("sites: [{id: '7'}]\ngateways: [{name: a}]", "1:9", "the account has no site '7'"),
        ("sites: [{id: '1', name: Seattle}]\ngateways: [{name: a}]", "1:9", "is called 'Busan'"),
        ("gateways: [{name: a, site: Buson}]", "1:28", "did you mean 'Busan'?"),
        ("gateways: [{name: a, site: Twin}]", "1:28", "several sites called 'Twin'"),
        ("sites: [{id: '1'}, {id: '2'}]\ngateways: [{name: a}]", "2:12", "name the site of the file"),
        (
            "sites: [{id: '1'}]\ngateways: [{name: a, siteId: '2'}]",
            "2:30",
            "the file's sites has no site '2'",
        ),
        ("defaults: {site: x}\ngateways: [{name: a}, {name: b}]", "2:12", "the account has no site 'x'"),
    ],
)
def test_a_site_that_is_not_there_is_named_with_the_nearest(tmp_path, text, where, says):
    with pytest.raises(MistakesError) as refused:
        place_among(fleet(tmp_path, text), ACCOUNT)
    assert any(f":{where}: " in line and says in line for line in refused.value.lines()), (
        refused.value.lines()
    )


def test_all_wrong_sites_are_told_at_once(tmp_path):
    with pytest.raises(MistakesError) as refused:
        place_among(fleet(tmp_path, "gateways: [{name: a, site: x}, {name: b, site: y}]"), ACCOUNT)
    assert len(refused.value.mistakes) == 2


async def test_a_file_that_names_none_asks_nothing(tmp_path):
    class Silent:
        async def ask(self, *_):
            raise AssertionError

    wanted = fleet(tmp_path, "gateways: [{name: a}, {name: b, siteId: '9'}]")
    bus: Any = Silent()
    await place(bus, wanted)
    assert [one.fields for one in wanted.gateways] == [{}, {"siteId": "9"}]
