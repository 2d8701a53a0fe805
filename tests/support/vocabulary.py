"""Words that plain ones have replaced: in the repository, and in what the command says."""

import re

_REPLACED = r"verdicts?|fates?|doom(s|ed)?|bur(y|ies|ied|ials?)|condemn(s|ed)?|fenced|journeys?"
RETIRED = re.compile(rf"\b({_REPLACED}|in hand|given back)\b", re.IGNORECASE)
"""Cause, outcome, fail, dead letter, lease lost, delivery, in flight, parked say it (docs/understand/readings.md)."""
RETIRED_IN_HELP = re.compile(
    rf"\b({_REPLACED}|hand|held|known|standing|telling|story)\b|most \w+ at a time", re.IGNORECASE
)
"""Stricter: in help these have no ordinary sense either."""

PHRASES = {
    r"(?<!there )\b(?:is|are) no (?:YAML|JSON|PEM|text|number|id)\b": "is not a …, is not valid …",
    r"\bwhoever\b": "the caller, operators, a publisher",
    r"\baloud\b": "reports, logs, prints",
    r"\bfor ever\b": "always, without end, permanently, never expires",
    r"\bby hand of\b": "by",
    r"\bmost \w+ at a time\b": "maximum number of concurrent …",
    r"\b(?:brings?|brought|bring) about\b": "creates, applies",
    r"\bstays? away\b": "is disabled, is not started",
}
"""Constructions that sound translated, and what to write instead: as regular expressions, in text and comments."""
