"""The contracts' own tests: one file per verb, attacks, fuzzing, invariants; what they cover."""

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from chain.abi import ABI_DIR

CONTRACTS = ABI_DIR.parent
FORGE = CONTRACTS / "script" / "forge"


def test_forge_passes():
    """`make check` repeats it with FOUNDRY_PROFILE=check: ten thousand runs a test."""
    run = subprocess.run([str(FORGE), "test"], capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "0 failed" in run.stdout


@pytest.mark.slow
def test_forge_covers_every_line_function_and_branch_of_the_sources(tmp_path: Path):
    report = tmp_path / "lcov.info"
    options = ["--report", "lcov", "--report-file", str(report)]
    options += ["--no-match-coverage", "contracts/test|node_modules"]
    run = subprocess.run(
        [str(FORGE), "coverage", *options],
        env=os.environ | {"FOUNDRY_PROFILE": "coverage"},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    found, hit = Counter[str](), Counter[str]()
    for line in report.read_text().splitlines():
        kind, _, count = line.partition(":")
        if kind == "SF":
            source = count
        elif kind in {"LF", "FNF", "BRF"}:
            found[f"{source} {kind[:-1]}"] += int(count)
        elif kind in {"LH", "FNH", "BRH"}:
            hit[f"{source} {kind[:-1]}"] += int(count)
    covered = {name.split()[0] for name in found}
    assert {f"contracts/src/{each.name}" for each in (CONTRACTS / "src").glob("*.sol")} <= covered
    assert {name: count - hit[name] for name, count in found.items() if hit[name] < count} == {}


def test_every_verb_has_a_specification():
    """A `.tree` names each branch of a verb; its first line, unindented, is the verb or some."""
    named = {
        word
        for path in (CONTRACTS / "test").rglob("*.tree")
        for line in path.read_text().splitlines()
        if line[0] not in "├│└ "
        for word in re.split(r"[ ,]+", line)
    }
    verb = re.compile(
        r"function (\w+)\([^)]*\)\s*(?:external|public)(?! (?:view|pure)|\s*(?:view|pure))"
    )
    verbs = {
        name
        for path in (CONTRACTS / "src").glob("*.sol")
        for name in verb.findall(path.read_text())
    }
    assert len(verbs) > 25
    assert verbs - named == set()
