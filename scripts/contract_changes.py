"""What of a contract's document a program of the last release would trip over in a newer one.

`python scripts/contract_changes.py OLD NEW` prints each incompatible change and ends with 1 when there are any.
What others send must still be taken: every message that the old schema allows, the new one allows. What they are
sent must still match what they expect: every message of the new schema is one of the old, except that a choice of
values may have got more of them, and objects more fields.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schema_changes import Comparison, resolved

Json = dict[str, Any]


def incompatible(old: Json, new: Json) -> list[str]:
    """In sentences that begin with the subject."""
    return sorted(set(_channels(old, new)))


def _channels(old: Json, new: Json) -> Iterator[str]:
    newer = {_key(name, channel): channel for name, channel in new["channels"].items()}
    sends = {
        _target(action["channel"]) for action in old["operations"].values() if action["action"] == "send"
    }
    replies = {
        _target(action["reply"]["channel"]) for action in old["operations"].values() if "reply" in action
    }
    for name, channel in old["channels"].items():
        key = _key(name, channel)
        if key not in newer:
            yield f"{key}: the channel was removed"
            continue
        told = name in sends | replies
        yield from _messages(key, old, new, (channel, newer[key]), told=told)
        for parameter, was in channel.get("parameters", {}).items():
            gone = set(was.get("enum", ())) - set(
                newer[key].get("parameters", {}).get(parameter, {}).get("enum", ())
            )
            if gone and not told:
                yield f"{key}: the parameter {parameter} may no longer be {', '.join(sorted(gone))}"
    yield from _operations(old, new)


def _operations(old: Json, new: Json) -> Iterator[str]:
    for name, action in old["operations"].items():
        now = new["operations"].get(name)
        if now is None:
            yield f"{name}: the operation was removed"
        elif now["action"] != action["action"] or ("reply" in action) != ("reply" in now):
            yield f"{name}: the operation is another one"


def _key(name: str, channel: Json) -> str:
    return channel.get("address") or f"{name} (its answers)"


def _target(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _messages(key: str, old: Json, new: Json, channels: tuple[Json, Json], *, told: bool) -> Iterator[str]:
    was_of, now_of = (channel["messages"] for channel in channels)
    for kind, reference in was_of.items():
        if kind not in now_of:
            yield f"{key}: the message {kind} was removed"
            continue
        was, now = resolved(old, reference), resolved(new, now_of[kind])
        if was.get("contentType") != now.get("contentType"):
            yield f"{key}: the {kind} has another content type"
        comparison = Comparison(old, new, told=told)
        yield from comparison.schema(f"{key}: {kind}", was["payload"], now["payload"])
        if "headers" in was:
            yield from comparison.schema(f"{key}: {kind} headers", was["headers"], now.get("headers", {}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    chosen = parser.parse_args()
    found = incompatible(json.loads(chosen.old.read_text()), json.loads(chosen.new.read_text()))
    print("\n".join(found) or "compatible")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
