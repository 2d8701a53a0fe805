"""Makes Grafana's dashboards of dashboards.yml, and Kubernetes's rules of alerts.yml.

`scripts/observability.py [--check]`
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "observability"
DASHBOARDS = FOLDER / "grafana" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "ferry-prometheus"}
WIDTH, HEIGHT, COLUMNS = 8, 7, 3


def panel_json(panel: dict[str, Any], number: int) -> dict[str, Any]:
    targets = [
        {"refId": letter, "expr": expression, "legendFormat": legend, "datasource": SOURCE}
        for letter, (legend, expression) in zip("ABCDEF", panel["show"].items(), strict=False)
    ]
    x, y = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel["title"],
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def variable_json(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 3,
    }


def dashboard_json(uid: str, board: dict[str, Any]) -> dict[str, Any]:
    variables = [variable_json(name, query) for name, query in board.get("variables", {}).items()]
    others = {"type": "dashboards", "tags": ["ferry"], "title": "Ferry", "asDropdown": True, "keepTime": True}
    return {
        "uid": uid,
        "title": board["title"],
        "tags": ["ferry"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [others],
        "templating": {"list": variables},
        "panels": [panel_json(panel, number) for number, panel in enumerate(board["panels"])],
    }


def rules_yaml() -> str:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "ferry"},
        "spec": {"groups": groups},
    }
    made = yaml.safe_dump(rule, sort_keys=False, width=1000, allow_unicode=True)
    return f"# Made from alerts.yml by scripts/observability.py.\n# yamllint disable\n{made}"


def files() -> dict[Path, str]:
    boards = yaml.safe_load((FOLDER / "dashboards.yml").read_text())
    made = {
        DASHBOARDS / f"{uid}.json": json.dumps(dashboard_json(uid, board), indent=1) + "\n"
        for uid, board in boards.items()
    }
    return {**made, FOLDER / "rules.yaml": rules_yaml()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; end with 1 where a file differs"
    )
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if check and stale:
        sys.exit("run scripts/observability.py: " + ", ".join(path.name for path in stale))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files()[path])


if __name__ == "__main__":
    main()
