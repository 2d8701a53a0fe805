"""PyYAML's errors in the words of a fleet file's author."""

import re

import yaml

from ferry.client.fleet.file.mistakes import Mistake

_TAB = re.compile(r"^ *\t", re.MULTILINE)
_WORDS = {
    "mapping values are not allowed": "two colons in one line: put a text that has `: ` in it into quotes",
    "unexpected end of stream.*quoted": "a quote that is opened here is never closed",
    "flow (sequence|mapping|node)": "a comma is missing before this, or a `[` or `{` is not closed",
    "block (mapping|collection)": "this line is not indented like the ones that it belongs to",
}
_QUOTES = "put a text that begins with this character into quotes"


def of(error: yaml.YAMLError, text: str) -> list[Mistake]:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return [_of_character(error, text)]
    line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
    problem = error.problem or ""
    if "cannot start any token" in problem:
        if text.splitlines()[line - 1][:column].strip(" ") == "\t":
            return _of_tabs(text)
        return [Mistake(line, column, f"not YAML: {_QUOTES}")]
    if "quoted" in (error.context or "") and error.context_mark is not None:
        line, column = error.context_mark.line + 1, error.context_mark.column + 1
    return [Mistake(line, column, f"not YAML: {_in_words(error)}")]


def _in_words(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.problem or ''}{f', {error.context}' if error.context else ''}"
    return next((words for pattern, words in _WORDS.items() if re.search(pattern, said)), said)


def _of_tabs(text: str) -> list[Mistake]:
    """All of them: who pressed the key once did so in every line."""
    found = []
    for match in _TAB.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        found.append(Mistake(line, match.end() - match.start(), "a tab: YAML indents by spaces"))
    return found


def _of_character(error: yaml.YAMLError, text: str) -> Mistake:
    """Finds a character that YAML does not allow; libyaml reports its position in bytes."""
    for at, character in enumerate(text):
        if (character < " " and character not in "\t\n\r") or character in "\x7f\ufffe\uffff":
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            return Mistake(
                line, column, f"the character U+{ord(character):04X} is not allowed in a text file"
            )
    return Mistake(1, 1, f"not YAML: {' '.join(str(error).split())}")
