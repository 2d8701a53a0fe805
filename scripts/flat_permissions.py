"""Prints deploy/nats/permissions.conf with every file that it includes in its place, for the chart's ConfigMap."""

import re
import sys
from pathlib import Path

PERMISSIONS = Path(__file__).resolve().parent.parent / "deploy" / "nats" / "permissions.conf"
INCLUDE = re.compile(r"""^[ \t]*include[ \t]+['"]?([^'"\n;]+?)['"]?[ \t]*;?[ \t]*$""", re.MULTILINE)


def flat(path: Path) -> str:
    """Raises FileNotFoundError for an include that is not there."""
    return INCLUDE.sub(lambda found: flat(path.parent / found[1]).rstrip("\n"), path.read_text())


if __name__ == "__main__":
    sys.stdout.write(flat(PERMISSIONS))
