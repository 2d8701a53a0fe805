"""The documentation holds together: links out of it, pages that files name, lists that must be complete."""

import re
import subprocess
import tomllib
from pathlib import Path

from ferry.contract.dead import Reason

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LISTED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
FILES = [ROOT / name for name in LISTED.splitlines() if (ROOT / name).is_file()]
NAMED = re.compile(r"(?<![\w/.])docs/[\w/.-]+\.(?:md|json)\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[\w-]+)?\)")
TEXTS = {".md", ".py", ".yaml", ".yml", ".conf", ".sh", ".toml", ""}


def test_every_page_that_a_file_names_is_there():
    found = {
        page
        for path in FILES
        if path.suffix in TEXTS
        for page in NAMED.findall(path.read_text("utf-8", "ignore"))
    }
    assert len(found) > 10
    assert {page for page in found if not (ROOT / page).exists()} == set()


def test_every_link_leads_somewhere():
    broken = []
    for page in (path for path in FILES if path.suffix == ".md"):
        for link, anchor in LINK.findall(page.read_text("utf-8")):
            target = page.parent / link if link else page
            if not target.exists() or (anchor and anchor[1:] not in slugs(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}{anchor}")
    assert broken == []


def slugs(page):
    """Of a page's headings, as the site and the repository's host make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_each_page_is_in_the_navigation():
    text = (ROOT / "zensical.toml").read_text("utf-8")
    listed = set(re.findall(r'"([\w/-]+\.md)"', str(tomllib.loads(text)["project"]["nav"]).replace("'", '"')))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {page for page in pages if not page.startswith("decisions/")} | {"decisions/index.md"} == listed


def test_each_decision_is_in_the_index_under_its_title():
    index = (DOCS / "decisions/index.md").read_text("utf-8")
    records = sorted((DOCS / "decisions").glob("0*.md"))
    assert len({record.name[:4] for record in records}) == len(records), "two records have one number"
    for record in records:
        number, _, title = record.read_text("utf-8").partition("\n")[0].removeprefix("# ").partition(": ")
        assert f"| [{number}]({record.name}) | {title} |" in index


def test_each_reason_of_a_dead_letter_is_explained():
    rows = [
        line for line in (DOCS / "operate/dead-letters.md").read_text("utf-8").splitlines() if "|" in line
    ]
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert explained == {reason.value for reason in Reason}
