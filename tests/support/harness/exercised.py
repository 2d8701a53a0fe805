"""Which lines of the allow-lists a server that traces has seen used: a line that nobody uses is one too many."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

Rule = tuple[str, str]
"""`publish` or `subscribe`, and the subject that is allowed."""

USER = re.compile(r'user: "(?P<name>[^"]+)"(?P<rest>.*?)(?=user: "|\Z)', re.DOTALL)
LIST = re.compile(r"(?P<verb>publish|subscribe): \{ allow: \[(?P<subjects>.*?)\]", re.DOTALL)
TRACED = re.compile(r'- "FERRY/user:(?P<user>[^"]+)" - <<- \[(?P<verb>H?PUB|SUB) (?P<subject>\S+)')


def rules(permissions: Path) -> dict[str, list[Rule]]:
    """Every user's allowed subjects, by the configuration file itself."""
    text = re.sub(r"#.*", "", permissions.read_text())
    found: dict[str, list[Rule]] = {}
    for user in USER.finditer(text):
        allowed = [
            (part["verb"], subject)
            for part in LIST.finditer(user["rest"])
            for subject in re.findall(r'"([^"]+)"', part["subjects"])
        ]
        if allowed:
            found[user["name"]] = allowed
    return found


def unused(permissions: Path, logs: Iterable[str]) -> dict[str, list[Rule]]:
    """What could be taken away: rules without a subject that they alone allow."""
    seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for log in logs:
        for line in TRACED.finditer(log):
            seen[line["user"]].add((line["verb"].removeprefix("H"), line["subject"]))
    idle: dict[str, list[Rule]] = {}
    for user, allowed in rules(permissions).items():
        needed = {_only(allowed, verb, subject) for verb, subject in seen[user]}
        if left := [rule for rule in allowed if rule not in needed]:
            idle[user] = left
    return idle


def _only(allowed: list[Rule], traced: str, subject: str) -> Rule | None:
    """The one rule that allows it; None when several do."""
    verb = {"PUB": "publish", "SUB": "subscribe"}[traced]
    allowing = [rule for rule in allowed if rule[0] == verb and _matches(rule[1], subject)]
    return allowing[0] if len(allowing) == 1 else None


def _matches(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    for number, token in enumerate(wanted):
        if token == ">":
            return len(given) > number
        if number >= len(given) or token not in {"*", given[number]}:
            return False
    return len(wanted) == len(given)
