"""Numbers over time as the points of an SVG line: no script, and no style in the markup."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plot:
    """`points` are for a `polyline` in a box of `width` times `height`; `least` and `most` are its edges."""

    points: str
    least: float
    most: float
    width: int = 600
    height: int = 120


def line(values: Sequence[tuple[float, float]], *, from_zero: bool) -> Plot | None:
    """`values` are moments and numbers, in order. None for fewer than two moments."""
    if len(values) < 2 or values[-1][0] <= values[0][0]:  # noqa: PLR2004 - a line has two ends
        return None
    numbers = [number for _, number in values]
    least, most = (0.0 if from_zero else min(numbers)), max(numbers)
    begin, length = values[0][0], values[-1][0] - values[0][0]
    height = most - least or 1.0
    plot = Plot("", least, most)
    points = " ".join(
        f"{(moment - begin) / length * plot.width:.1f},{plot.height - (number - least) / height * plot.height:.1f}"
        for moment, number in values
    )
    return Plot(points, least, most)
