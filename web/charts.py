"""Numbers as shapes for SVG in templates: integers only, no styles, sized by the viewBox."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 600
HEIGHT = 160
BAR_HEIGHT = 18
BAR_GAP = 8
LABEL_WIDTH = 210
FULL_BP = 10_000


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


@dataclass(frozen=True)
class Bar:
    """One row: its label, its end, and a mark (a quorum) on the same scale."""

    label: str
    text: str
    y: int
    width: int
    mark: int | None = None

    @property
    def baseline(self) -> int:
        """Where the text stands."""
        return self.y + BAR_HEIGHT - 5


def bars(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Horizontal bars of {label, text, bp, mark_bp?}, in hundredths of a per cent."""
    room = WIDTH - LABEL_WIDTH - 70
    made = []
    for number, row in enumerate(rows):
        mark = row.get("mark_bp")
        made.append(
            Bar(
                label=_cut(row["label"]),
                text=row["text"],
                y=number * (BAR_HEIGHT + BAR_GAP),
                width=min(row["bp"], FULL_BP) * room // FULL_BP,
                mark=None if mark is None else LABEL_WIDTH + min(mark, FULL_BP) * room // FULL_BP,
            )
        )
    height = len(made) * (BAR_HEIGHT + BAR_GAP)
    return {
        "bars": made,
        "width": WIDTH,
        "height": height,
        "x": LABEL_WIDTH,
        "thick": BAR_HEIGHT,
    }


def _cut(label: str) -> str:
    return label if len(label) <= 28 else label[:27] + "…"
