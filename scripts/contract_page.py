"""Builds the contract as an HTML page: `make contract-page` writes .run/contract.html, which needs no network."""

import sys
from pathlib import Path

import node_tools

ROOT = Path(__file__).resolve().parent.parent


def build(page: Path) -> Path:
    """Raises NoNodeError without Node, or when AsyncAPI's component cannot be installed."""
    page.parent.mkdir(parents=True, exist_ok=True)
    document = ROOT / "docs/reference/asyncapi.json"
    node_tools.node(ROOT / "scripts/contract_html", "build.mjs", str(document), str(page.resolve()))
    return page


def main() -> None:
    try:
        print(build(ROOT / ".run" / "contract.html"))
    except node_tools.NoNodeError as error:
        sys.exit(f"contract_page: {error}")


if __name__ == "__main__":
    main()
