"""docs/reference/asyncapi.json as AsyncAPI's own tools read it. They come from npm: without Node, a skip says so."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import contract_page
import node_tools
import pytest
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs/reference/asyncapi.json"
OPT_IN = pytest.mark.skipif(
    not os.environ.get("FERRY_RECIPES"), reason="installs 200 MB: `make recipes`, or FERRY_RECIPES=1"
)


def tool(name):
    try:
        node_tools.installed(HERE / name)
    except node_tools.NoNodeError as error:
        pytest.skip(f"AsyncAPI's {name} is not here: {error}")
    return HERE / name


def read(*files):
    lines = node_tools.node(tool("parser"), "validate.mjs", *map(str, files)).splitlines()
    return [json.loads(line) for line in lines]


def test_asyncapis_own_parser_finds_nothing_wrong(tmp_path):
    broken = json.loads(DOCUMENT.read_text())
    broken["operations"]["SensorSeries"]["action"] = "publish"  # AsyncAPI 2's word
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(broken))
    ours, theirs = read(DOCUMENT, wrong)
    allowed = {"asyncapi-latest-version"}  # 3.1 adds nothing that we use; fewer tools read it
    assert ours["valid"]
    assert [found for found in ours["found"] if found["code"] not in allowed] == []
    assert not theirs["valid"], "the parser would not notice a fault"


@OPT_IN
@pytest.mark.timeout(400)
@pytest.mark.parametrize("language", ["java", "go", "typescript"])
def test_modelina_makes_types_with_names_that_compile(language, tmp_path):
    made = json.loads(node_tools.node(tool("modelina"), "generate.mjs", language, str(DOCUMENT)))
    assert not [name for name in made if "nonymous" in name]
    assert not [name for name, code in made.items() if "nonymous" in code]
    assert {"Reading", "RegisterGateway", "Problem", "RegistrySensor", "StatusValue"} <= made.keys()
    if language == "java":
        compiler = needed("javac")
        assert "Long time" in made["Reading"]
        for name, code in made.items():
            if name:
                (tmp_path / f"{name}.java").write_text(code)
        command = [compiler, "-d", "out", *(file.name for file in tmp_path.glob("*.java"))]
    elif language == "go":
        code = "\n".join(text.replace("package ferry", "") for name, text in made.items() if name)
        (tmp_path / "ferry.go").write_text(f"package ferry\n{code}")
        command = [needed("go"), "build", "ferry.go"]
    else:
        return
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@OPT_IN
@pytest.mark.timeout(400)
def test_the_page_shows_every_subject(tmp_path):
    try:
        page = contract_page.build(tmp_path / "contract.html")
    except node_tools.NoNodeError as error:
        pytest.skip(f"AsyncAPI's component is not here: {error}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needed("chromium"), args=["--headless", "--no-sandbox"]
        )
        opened = browser.new_page()
        opened.goto(page.as_uri())
        opened.wait_for_selector("text=ferry.v1.registry.sites.list", state="attached", timeout=60_000)
        shown = opened.content()
        browser.close()
    addresses = {channel["address"] for channel in json.loads(DOCUMENT.read_text())["channels"].values()}
    assert [address for address in addresses if address and address not in shown] == []


def needed(program):
    return shutil.which(program) or pytest.skip(f"{program} is not here, so nothing was compiled")
