"""When to refresh, retry and warn. Times in s; `chance` is a random number in [0, 1)."""

from ferry.contract.auth import State

REFRESH_AT = 0.75
EARLIER_BY = 0.1
"""Jitter spreads refreshes over this part of the life, towards its beginning only."""
WARN_BEFORE_S = 7 * 86_400.0
WARN_PART = 0.1
QUICK_S = 60.0
"""A token refused at this age or younger did not end: something else is wrong."""
LONGEST_SPACING_S = 60.0
LONGEST_RETRY_AFTER_S = 3600.0
_BACK_OFF: dict[State, tuple[float, float]] = {"refused": (5.0, 300.0), "bad_answer": (2.0, 120.0)}
_OTHERS = (1.0, 30.0)


def refresh_in(life_s: float, chance: float) -> float:
    return life_s * (REFRESH_AT - EARLIER_BY * chance)


def retry_in(outcome: State, failures: int, retry_after_s: float | None, chance: float) -> float:
    """Exponential, half of it jitter; never sooner than the cloud asked for, within an hour."""
    first, longest = _BACK_OFF.get(outcome, _OTHERS)
    wait = min(longest, first * 2.0 ** min(failures - 1, 16)) * (0.5 + 0.5 * chance)
    return max(wait, min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S))


def spacing(quick_rejections: int) -> float:
    """How old a token must be before its rejection is believed: a cloud that refuses all is not flooded."""
    return min(LONGEST_SPACING_S, 2.0 ** min(quick_rejections - 1, 16)) if quick_rejections else 0.0


def is_ending(life_s: float, left_s: float) -> bool:
    return left_s < min(WARN_BEFORE_S, life_s * WARN_PART)
