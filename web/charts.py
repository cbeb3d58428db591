"""Numbers as shapes for SVG in templates: integers only, no styles, sized by the viewBox."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 600
HEIGHT = 160


@dataclass(frozen=True)
class Steps:
    """A step line: `points` for <polyline>, and the value at the top."""

    points: str
    top: int
    width: int = WIDTH
    height: int = HEIGHT


def steps(history: Sequence[tuple[int, int]], until: int) -> Steps | None:
    """A value that holds from each (time, value) to the next, drawn to `until`; None if empty."""
    if not history:
        return None
    start = history[0][0]
    span = max(until - start, 1)
    top = max(value for _, value in history) or 1
    points: list[str] = []
    level = HEIGHT
    for moment, value in history:
        x = (moment - start) * WIDTH // span
        points.append(f"{x},{level}")
        level = HEIGHT - value * HEIGHT // top
        points.append(f"{x},{level}")
    points.append(f"{WIDTH},{level}")
    return Steps(" ".join(points), top)
