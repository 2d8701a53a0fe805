"""The release workflow: what it builds, that nothing in it can change under us, and that each job may do little."""

import re
from pathlib import Path

import pytest
import yaml
from build_images import BUILD_ARGUMENTS

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"
TEXT = (WORKFLOWS / "release.yml").read_text()
JOBS = yaml.safe_load(TEXT)["jobs"]


def test_every_action_is_pinned_to_a_commit_whose_version_is_said():
    lines = [
        line for file in WORKFLOWS.glob("*.yml") for line in file.read_text().splitlines() if "uses:" in line
    ]
    assert lines
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_it_builds_the_images_that_make_images_builds():
    matrix = JOBS["images"]["strategy"]["matrix"]["include"]
    assert {one["image"]: {"SERVICE": one["service"]} for one in matrix} == BUILD_ARGUMENTS


def step(job, action):
    (found,) = [one for one in JOBS[job]["steps"] if one.get("uses", "").startswith(f"{action}@")]
    return found["with"]


def test_images_are_for_both_architectures_with_a_bill_of_materials():
    build = step("images", "docker/build-push-action")
    assert build["platforms"].split(",") == ["linux/amd64", "linux/arm64"]
    assert (build["push"], build["sbom"], build["provenance"]) == (True, True, "mode=max")
    pod = (WORKFLOWS.parents[1] / "deploy/k8s/parts/pod/pod.yaml").read_text()
    assert "values: [amd64, arm64]" in pod, "where the pods may run"


@pytest.mark.parametrize("job", ["images", "chart"])
def test_what_is_pushed_is_signed_and_attested_by_digest(job):
    commands = " ".join(one.get("run", "") for one in JOBS[job]["steps"])
    (signed,) = re.findall(r'cosign sign --yes (?:--recursive )?"([^"]+)"', commands)
    environment = {key: value for one in JOBS[job]["steps"] for key, value in one.get("env", {}).items()}
    assert re.search(r"@\$?.*digest", environment.get(signed.strip("$"), signed))
    attested = step(job, "actions/attest-build-provenance")
    assert "digest" in attested["subject-digest"]
    assert attested["push-to-registry"] is True


def test_each_job_may_do_what_it_needs_and_nothing_is_released_untested():
    assert yaml.safe_load(TEXT)["permissions"] == {}
    writers = {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "check": {"contents": "read"},
        "images": writers,
        "chart": writers,
        "wheels": {"contents": "write", "id-token": "write", "attestations": "write"},
    }
    assert JOBS["wheels"]["needs"] == "check"
    assert JOBS["images"]["needs"] == "check"
    assert JOBS["chart"]["needs"] == "images"
    assert "run: .ci/run" in TEXT
    for job in JOBS.values():
        assert job["timeout-minutes"] <= 60
        assert job["steps"][0]["with"] == {"persist-credentials": False}


def test_nothing_from_outside_becomes_a_part_of_a_command():
    """`${{ … }}` in a script is text that a shell runs: only the names of our own matrix may be there."""
    for job in JOBS.values():
        for one in job["steps"]:
            assert set(re.findall(r"\$\{\{ (.*?) \}\}", one.get("run", ""))) <= {"matrix.image"}
