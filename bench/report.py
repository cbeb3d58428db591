"""How every benchmark tells what it found: a table to read, and bench/results/NAME.json to keep."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")
ROOT = Path(__file__).resolve().parent.parent

Figure = dict[str, Any]


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    peer: str | None = None,
    peer_value: float | None = None,
) -> Figure:
    """One measured figure, with its target and what it is compared with in the same run.

    `holds` is None without a target; `ratio` is the value divided by the peer's.
    """
    holds = target = None
    if at_most is not None:
        holds, target = value <= at_most, f"<= {at_most}"
    if at_least is not None:
        holds, target = value >= at_least, f">= {at_least}"
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "target": target,
        "holds": holds,
        "peer": f"{peer}: {peer_value:.10g}" if peer else None,
        "ratio": round(value / peer_value, 3) if peer_value else None,
    }


def environment(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Where figures come from; called before measuring, so that the load is other people's."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return {
        "commit": commit,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()}",
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in packages}
        | {"python": platform.python_version()},
    }


def write(
    name: str, *, command: str, made_on: dict[str, Any], figures: Sequence[Figure], **more: Any
) -> bool:
    """Print the table, write bench/results/NAME.json; whether no target was missed."""
    _print(command, figures)
    _keep(name, {"command": command, **made_on, **more, "results": list(figures)})
    return not any(each["holds"] is False for each in figures)


def write_parts(
    name: str,
    *,
    command: str,
    made_on: dict[str, Any],
    parts: Mapping[str, Sequence[Figure]],
    order: Sequence[str],
) -> None:
    """As `write`, for a benchmark whose parts are measured apart.

    bench/results/NAME.json keeps the other parts as they were; each says how it came about.
    """
    _print(command, [each for part in parts.values() for each in part])
    path = RESULTS / f"{name}.json"
    kept = json.loads(path.read_text()).get("parts", {}) if path.exists() else {}
    kept |= {
        part: {"command": command, **made_on, "results": list(figures)}
        for part, figures in parts.items()
    }
    _keep(name, {"parts": {part: kept[part] for part in order if part in kept}})


def _print(title: str, figures: Sequence[Figure]) -> None:
    table = Table("figure", "value", "unit", "target", "holds", "peer", "ratio", title=title)
    for each in figures:
        held = "" if each["holds"] is None else "yes" if each["holds"] else "NO"
        cells = (each["value"], each["unit"], each["target"], held, each["peer"], each["ratio"])
        table.add_row(each["name"], *("" if cell is None else str(cell) for cell in cells))
    # Away from a terminal a row stays a line.
    Console(width=None if Console().is_terminal else 150).print(table)


def _keep(name: str, document: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
