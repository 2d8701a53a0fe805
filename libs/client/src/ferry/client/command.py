"""Entry point of the `ferry` command: explains what to install if its dependencies are missing."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    try:
        from ferry.client.cli.main import main as run  # noqa: PLC0415 - what may not be installed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ferry"):
            raise
        sys.exit(f"ferry: {error.name} is not installed; the command needs: pip install 'ferry-client[cli]'")
    run()
