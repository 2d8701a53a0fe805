"""What the services expose, on a suite that has met everything: dashboards, alerts and docs name nothing else.

`FERRY_WRITE_DOCS=1` writes docs/reference/metrics.md anew.
"""

import json
import os
import re
import shutil
from collections import defaultdict
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import yaml
from certificates import chain

from ferry.contract import subjects
from harness import console
from harness.processes import eventually, free_port, process
from harness.services import lay_fleet

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "observability"
DOCS = ROOT / "docs/reference/metrics.md"
SERVICES = ("auth", "registry", "telemetry", "otosense", "console")
OURS = re.compile(r"(ferry|http_client|target)_")
SCRAPED = {"job", "instance", "le", "service"}
"""Labels that Prometheus adds, or that a histogram has."""
SUFFIXES = re.compile(r"_(bucket|count|sum)$")
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
WORDS = {"sum", "max", "min", "count", "by", "rate", "increase", "histogram_quantile", "absent", "or", "and",
         "predict_linear", "label_values", "without", "bool", "avg"}  # fmt: skip


class Exposed:
    """Of all pages: a metric's kind, its words, and its labels."""

    def __init__(self, pages):
        self.kinds, self.words, self.labels, self.services = {}, {}, defaultdict(set), defaultdict(set)
        for service, page in pages.items():
            self._read(service, page)

    def _read(self, service, page):
        for line in page.splitlines():
            if found := re.match(r"# (TYPE|HELP) (\S+) (.*)", line):
                (self.kinds if found[1] == "TYPE" else self.words)[found[2]] = found[3]
            elif found := re.match(rf"({NAME})(?:\{{(.*)\}})? ", line):
                name = self.metric(found[1])
                self.services[name].add(service)
                self.labels[name] |= set(re.findall(rf'({NAME})="', found[2] or ""))

    def metric(self, name):
        short = SUFFIXES.sub("", name)
        return short if self.kinds.get(short) == "histogram" else name


def asked(expression):
    """The metrics of an expression, and the labels that it asks each for, or groups by."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    grouped = set(re.findall(NAME, " ".join(re.findall(r"(?:by|without) \(([^)]*)\)", bare))))
    bare = re.sub(r"(?:by|without) \([^)]*\)", "", bare)
    found: dict[str, set[str]] = {}
    for name, selectors in re.findall(rf"({NAME})(?:\{{([^}}]*)\}})?", re.sub(r"\[[^\]]*\]", "", bare)):
        if name not in WORDS and not name.startswith("_"):
            found.setdefault(name, set()).update(re.findall(rf"({NAME})\s*[=!]", selectors))
    return found, grouped


def expressions():
    for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]
    for uid, board in yaml.safe_load((FOLDER / "dashboards.yml").read_text()).items():
        for name, query in board.get("variables", {}).items():
            asked_for = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
            assert asked_for, query
            yield f"{uid} ${name}", f'{asked_for[1]}{{{asked_for[2]}=""}}'
        for panel in board["panels"]:
            for legend, expression in panel["show"].items():
                yield f"{uid} {panel['title']}", expression
                for label in re.findall(r"\{\{(\w+)\}\}", legend):
                    assert label in SCRAPED or label in expression, (
                        f"{panel['title']}: {label} is in no query"
                    )


async def asks(client, subject, body=None):
    return await client.request(subject, json.dumps(body or {}).encode(), timeout=15)


async def all_met(suite, publisher):
    """Readings delivered, refused by a proxy, dead; requests that fail; motor sensors; a token refused."""
    page_of = await console.start(suite)
    sensors = await lay_fleet(suite.bus, suite.sandbox, 1, 2)
    proxy = {
        "match": {"path": "*/series", "method": "PUT"},
        "kind": "status",
        "status": 502,
        "text": "<html>bad gateway</html>",
        "for_requests": 2,
    }
    await suite.sandbox.fault(**proxy)
    await suite.sandbox.fault(match={"path": "*/series"}, kind="reset_before", for_requests=1)
    await suite.sandbox.post("/admin/revoke")
    stream = publisher.jetstream(timeout=10)
    for gateway, sensor in sensors:
        await stream.publish(
            subjects.sensor_series(gateway, sensor), b'{"value": "1", "time": 1495715734508}'
        )
    await stream.publish(subjects.sensor_series("gateway-0", "nobody"), b'{"value": "1"}')
    operator = await suite.bus.as_user("operator")
    await asks(operator, subjects.OTOSENSE_SENSORS_PROVISION, {"cert": chain("0000S111A")})
    await asks(operator, subjects.REGISTRY_GATEWAYS_GET, {"id": "no-such-gateway"})
    await asks(operator, subjects.REGISTRY_MODELS_GET)
    await operator.close()

    async def done():
        return await suite.sandbox.points() == len(sensors)

    await eventually(done, within_s=30, what="all readings at the cloud")
    return page_of


@pytest.fixture
async def exposed(suite, publisher):
    quick = {"FERRY_TELEMETRY__UNKNOWN_GRACE_S": "1", "FERRY_OTLP__ENDPOINT": ""}
    running = {
        name: await suite.launch(name, quick if name == "telemetry" else None) for name in SERVICES[:-1]
    }
    for one in running.values():
        await one.ready()
    running["console"] = (await all_met(suite, publisher)).running
    async with httpx2.AsyncClient() as client:

        async def read():
            return {name: (await client.get(f"{one.health}/metrics")).text for name, one in running.items()}

        async def dead():
            return 'reason="unknown_sensor"} 1.0' in (await read())["telemetry"]

        await eventually(dead, within_s=20, what="the dead letter")
        yield Exposed(await read())


def table(exposed):
    lines = [
        "# Metrics",
        "",
        "The metrics on `/metrics` of each service, and over OTLP if `FERRY_OTLP__ENDPOINT` is set (there with dots).",
        "Generated from running services by `FERRY_WRITE_DOCS=1 pytest tests/e2e/test_signals.py`. `process_*`",
        "and `python_*` are the Prometheus client's own. No label is ever a sensor or a gateway.",
        "Over OTLP `http.client.request.duration` has exemplars: the traces of sampled requests. `/metrics` has none,",
        "because the SDK's Prometheus exporter (0.66b2) does not write them.",
        "",
        "| metric | kind | labels | service | description |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(name for name in exposed.kinds if OURS.match(name) and not name.endswith("_created")):
        labels = ", ".join(f"`{label}`" for label in sorted(exposed.labels[name] - {"le"}))
        services = ", ".join(sorted(exposed.services[name]))
        services = "all" if len(exposed.services[name]) == len(SERVICES) else services
        lines.append(
            f"| `{name}` | {exposed.kinds[name]} | {labels} | {services} | {exposed.words.get(name, '')} |"
        )
    return "\n".join(lines) + "\n"


async def test_dashboards_alerts_and_docs_name_what_is_there(exposed):
    for where, expression in expressions():
        metrics, grouped = asked(expression)
        assert metrics, where
        for name, selected in metrics.items():
            metric = exposed.metric(name)
            assert metric in exposed.labels, f"{where}: nobody exposes {name}"
            odd = (selected | grouped) - exposed.labels[metric] - SCRAPED
            assert not odd, f"{where}: {name} has no label {odd}; it has {exposed.labels[metric]}"
    for name, labels in exposed.labels.items():
        assert not labels & {"gateway", "sensor", "path", "url_path"}, f"{name} has a label without bound"
        assert not OURS.match(name) or exposed.words.get(name) or name == "target_info", (
            f"{name} is not explained"
        )
    made = table(exposed)
    if os.environ.get("FERRY_WRITE_DOCS"):
        DOCS.write_text(made)
    assert DOCS.read_text() == made, "run FERRY_WRITE_DOCS=1 .venv/bin/pytest tests/e2e/test_signals.py"


CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferry" / "prometheus"
PROMETHEUS = shutil.which("prometheus", path=f"{os.environ['PATH']}:{CACHE}/usr/bin")


@asynccontextmanager
async def prometheus(folder, targets):
    """Debian's, with our alerts, whose waiting is cut to a second."""
    port = free_port()
    alerts = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    for rule in alerts["groups"][0]["rules"]:
        rule["for"] = "1s"
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "ferry", "static_configs": [{"targets": targets}]}],
    }
    (folder / "alerts.yml").write_text(yaml.safe_dump(alerts))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [str(PROMETHEUS), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    async with process("prometheus", command, folder):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.skipif(
    PROMETHEUS is None, reason="NO PROMETHEUS HERE: no alert was seen firing (scripts/ci-tools.sh)"
)
async def test_prometheus_scrapes_a_running_service_and_an_alert_fires_when_it_is_gone(suite, tmp_path):
    auth = await suite.start("auth")
    async with (
        prometheus(tmp_path, [auth.health.removeprefix("http://")]) as url,
        httpx2.AsyncClient(base_url=url) as client,
    ):

        async def absent():
            """Whose absence is told now; nobody's until Prometheus is ready."""
            try:
                answer = await client.get("/api/v1/alerts")
            except httpx2.TransportError:
                return set()
            alerts = answer.json()["data"]["alerts"] if answer.status_code == httpx2.codes.OK else []
            return {
                one["labels"]["service_name"]
                for one in alerts
                if one["labels"]["alertname"] == "FerryServiceAbsent" and one["state"] == "firing"
            }

        async def all_but_auth():
            return await absent() == {f"ferry-{name}" for name in SERVICES} - {"ferry-auth"}

        await eventually(all_but_auth, within_s=30, what="an alert for what is not there, and none for auth")
        await auth.process.stop()

        async def auth_too():
            return "ferry-auth" in await absent()

        await eventually(auth_too, within_s=30, what="the alert for auth")
