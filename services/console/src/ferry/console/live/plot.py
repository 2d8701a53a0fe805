"""Numbers over time as the points of an SVG line: no script, and no style in the markup."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_DOTS = 120
"""With more, the line alone shows them."""


@dataclass(frozen=True, slots=True)
class Plot:
    """`points` are for a `polyline`, `dots` for a `path`, in a box of `width` times `height`.

    `least` and `most` are the lower and upper edge, in the unit of the values.
    """

    points: str
    dots: str
    least: float
    most: float
    width: int = 600
    height: int = 120


def line(
    values: Sequence[tuple[float, float]], *, from_zero: bool, span: tuple[float, float] | None = None
) -> Plot | None:
    """`values` are moments and numbers, in order; `span` the moments at the edges, else the first and last.

    None where there is nothing to draw: no value, or no time between the edges.
    """
    if not values:
        return None
    begin, end = span or (values[0][0], values[-1][0])
    if end <= begin:
        return None
    numbers = [number for _, number in values]
    least, most = (0.0 if from_zero else min(numbers)), max(numbers)
    height, flat = most - least, (1.0 if from_zero else 0.5)
    box = Plot("", "", least, most)
    places = [
        (
            (moment - begin) / (end - begin) * box.width,
            box.height * (1 - (number - least) / height if height else flat),
        )
        for moment, number in values
    ]
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places) if len(places) <= MOST_DOTS else ""
    return Plot(" ".join(f"{x:.1f},{y:.1f}" for x, y in places), dots, least, most)
