"""Static analysis and proofs of the contracts: `python -m bench.audit`.

slither's findings of medium and high impact are each explained in contracts/slither.toml, or they
fail; an explanation of what is found no longer fails too. halmos proves the `check_` functions of
contracts/test/proofs for all values. Both are installed beside the service's packages, from
contracts/audit.lock. Writes bench/results/audit.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from bench import report

CONTRACTS = report.ROOT / "contracts"
STATE = CONTRACTS / "cache" / "audit"
PROOF_SECONDS = 1800
Finding = tuple[str, str]


def environment(tools: Path) -> dict[str, str]:
    """With our forge and the tools on PATH, and the profile that builds for them."""
    path = os.pathsep.join((str(CONTRACTS / "script"), str(tools), os.environ["PATH"]))
    return os.environ | {"FOUNDRY_PROFILE": "audit", "PATH": path}


def fresh(name: str) -> Path:
    """Where a tool writes its answer; neither overwrites one."""
    path = STATE / name
    path.unlink(missing_ok=True)
    return path


def slither(tools: Path) -> dict[Finding, str]:
    """Impact by (detector, function or contract) of what slither finds in contracts/src."""
    path = fresh("slither.json")
    command = ["slither", "contracts", "--ignore-compile", "--json", str(path)]
    command += ["--foundry-build-info-directory", str(STATE / "out" / "build-info")]
    command += ["--filter-paths", "node_modules|contracts/test", "--fail-none"]
    subprocess.run(command, cwd=report.ROOT, env=environment(tools), check=True, timeout=1200)
    answer = json.loads(path.read_text())
    if not answer["success"]:
        raise SystemExit(f"slither failed: {answer['error']}")
    return {
        (each["check"], place(each["elements"][0])): each["impact"]
        for each in answer["results"].get("detectors", ())
    }


def place(element: dict[str, Any]) -> str:
    """Contract and function that an element of a finding is in."""
    names = [element["name"]]
    while "parent" in (element.get("type_specific_fields") or {}):
        element = element["type_specific_fields"]["parent"]
        if element["type"] in {"function", "contract"}:
            names.append(element["name"])
    return ".".join(reversed(names if names[0].isidentifier() else names[1:]))


def explained() -> set[Finding]:
    """What contracts/slither.toml says why it is no fault."""
    document = tomllib.loads((CONTRACTS / "slither.toml").read_text())
    return {(each["check"], where) for each in document["explained"] for where in each["where"]}


def halmos(tools: Path) -> dict[str, bool]:
    """Whether each proof holds, by its name."""
    path = fresh("halmos.json")
    command = ["halmos", "--root", str(report.ROOT), "--forge-build-out", str(STATE / "out")]
    command += ["--contract", "Proofs", "--json-output", str(path), "--loop", "4"]
    subprocess.run(command, cwd=report.ROOT, env=environment(tools), timeout=PROOF_SECONDS)
    results = json.loads(path.read_text())["test_results"]
    return {each["name"]: each["exitcode"] == 0 for tests in results.values() for each in tests}


def main() -> None:
    """Build, run both, tell; fails on an unexplained finding or a proof that does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", type=Path, required=True, help="folder of slither and halmos")
    tools = parser.parse_args().tools.resolve()
    made_on = report.environment()
    subprocess.run(["forge", "build"], cwd=report.ROOT, env=environment(tools), check=True)
    found = slither(tools)
    grave = {finding for finding, impact in found.items() if impact in {"High", "Medium"}}
    unexplained, outdated = sorted(grave - explained()), sorted(explained() - grave)
    proofs = halmos(tools)
    figures = [
        report.figure("slither: medium and high, explained", len(grave & explained()), ""),
        report.figure("slither: medium and high, unexplained", len(unexplained), "", at_most=0),
        report.figure("slither: explained, found no longer", len(outdated), "", at_most=0),
        report.figure("slither: low and informational", len(found) - len(grave), ""),
        report.figure("halmos: proofs that hold", sum(proofs.values()), "", at_least=len(proofs)),
    ]
    held = report.write(
        "audit",
        command="make audit-contracts",
        made_on=made_on,
        figures=figures,
        unexplained=[" ".join(each) for each in unexplained],
        proofs=proofs,
    )
    sys.exit(not held or not proofs)


if __name__ == "__main__":
    main()
