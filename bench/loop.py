"""Times the whole loop over a folder of recordings: `python -m bench.loop RECORDINGS`.

Runs `make demo`'s supervisor on a data folder of its own and writes bench/results/loop.json: the
seconds of each step, and the whole against its targets. Only a quiet machine gives figures that
mean something; the load before is noted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import report
from bench.report import ROOT, Figure, figure

LOOP_SECONDS = 180
# From a clone with its dependencies installed; those are the network's to time.
WHOLE_SECONDS = 600


def run(recordings: Path, arguments: list[str]) -> tuple[dict[str, Any], float]:
    """The loop's summary, and the seconds from nothing to the end with all services stopped."""
    with tempfile.TemporaryDirectory(prefix="action-model-loop-") as folder:
        Path(folder).chmod(0o755)
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "config.run", "--demo", "--exit"]
        command += ["--recordings", str(recordings), "--json", str(out), *arguments]
        variables = {**os.environ, "LAM_DATA_DIR": str(Path(folder) / "data")}
        started = time.monotonic()
        subprocess.run(command, cwd=ROOT, env=variables, check=True)
        return json.loads(out.read_text()), time.monotonic() - started


def figures(summary: dict[str, Any], whole_seconds: float) -> list[Figure]:
    """What is kept of a run."""
    seconds, sent = summary["seconds"], summary["recordings_imported"]
    rate = sent / (seconds["import"] + seconds["second epoch"])
    differences = len(summary["reconciliation_differences"])
    return [
        figure("recordings imported", sent, "recordings"),
        figure("verified", summary["verified"], "recordings"),
        figure("differences of ledger, bundle and chain", differences, "differences", at_most=0),
        *(figure(name, value, "s") for name, value in seconds.items() if name != "total"),
        figure("imported and judged", rate, "workflows/s"),
        figure("loop", seconds["total"], "s", at_most=LOOP_SECONDS),
        figure("set-up and loop", whole_seconds, "s", at_most=WHOLE_SECONDS),
    ]


def main() -> int:
    """Run, show, keep; fails on a difference."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__)
    parser.add_argument("recordings", type=Path, help="a folder BATCH/TASK/NAME.json.gz")
    given, rest = parser.parse_known_args()
    made_on = report.environment()
    summary, whole = run(given.recordings.resolve(), rest)
    report.write(
        "loop",
        command="make bench-loop RECORDINGS=PATH",
        made_on=made_on,
        figures=figures(summary, whole),
    )
    return 1 if summary["reconciliation_differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
