"""Measures import and verification on recordings: `python -m bench.verify PATH`.

Writes bench/results/verify.json: figures with their targets, beside the command, commit, machine
and versions that gave them. Times are CPU time of this process.
"""

import argparse
import gzip
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from bench import report
from bench.report import Figure, figure
from lam_core.miniwob import Recording, iter_recordings
from lam_core.schema import Workflow, parse_workflow
from lam_core.survey import BOTS, MORE_BOTS, SUCCEEDED, Survey, survey, try_bots
from lam_core.verify import History, Release, assess, load_release, shape_key, trace

CANDIDATES = 50
PACKAGES = ("numpy", "orjson", "pydantic")


def standard_library_ms(recordings: Sequence[Recording]) -> float:
    """The peer: gunzip and `json.loads` alone, milliseconds of CPU per recording."""
    started = time.process_time()
    for recording in recordings:
        json.loads(gzip.decompress(recording.path.read_bytes()))
    return 1000 * (time.process_time() - started) / len(recordings)


def import_ms(recordings: Sequence[Recording], release: Release) -> float:
    """Reading and converting, milliseconds of CPU per recording."""
    return 1000 * survey(recordings, release).import_seconds / len(recordings)


def assess_ms(result: Survey, release: Release) -> float:
    """One verdict against 50 candidates, milliseconds of CPU, over accepted workflows."""
    workflows = [Workflow.model_validate_json(w) for w in result.accepted_workflows[::20]]
    started = time.process_time()
    for workflow in workflows:
        known = result.traces[shape_key(workflow)] or [trace(workflow)]
        candidates = (known * CANDIDATES)[:CANDIDATES]
        assess(workflow, History(candidates, SUCCEEDED), release)
    return 1000 * (time.process_time() - started) / len(workflows)


def parse_ms_per_megabyte(result: Survey) -> float:
    """Reading submitted workflows, milliseconds of CPU per megabyte of JSON."""
    bodies = result.accepted_workflows[::10]
    started = time.process_time()
    for body in bodies:
        parse_workflow(body)
    return 1000 * (time.process_time() - started) / (sum(map(len, bodies)) / 1e6)


def figures(recordings: Sequence[Recording], release: Release, seed: int) -> list[Figure]:
    """Everything this benchmark measures."""
    result = survey(track(recordings, description="Verifying"), release)
    try_bots(result, release, BOTS | MORE_BOTS, seed=seed)
    some = recordings[::10]
    unnamed = result.recordings - result.converted - sum(result.not_converted.values())
    measured = [
        figure(
            "recordings neither converted nor refused by name", unnamed, "recordings", at_most=0
        ),
        figure("converted", result.converted, "recordings"),
        figure("people with rawReward 1 refused", result.rewarded_refused_percent, "%", at_most=2),
        figure(
            "import, gunzip and JSON included",
            import_ms(some, release),
            "ms CPU per recording",
            at_most=6,
            peer="gunzip and json.loads alone",
            peer_value=standard_library_ms(some),
        ),
        figure("verdict, 50 candidates", assess_ms(result, release), "ms CPU", at_most=3),
        figure("parse_workflow", parse_ms_per_megabyte(result), "ms CPU per MB"),
    ]
    for kind, outcome in result.bots.items():
        name = f"bots refused of {outcome.made}: {kind}"
        least = outcome.made if kind in BOTS else None
        measured.append(figure(name, outcome.refused, "bots", at_least=least))
    return measured


def main() -> int:
    """Measure, write the results, exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--release", default="rules-2")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    made_on = report.environment(PACKAGES)
    recordings = list(iter_recordings(arguments.recordings))
    release = load_release(arguments.release)
    held = report.write(
        "verify",
        command=f"make bench-verify RECORDINGS=PATH  # --seed {arguments.seed}",
        made_on=made_on,
        release=release.hash,
        figures=figures(recordings, release, arguments.seed),
    )
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
