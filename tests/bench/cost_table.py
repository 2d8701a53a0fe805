"""The table of `cost.py`, and its place in docs/evidence/cost.md."""

import os
from pathlib import Path
from statistics import median

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "evidence" / "cost.md"
BEGIN, END = "<!-- cost.py: begin -->\n", "<!-- cost.py: end -->\n"
HEAD = (
    "| readings per PUT | program | processor s for 100,000: median (range) | ratio within a run | peak MiB |",
    "|---|---|---|---|---|",
)


def row(per_put: int, program: str, cpus_s: list[float], ratios: list[float], peak_mib: int) -> str:
    return f"| {per_put} | {program} | {_spread(cpus_s)} | {_spread(ratios)} | {peak_mib} |"


def _spread(found: list[float]) -> str:
    return f"{median(found):.2f} ({min(found):.2f}-{max(found):.2f})"


def write(rows: list[str], command: str) -> None:
    """Puts the table between the two marks, with the command that made it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = ["", f"`{command}` on {os.cpu_count()} cores:", "", *HEAD, *rows, "", ""]
    PAGE.write_text(before + BEGIN + "\n".join(table) + END + after)
