"""Words that plain ones have replaced: in the repository, and in what the command says."""

import re

_REPLACED = r"verdicts?|fates?|doom(s|ed)?|bur(y|ies|ied|ials?)|condemn(s|ed)?|fenced|journeys?"
RETIRED = re.compile(rf"\b({_REPLACED}|in hand|given back)\b", re.IGNORECASE)
"""Cause, outcome, fail, dead letter, lease lost, delivery, in flight, parked say it (docs/understand/readings.md)."""
RETIRED_IN_HELP = re.compile(
    rf"\b({_REPLACED}|hand|held|known|standing|telling|story)\b|most \w+ at a time", re.IGNORECASE
)
"""Stricter: in help these have no ordinary sense either."""
