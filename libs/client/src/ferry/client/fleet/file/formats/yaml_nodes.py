"""A YAML document as PyYAML's nodes, composed from libyaml's events.

PyYAML's own composer asks Python about every scalar and crashes the process on some thousand levels of nesting.
"""

from functools import lru_cache
from typing import Any

import yaml

from ferry.client.fleet.file.formats import yaml_words
from ferry.client.fleet.file.mistakes import Mistake, MistakesError

TAG = "tag:yaml.org,2002:"
MOST_DEPTH = 100
"""A fleet file needs ten."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
EMPTY = "the file is empty: it declares at least `gateways: []`"


def composed(file: str, text: str) -> yaml.Node:
    """The document's root. Raises MistakesError."""
    composer = _Composer(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.add(event)
    except yaml.YAMLError as error:
        raise MistakesError(file, yaml_words.of(error, text)) from None
    root = composer.root
    if root is None or root.tag == f"{TAG}null":
        raise MistakesError(file, [Mistake(1, 1, EMPTY)])
    return root


def place(item: yaml.Node | yaml.Event) -> tuple[int, int]:
    mark = item.start_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


class _Composer:
    def __init__(self, file: str) -> None:
        self._file = file
        self._anchors: dict[str, yaml.Node] = {}
        self._open: list[tuple[yaml.Node, list[yaml.Node]]] = []
        self.root: yaml.Node | None = None

    def add(self, event: yaml.Event) -> None:
        mark: Any = event.start_mark  # libyaml's, or the Python parser's: the same but for the type
        if isinstance(event, yaml.ScalarEvent):
            tag = event.tag or (_resolved(event.value) if event.implicit[0] else f"{TAG}str")
            self._put(event, yaml.ScalarNode(_full(tag), event.value, mark))
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._mistake(event, "an alias (`*name`) without an anchor (`&name`) before it")
            self._attach(self._anchors[event.anchor])
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin(event, yaml.MappingNode(_full(event.tag or f"{TAG}map"), [], mark))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin(event, yaml.SequenceNode(_full(event.tag or f"{TAG}seq"), [], mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            node, children = self._open.pop()
            is_mapping = isinstance(node, yaml.MappingNode)
            node.value = list(zip(children[::2], children[1::2], strict=True)) if is_mapping else children
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise self._mistake(event, "a second document begins: a fleet is one, without `---` inside")

    def _begin(self, event: yaml.CollectionStartEvent, node: yaml.Node) -> None:
        self._put(event, node)
        self._open.append((node, []))
        if len(self._open) > MOST_DEPTH:
            raise self._mistake(event, f"more than {MOST_DEPTH} levels deep")

    def _put(self, event: yaml.NodeEvent, node: yaml.Node) -> None:
        if event.anchor:
            self._anchors[event.anchor] = node
        self._attach(node)

    def _attach(self, node: yaml.Node) -> None:
        if self._open:
            self._open[-1][1].append(node)
        else:
            self.root = node

    def _mistake(self, event: yaml.Event, text: str) -> MistakesError:
        return MistakesError(self._file, [Mistake(*place(event), text)])


@lru_cache(maxsize=4096)
def _resolved(text: str) -> str:
    """What YAML 1.1 takes an unquoted word for."""
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return f"{TAG}str"


def _full(tag: str) -> str:
    return f"{TAG}str" if tag == "!" else tag
