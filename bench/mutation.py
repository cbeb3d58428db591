"""Mutation testing of contracts/src: `python -m bench.mutation`.

Every mutant (bench/mutants.py) is compiled by itself and put in the place of forge's artifact, so
that the tests need no compilation. The tests of its own folder run first, all others if those
pass. What they leave is compiled with the optimizer too: the original's bytecode is no fault.

Results are kept in contracts/cache/mutation, by the mutated source: a run that was ended goes on,
and survivors are tried again when tests have changed. `--limit` ends a run after so many mutants;
the order is shuffled, so that a part says something about the whole. Writes
bench/results/mutation.json.
"""

import argparse
import functools
import hashlib
import json
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import report
from bench.mutants import Mutant, Node, mutants

CONTRACTS = report.ROOT / "contracts"
STATE = CONTRACTS / "cache" / "mutation"
RESULTS = STATE / "results.jsonl"
# Artifacts as forge made them, while a mutant is in their place.
SET_ASIDE = STATE / "set-aside"
KILLED_AT_LEAST_PERCENT = 95
TEST_SECONDS = 600

# Whose tests run first, by source unit.
TESTS = {
    "src/ActionCredits.sol": "credits",
    "src/Handover.sol": "governance",
    "src/LAMGovernor.sol": "governance",
    "src/LAMToken.sol": "token",
    "src/Registry.sol": "governance",
    "src/RewardsDistributor.sol": "rewards",
    "src/RewardsVault.sol": "rewards",
    "src/StandardMerkle.sol": "rewards",
}
Result = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A contract whose bytecode a mutant changes."""

    unit: str
    name: str

    @property
    def artifact(self) -> Path:
        """Where forge keeps it."""
        return STATE / "out" / Path(self.unit).name / f"{self.name}.json"


def targets(unit: str) -> list[Target]:
    """The contracts that a source unit becomes part of."""
    if unit == "src/StandardMerkle.sol":
        names = ("RewardsDistributor", "ActionCredits")
        test = Target("test/rewards/StandardMerkle.t.sol", "StandardMerkleTest")
        return [test, *(Target(f"src/{name}.sol", name) for name in names)]
    return [Target(unit, Path(unit).stem)]


# ---------------------------------------------------------------------------------- compiling


class Compiler:
    """npm's solc, kept running."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("mutation_compiler.mjs")
        self._process = subprocess.Popen(
            ["node", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, document: dict[str, Any]) -> dict[str, Any]:
        """The compiler's output for a standard JSON input."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(document).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def tree(self, unit: str) -> Node:
        """The syntax tree of a source unit."""
        settings = {"stopAfter": "parsing", "outputSelection": {"*": {"": ["ast"]}}}
        sources = {unit: {"content": source(unit).decode()}}
        output = self.ask({"language": "Solidity", "sources": sources, "settings": settings})
        return output["sources"][unit]["ast"]

    def bytecode(
        self, unit: str, content: bytes, wanted: list[Target], *, optimize: bool
    ) -> dict[Target, str] | None:
        """Creation code of contracts with another text of `unit`; None if it is no Solidity.

        Without the hash of the sources, and unoptimised for the tests: that takes half the time.
        """
        sources = {name: text for each in wanted for name, text in closure(each.unit).items()}
        sources[unit] = {"content": content.decode()}
        settings = {
            "optimizer": {"enabled": optimize, "runs": 1_000_000},
            "evmVersion": "cancun",
            "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
            "outputSelection": {each.unit: {each.name: ["evm.bytecode"]} for each in wanted},
        }
        output = self.ask({"language": "Solidity", "sources": sources, "settings": settings})
        if any(error["severity"] == "error" for error in output.get("errors", ())):
            return None
        made = output["contracts"]
        return {each: made[each.unit][each.name]["evm"]["bytecode"]["object"] for each in wanted}

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


def source(unit: str) -> bytes:
    """Text of one of our source units."""
    return (CONTRACTS / unit).read_bytes()


@functools.cache
def closure(unit: str) -> dict[str, dict[str, str]]:
    """A source unit and all that it imports, as standard JSON has them."""
    path = STATE / "input.json"
    script = CONTRACTS / "script" / "export_abi.mjs"
    subprocess.run(
        ["node", str(script), "--standard-json", str(path), "--unit", unit], check=True, timeout=300
    )
    return json.loads(path.read_text())["sources"]


# ---------------------------------------------------------------------------------- testing


def forge(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run forge on the artifacts of this benchmark."""
    return subprocess.run(
        [str(CONTRACTS / "script" / "forge"), *arguments],
        env=os.environ | {"FOUNDRY_PROFILE": "mutation"},
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS,
    )


def passes(*arguments: str) -> bool:
    """Whether the tests pass; ones that do not end do not pass."""
    try:
        return forge("test", "--fail-fast", *arguments).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def replaced(code: dict[Target, str]) -> Iterator[None]:
    """Forge's artifacts with other creation code; a killed run leaves the way back."""
    SET_ASIDE.mkdir(exist_ok=True)
    for target, creation in code.items():
        artifact = json.loads(target.artifact.read_text())
        shutil.copyfile(target.artifact, SET_ASIDE / f"{target.name}.json")
        artifact["bytecode"]["object"] = f"0x{creation}"
        target.artifact.write_text(json.dumps(artifact))
    try:
        yield
    finally:
        put_back()


def put_back() -> None:
    """Undo what is replaced."""
    for unit in TESTS:
        for target in targets(unit):
            kept = SET_ASIDE / f"{target.name}.json"
            if kept.exists():
                kept.replace(target.artifact)


def fate(compiler: Compiler, mutant: Mutant) -> str:
    """What becomes of a mutant: invalid, killed, equivalent or survived."""
    unit, content = mutant.unit, mutant.apply(source(mutant.unit))
    every = targets(unit)
    first = compiler.bytecode(unit, content, every[:1], optimize=False)
    if first is None:
        return "invalid"
    with replaced(first):
        if not passes("--match-path", f"contracts/test/{TESTS[unit]}/*"):
            return "killed"
    optimized = compiler.bytecode(unit, content, every, optimize=True)
    if optimized == original(compiler, unit):
        return "equivalent"
    assert optimized is not None
    with replaced(optimized):
        return "survived" if passes() else "killed"


_originals: dict[str, dict[Target, str] | None] = {}


def original(compiler: Compiler, unit: str) -> dict[Target, str] | None:
    """Optimised code of what a source unit becomes part of, without a fault."""
    if unit not in _originals:
        _originals[unit] = compiler.bytecode(unit, source(unit), targets(unit), optimize=True)
    return _originals[unit]


# ---------------------------------------------------------------------------------- results


def tests_digest() -> str:
    """Of all tests: another one, and survivors get another chance to be found."""
    digest = hashlib.sha256()
    for path in sorted((CONTRACTS / "test").rglob("*.sol")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def known() -> dict[str, Result]:
    """Earlier results by key; the last one counts."""
    if not RESULTS.exists():
        return {}
    lines = (json.loads(line) for line in RESULTS.read_text().splitlines())
    return {each["key"]: each for each in lines}


def prepare(compiler: Compiler) -> list[tuple[str, Mutant]]:
    """Build what is tested, and every mutant with its key in the order to test them."""
    STATE.mkdir(parents=True, exist_ok=True)
    put_back()
    built = forge("build")
    if built.returncode != 0 or not passes():
        raise SystemExit(f"without a mutant the tests must pass\n{built.stderr}")
    found = []
    for unit in TESTS:
        content = source(unit)
        for mutant in mutants(unit, content, compiler.tree(unit)):
            found.append((mutant.key(content), mutant))
    random.Random(1).shuffle(found)
    return found


def run(limit: int | None) -> tuple[list[Result], int]:
    """Test what is not known yet; all that is known, and how many mutants there are."""
    with closing(Compiler()) as compiler:
        wanted, results, digest = prepare(compiler), known(), tests_digest()
        undecided = [
            (key, mutant)
            for key, mutant in wanted
            if key not in results
            or (results[key]["fate"] == "survived" and results[key]["tests"] != digest)
        ]
        for key, mutant in undecided[:limit]:
            result = {"key": key, "fate": fate(compiler, mutant), "tests": digest}
            results[key] = result | asdict(mutant)
            with RESULTS.open("a") as file:
                file.write(json.dumps(results[key]) + "\n")
    return [results[key] for key, _ in wanted if key in results], len(wanted)


def figures(results: list[Result], count: int) -> list[report.Figure]:
    """Killed of those that are faults, by contract and in all."""
    rows = []
    for unit in (*TESTS, None):
        fates = Counter(each["fate"] for each in results if unit in {each["unit"], None})
        faults = fates["killed"] + fates["survived"]
        if faults:
            name = f"{Path(unit).stem if unit else 'all'}: {fates['killed']} of {faults} killed"
            least = None if unit else KILLED_AT_LEAST_PERCENT
            rows.append(report.figure(name, 100 * fates["killed"] / faults, "%", at_least=least))
    fates = Counter(each["fate"] for each in results)
    rows.append(report.figure("mutants", count, ""))
    rows += [report.figure(fate, fates[fate], "") for fate in ("equivalent", "invalid")]
    rows.append(report.figure("not tested yet", count - len(results), "", at_most=0))
    return rows


def main() -> None:
    """Test mutants, then tell of all that are known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="mutants to test in this run at most")
    options = parser.parse_args()
    made_on = report.environment()
    results, count = run(options.limit)
    survivors = sorted(
        (each for each in results if each["fate"] == "survived"),
        key=lambda each: (each["unit"], each["line"]),
    )
    told = [
        f"{each['unit']}:{each['line']} {each['operator']}: {each['before']} -> {each['after']}"
        for each in survivors
    ]
    report.write(
        "mutation",
        command="python -m bench.mutation",
        made_on=made_on,
        figures=figures(results, count),
        survivors=told,
    )


if __name__ == "__main__":
    main()
