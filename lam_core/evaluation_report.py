"""The report of an evaluation: one static page with plots as SVG, no script and no network."""

from html import escape
from pathlib import Path

from lam_core.dataset import write_atomically
from lam_core.evaluate import Evaluation

_ROW = 18
_LABEL = 190
_WIDTH = 420
_COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #111 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr:nth-child(even) { background: #f3f4f6 }
svg text { font: 11px system-ui, sans-serif }
"""


def write_report(found: Evaluation, path: Path, *, title: str) -> None:
    """Write the page."""
    body = [
        f"<h1>{escape(title)}</h1>",
        "<p>Share of episodes for which the page gave the full reward within its own time limit. "
        "Whiskers are 95 % intervals (Wilson).</p>",
        _means(found),
        _bars(found),
        _table(found),
    ]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{''.join(body)}</html>\n"
    )
    write_atomically(path, page.encode())


def curve_svg(points: list[dict[str, float]]) -> str:
    """The training curve: loss and the share of right choices over the steps."""
    if not points:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>'
    last, top = points[-1]["step"], max(point["loss"] for point in points)
    lines = []
    for name, scale, colour in (("loss", top, _COLOURS[0]), ("accuracy", 1.0, _COLOURS[1])):
        places = " ".join(
            f"{40 + 500 * p['step'] / last:.1f},{210 - 190 * p[name] / scale:.1f}" for p in points
        )
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{places}"/>')
    texts = (
        f'<text x="40" y="228">0</text><text x="520" y="228">{last:.0f} steps</text>'
        f'<text x="4" y="24" fill="{_COLOURS[0]}">{top:.1f}</text>'
        f'<text x="4" y="40" fill="{_COLOURS[1]}">1.0</text>'
        f'<text x="300" y="20" fill="{_COLOURS[0]}">loss per decision</text>'
        f'<text x="300" y="36" fill="{_COLOURS[1]}">share of right decisions</text>'
    )
    axes = '<path d="M40 20V210H540" fill="none" stroke="#6b7280"/>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 236" '
        f'font-family="sans-serif" font-size="11">{axes}{"".join(lines)}{texts}</svg>\n'
    )


def _means(found: Evaluation) -> str:
    rows = "".join(
        f"<tr><td>{escape(arm)}</td><td>{of['mean_percent']:.1f} %</td>"
        f"<td>{of['low_percent']:.1f}–{of['high_percent']:.1f}</td><td>{of['episodes']}</td>"
        f"<td>{of['decide_ms']:.1f}</td><td>{of['step_ms']:.0f}</td></tr>"
        for arm, of in found.summary().items()
    )
    head = "<tr><th>arm</th><th>mean of tasks</th><th>95 %</th><th>episodes</th>"
    return f"<table>{head}<th>ms to decide</th><th>ms a step</th></tr>{rows}</table>"


def _bars(found: Evaluation) -> str:
    summary, tasks, arms = found.summary(), found.tasks(), found.arms()
    block = _ROW * len(arms) + 6
    parts = []
    for number, task in enumerate(tasks):
        top = number * block
        parts.append(f'<text x="0" y="{top + 13}">{escape(task)}</text>')
        for position, arm in enumerate(arms):
            of = summary[arm]["tasks"].get(task)
            if of:
                parts.append(_bar(of, top + position * _ROW, _COLOURS[position % 4]))
    height = len(tasks) * block
    grid = "".join(
        f'<path d="M{_LABEL + _WIDTH * p // 100} 0V{height}" stroke="#d1d5db"/>'
        for p in (0, 50, 100)
    )
    return (
        f'<h2>By task</h2><svg width="{_LABEL + _WIDTH + 60}" height="{height}" role="img" '
        f'aria-label="Share of episodes done by task">{grid}{"".join(parts)}</svg>'
    )


def _bar(of: dict[str, float], top: int, colour: str) -> str:
    width = _WIDTH * of["percent"] / 100
    low = _LABEL + _WIDTH * of["low_percent"] / 100
    high = _LABEL + _WIDTH * of["high_percent"] / 100
    middle = top + 8
    return (
        f'<rect x="{_LABEL}" y="{top + 3}" width="{width:.1f}" height="10" fill="{colour}"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#111"/>'
        f'<text x="{_LABEL + _WIDTH + 8}" y="{top + 12}">{of["percent"]:.0f} %</text>'
    )


def _table(found: Evaluation) -> str:
    summary, arms = found.summary(), found.arms()
    head = "".join(f"<th>{escape(arm)}</th>" for arm in arms)
    rows = []
    for task in found.tasks():
        cells = []
        for arm in arms:
            of = summary[arm]["tasks"].get(task)
            cells.append(f"<td>{of['done']} of {of['episodes']}</td>" if of else "<td></td>")
        rows.append(f"<tr><td>{escape(task)}</td>{''.join(cells)}</tr>")
    return f"<h2>Counts</h2><table><tr><th>task</th>{head}</tr>{''.join(rows)}</table>"
