"""Times the whole loop over a folder of recordings: `python -m bench.loop RECORDINGS`.

Runs `make demo`'s supervisor on a data folder of its own and writes bench/results/loop.json: the
seconds of each step, and the whole against its targets. Only a quiet machine gives figures that
mean something; the load before is noted.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results") / "loop.json"
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


def figures(summary: dict[str, Any], whole_seconds: float) -> dict[str, Any]:
    """What is kept of a run."""
    seconds = summary["seconds"]
    sent = summary["recordings_imported"]
    return {
        "recordings": sent + sum(summary["recordings_refused"].values()),
        "imported": sent,
        "verified": summary["verified"],
        "differences": len(summary["reconciliation_differences"]),
        "seconds": {name: value for name, value in seconds.items() if name != "total"},
        "workflows_per_second": round(sent / (seconds["import"] + seconds["second epoch"]), 1),
        "loop": {"seconds": seconds["total"], "target": LOOP_SECONDS},
        "set_up_and_loop": {"seconds": round(whole_seconds, 1), "target": WHOLE_SECONDS},
    }


def show(found: dict[str, Any]) -> None:
    """A table for people."""
    for name, value in found["seconds"].items():
        print(f"{name:<16}{value:>8.1f} s")
    for name in ("loop", "set_up_and_loop"):
        row = found[name]
        print(f"{name.replace('_', ' '):<16}{row['seconds']:>8.1f} s   target {row['target']} s")
    print(f"{found['workflows_per_second']} workflows/s, {found['differences']} differences")


def main() -> int:
    """Run, show, keep; fails on a difference."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__)
    parser.add_argument("recordings", type=Path, help="a folder BATCH/TASK/NAME.json.gz")
    given, rest = parser.parse_known_args()
    load = os.getloadavg()[0]
    summary, whole = run(given.recordings.resolve(), rest)
    found = {
        "command": "make bench-loop RECORDINGS=PATH",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_before": round(load, 1),
        **figures(summary, whole),
    }
    show(found)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if found["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
