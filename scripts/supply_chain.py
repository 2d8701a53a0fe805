"""What is in each image: `scripts/supply_chain.py sbom` (CycloneDX and licences, .run/sbom), `... audit PIP_AUDIT`.

Both are read from the hashed requirements that the image is built from. The base image's packages are not in it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

from build_images import BUILD_ARGUMENTS, VERSION
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".run" / "sbom"
IN_THE_IMAGE = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "python_version": "3.11",
}
ALLOWED = {"MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "PSF-2.0"}
WEAK_COPYLEFT = {"certifi": "MPL-2.0"}
"""Shipped unchanged, which is all that MPL-2.0 asks of us."""
READ_IN_THEIR_FILES = {
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "nkeys": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "pyreqwest": "Apache-2.0",
    "uvloop": "MIT OR Apache-2.0",
}
"""Their metadata names no SPDX licence; their LICENSE files do."""


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    sha256: tuple[str, ...]
    """Of each file of this version that may be installed."""


def requirements(image: str) -> Path:
    return ROOT / "requirements" / f"{BUILD_ARGUMENTS[image]['SERVICE']}.txt"


def pins(image: str) -> Iterator[Pin]:
    text = requirements(image).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if not re.match(r"[A-Za-z0-9]", line):
            continue
        wanted, *hashes = line.split(" --hash=sha256:")
        one = Requirement(wanted.strip())
        if one.marker is None or one.marker.evaluate(IN_THE_IMAGE):
            yield Pin(one.name, str(one.specifier).removeprefix("=="), tuple(map(str.strip, hashes)))


def licence(name: str) -> str:
    """An SPDX expression. Raises ValueError when the package does not say one."""
    if name in READ_IN_THEIR_FILES:
        return READ_IN_THEIR_FILES[name]
    said = metadata(name).json
    for field in ("license_expression", "license"):
        try:
            return canonicalize_license_expression(str(said.get(field, "")))
        except InvalidLicenseExpression:
            continue
    raise ValueError(
        f"{name} says no licence in SPDX's words: read its LICENSE and add it to READ_IN_THEIR_FILES"
    )


def is_allowed(name: str, expression: str) -> bool:
    """Of alternatives one suffices; of what holds together, each."""
    allowed = ALLOWED | {WEAK_COPYLEFT.get(name, "")}
    parts = [part.split(" OR ") for part in expression.split(" AND ")]
    return all(any(choice.strip(" ()") in allowed for choice in part) for part in parts)


def bom(image: str) -> Bom:
    licences = LicenseFactory()
    made = Bom()
    made.metadata.component = itself = Component(
        type=ComponentType.CONTAINER,
        name=f"ferry-{image}",
        version=VERSION,
        bom_ref=f"ferry-{image}",
        licenses=[licences.make_from_string("Apache-2.0")],
    )
    for pin in pins(image):
        purl = PackageURL("pypi", None, pin.name, pin.version)
        files = ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(str(purl)),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.sha256],
        )
        part = Component(
            type=ComponentType.LIBRARY,
            name=pin.name,
            version=pin.version,
            purl=purl,
            bom_ref=str(purl),
            licenses=[licences.make_from_string(licence(pin.name))],
            external_references=[files],
        )
        made.components.add(part)
        made.register_dependency(itself, [part])
    return made


def as_json(made: Bom) -> str:
    return JsonV1Dot6(made).output_as_string(indent=2)


def write() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for image in BUILD_ARGUMENTS:
        (OUT / f"ferry-{image}.cdx.json").write_text(as_json(bom(image)))
        lines = sorted(f"{pin.name} {pin.version}: {licence(pin.name)}\n" for pin in pins(image))
        (OUT / f"ferry-{image}.licences.txt").write_text("".join(lines))
        print(
            f"ferry-{image}: {len(lines)} packages, {OUT.relative_to(ROOT)}/ferry-{image}.cdx.json and .licences.txt"
        )


def audit(pip_audit: str) -> int:
    """1 for a known vulnerability. Reports what could not be looked up, which pip-audit skips silently."""
    files = sorted({str(requirements(image)) for image in BUILD_ARGUMENTS})
    words = [word for file in files for word in ("--requirement", file)]
    command = [pip_audit, *words, "--no-deps", "--disable-pip", "--format", "json", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        print("VULNERABILITIES WERE NOT LOOKED UP: the advisory service is not to be reached")
        return 0
    unknown = [one["name"] for one in found if "skip_reason" in one]
    bad = [(one["name"], one["version"], each["id"]) for one in found for each in one.get("vulns", [])]
    for name, version, number in bad:
        print(f"VULNERABLE: {name} {version}: {number}")
    if unknown:
        print(
            f"VULNERABILITIES OF {len(unknown)} OF {len(found)} PACKAGES WERE NOT LOOKED UP: no answer for them"
        )
    print(f"audit: {len(found) - len(unknown)} packages looked up, {len(bad)} vulnerabilities")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["audit"]:
        sys.exit(audit(sys.argv[2]))
    write()
