"""Each recipe of docs/publish/other-languages.md (`make recipes`). A missing toolchain is skipped with a reason."""

import re

import pytest

from ferry.contract import topology
from ferry.contract.readings import SERIES, Reading
from harness import recipes
from harness.bus import bus as a_bus

NEEDS = {
    "nats": ["go"],
    "node": ["node", "npm"],
    "go": ["go"],
    "java": ["mvn", "javac"],
    "rust": ["cargo"],
}


def surroundings(bus, publisher="plant"):
    return {"FERRY_NATS__URL": bus.url, "FERRY_SECRETS_DIR": str(bus.folder / "secrets" / publisher)}


def test_every_recipe_of_the_page_is_tried():
    named = set(re.findall(r"<!-- recipe: (\w+)/", recipes.PAGE.read_text("utf-8")))
    assert named == {*NEEDS, "browser", "mqtt"}
    assert recipes.PAGE.read_text("utf-8").count("```") == 2 * recipes.PAGE.read_text("utf-8").count(
        "<!-- recipe:"
    )


@recipes.opt_in
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NEEDS)
async def test_a_recipe_publishes_a_reading_and_has_it_confirmed(name, bus):
    code, said = await recipes.run(name, recipes.prepared_or_skipped(name, NEEDS[name]), surroundings(bus))
    assert code == 0, said
    assert re.search(rf"tored in .*{topology.READINGS.name}\b.*\b1\b", said, re.IGNORECASE), said
    [(subject, body)] = await recipes.stored(bus)
    assert subject == recipes.SUBJECT
    reading = SERIES.validate_json(body)
    assert isinstance(reading, Reading)
    assert reading.value == "36.5"


@recipes.opt_in
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NEEDS)
async def test_a_right_that_is_missing_is_said(name, tmp_path):
    """alice may not publish for gateway-0."""
    folder = recipes.prepared_or_skipped(name, NEEDS[name])
    async with a_bus(tmp_path / "bus") as bus:
        await bus.lay()
        code, said = await recipes.run(name, folder, surroundings(bus, "alice"))
        assert code != 0, said
        assert re.search(r"permissions? violation", said, re.IGNORECASE), said
        assert await recipes.stored(bus) == []
