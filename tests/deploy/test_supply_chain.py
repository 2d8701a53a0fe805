"""What the images hold: all of it in the SBOM, each with a licence that is allowed, and looked up or said not to be."""

import json
import re
import sys

import pytest
import supply_chain
from build_images import BUILD_ARGUMENTS
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


@pytest.fixture(params=BUILD_ARGUMENTS)
def image(request):
    return request.param


def test_the_sbom_fits_cyclonedx():
    """Five of them, in which every package of the others is: the validator takes its time."""
    chosen = ("auth", "telemetry", "console", "sandbox", "cli")
    held = {pin for image in chosen for pin in supply_chain.pins(image)}
    assert {pin for image in BUILD_ARGUMENTS for pin in supply_chain.pins(image)} <= held
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for image in chosen:
        assert validator.validate_str(supply_chain.as_json(supply_chain.bom(image))) is None


def test_the_sbom_names_every_hashed_package(image):
    made = json.loads(supply_chain.as_json(supply_chain.bom(image)))
    lines = supply_chain.requirements(image).read_text()
    wanted = dict(re.findall(r"^([\w.-]+)==([\w.]+)[^;]*$", lines.replace(" \\\n", ""), re.MULTILINE))
    found = {one["name"]: one["version"] for one in made["components"]}
    assert len(found) >= 10
    assert wanted.items() <= found.items()
    hashes = [one["externalReferences"][0]["hashes"] for one in made["components"]]
    assert all(each["alg"] == "SHA-256" for one in hashes for each in one)
    assert sum(map(len, hashes)) >= len(found)
    (itself, *_) = [one for one in made["dependencies"] if one["ref"] == f"ferry-{image}"]
    assert len(itself["dependsOn"]) == len(found)


def test_every_licence_is_known_and_allowed(image):
    found = {pin.name: supply_chain.licence(pin.name) for pin in supply_chain.pins(image)}
    assert {name: said for name, said in found.items() if not supply_chain.is_allowed(name, said)} == {}


@pytest.mark.parametrize(
    ("name", "expression", "allowed"),
    [
        ("any", "MIT", True),
        ("any", "GPL-3.0-only", False),
        ("any", "GPL-3.0-only OR MIT", True),
        ("any", "MIT AND GPL-3.0-only", False),
        ("any", "MPL-2.0", False),
        ("certifi", "MPL-2.0", True),
    ],
)
def test_the_policy(name, expression, allowed):
    assert supply_chain.is_allowed(name, expression) is allowed


def test_a_package_without_a_licence_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "unsaid-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: unsaid\nVersion: 1.0\nLicense: see the file\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="unsaid says no licence"):
        supply_chain.licence("unsaid")


@pytest.fixture
def pip_audit(tmp_path):
    """A program that answers as pip-audit does, which itself needs an advisory service."""

    def answering(*dependencies):
        program = tmp_path / "pip-audit"
        answer = json.dumps({"dependencies": dependencies})
        program.write_text(f"#!{sys.executable}\nprint({answer!r})\n")
        program.chmod(0o755)
        return str(program)

    return answering


CLEAN = {"name": "click", "version": "8.3.0", "vulns": []}


def test_a_vulnerability_fails_the_audit(pip_audit, capsys):
    vulnerable = {"name": "h11", "version": "0.1", "vulns": [{"id": "PYSEC-2025-1", "fix_versions": []}]}
    assert supply_chain.audit(pip_audit(CLEAN, vulnerable)) == 1
    assert "h11 0.1: PYSEC-2025-1" in capsys.readouterr().out


def test_what_was_not_looked_up_is_said_aloud(pip_audit, capsys):
    assert supply_chain.audit(pip_audit(CLEAN, {"name": "idna", "skip_reason": "not found"})) == 0
    assert "1 OF 2 PACKAGES WERE NOT LOOKED UP" in capsys.readouterr().out
    assert supply_chain.audit("/bin/false") == 0
    assert "WERE NOT LOOKED UP" in capsys.readouterr().out
