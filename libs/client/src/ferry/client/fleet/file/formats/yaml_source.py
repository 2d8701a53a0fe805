"""A YAML document as plain data, and where each part of it stands.

Texts, decimal numbers, lists and mappings; everything else that YAML reads into an unquoted word (`no`, `1.5`, a date)
is `Unquoted`, so that no field takes it for a text.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import yaml
from pydantic.alias_generators import to_camel

from ferry.client.fleet.file.formats.yaml_nodes import TAG, composed, place
from ferry.client.fleet.file.mistakes import Mistake, MistakesError, Path

MOST_NODES = 5_000_000
"""Aliases of aliases can stand for more than any memory has."""
IGNORED = "x-"
"""Keys that begin with it are for anchors, and whatever else a person keeps there."""
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)")
_PLAIN_TAGS = {TAG + name for name in ("int", "float", "bool", "null", "timestamp", "value", "merge", "str")}

_Entries = dict[str, tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class Unquoted:
    """What is neither text nor decimal number, as it is written."""

    text: str


class YamlSource:
    """Raises MistakesError for invalid YAML."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._entries: dict[int, _Entries] = {}
        self._made: dict[int, tuple[object, int]] = {}
        self._open: set[int] = set()
        self._root = composed(file, text)
        self.data = self._plain(self._root)[0]

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        node, key_node = self._root, self._root
        for step in path:
            found = self._step(node, step)
            if found is None:
                break
            key_node, node = found
        return place(key_node if key else node)

    def written(self, path: Path) -> str | None:
        node = self._root
        for step in path:
            found = self._step(node, step)
            if found is None:
                return None
            node = found[1]
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def _step(self, node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        if isinstance(node, yaml.MappingNode) and isinstance(step, str):
            return self._entries.get(id(node), {}).get(step)
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            item = node.value[step]
            return item, item
        return None

    def _plain(self, node: yaml.Node) -> tuple[object, int]:
        """The data, and how many nodes it stands for. What an alias repeats is made once."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), 1
        if id(node) in self._open:
            raise self._stop(node, "an alias inside its own anchor")
        if (made := self._made.get(id(node))) is not None:
            return made
        self._open.add(id(node))
        data, size = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        if size > MOST_NODES:
            raise self._stop(node, "its aliases expand to too much")
        self._open.discard(id(node))
        self._made[id(node)] = data, size
        return data, size

    def _sequence(self, node: yaml.Node) -> tuple[object, int]:
        self._check_tag(node, TAG + "seq")
        made, size = [], 1
        for item in node.value:
            data, items = self._plain(item)
            made.append(data)
            size += items
        return made, size

    def _mapping(self, node: yaml.Node) -> tuple[object, int]:
        self._check_tag(node, TAG + "map")
        entries = self._entries_of(node)
        made, size = {}, 1
        for name, (_, value) in entries.items():
            data, items = self._plain(value)
            if not name.startswith(IGNORED):
                made[name] = data
                size += items
        return made, size

    def _entries_of(self, node: yaml.Node) -> _Entries:
        """By name; what `<<` brings is there unless the mapping says it itself."""
        entries: _Entries = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == TAG + "merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif not isinstance(key, yaml.ScalarNode):
                self._note(key, "a key is a word; this one is a list or a mapping")
            elif (name := _camel(key.value)) in entries:
                first = place(entries[name][0])
                self._note(key, f"{key.value} comes twice, first in line {first[0]}: keep one of them")
            else:
                entries[name] = (key, value)
        for other in merged:
            if not isinstance(other, yaml.MappingNode):
                self._note(other, "`<<` takes a mapping, such as `<<: *defaults`")
                continue
            self._plain(other)
            entries = {**self._entries[id(other)], **entries}
        self._entries[id(node)] = entries
        return entries

    def _scalar(self, node: yaml.Node) -> object:
        text: str = node.value
        if node.tag == TAG + "str":
            return text
        if node.tag == TAG + "null":
            return None
        if node.tag == TAG + "int" and _DECIMAL.fullmatch(text) and len(text) < 20:  # noqa: PLR2004 - 64 bits
            return int(text)
        if node.tag not in _PLAIN_TAGS:
            self._note(node, f"tags are not supported: remove {node.tag.replace(TAG, '!!')}")
        return Unquoted(text)

    def _check_tag(self, node: yaml.Node, usual: str) -> None:
        if node.tag != usual:
            self._note(node, f"tags are not supported: remove {node.tag.replace(TAG, '!!')}")

    def _note(self, node: yaml.Node, text: str) -> None:
        self.mistakes.append(Mistake(*place(node), text))

    def _stop(self, node: yaml.Node, text: str) -> MistakesError:
        return MistakesError(self.file, [*self.mistakes, Mistake(*place(node), text)])


@lru_cache(maxsize=1024)
def _camel(name: str) -> str:
    return to_camel(name) if "_" in name else name
