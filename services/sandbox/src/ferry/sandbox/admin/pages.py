"""The sandbox's own pages and both clouds' OpenAPI documents, all from files in this package."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from ferry.sandbox.web.http import Answer, Handler, Request, Route, encode

FOLDER = Path(__file__).parent
TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
POLICY = b"default-src 'self'; frame-ancestors 'none'"
COMPONENTS = ("parameters", "responses", "schemas", "securitySchemes")
NAMES = {
    "/": "index.html",
    "/page.js": "page.js",
    "/plot.js": "plot.js",
    "/style.css": "style.css",
    "/icon.svg": "icon.svg",
    "/docs/thingplus": "docs.html",
    "/docs/otosense": "docs.html",
    "/docs.js": "docs.js",
}


def routes() -> list[Route]:
    files = [Route("GET", path, _serve(_file(name))) for path, name in NAMES.items()]
    return files + [
        Route("GET", f"/openapi/{cloud}.json", partial(_document, cloud))
        for cloud in ("thingplus", "otosense")
    ]


def _document(cloud: str, _: Request) -> Answer:
    return Answer(200, _encoded(cloud))


@cache
def _encoded(cloud: str) -> bytes:
    """Made when it is asked for: a start need not wait for it."""
    return encode(openapi(cloud))


def openapi(cloud: str) -> Any:
    """A document from its files: the head, the components, and the paths of each part of the API."""
    folder = FOLDER / "openapi" / cloud
    read = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
    document = read.pop("document")
    components = {kind: read.pop(kind) for kind in COMPONENTS if kind in read}
    paths = {path: item for part in read.values() for path, item in part.items()}
    return {**document, "paths": paths, "components": components}


def _file(name: str) -> Answer:
    path = FOLDER / "page" / name
    headers = [(b"content-security-policy", POLICY), (b"cache-control", b"no-cache")]
    return Answer(200, path.read_bytes(), TYPES[path.suffix], headers)


def _serve(answer: Answer) -> Handler:
    def handle(_: Request) -> Answer:
        return answer

    return handle
