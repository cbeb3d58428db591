"""The committed ABI and bytecode are what the committed sources give."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chain.abi import ABI_DIR
from chain.deploy import ORDER
from tests.contracts.conftest import Stage

CONTRACTS = ABI_DIR.parent


def export(*options: str) -> None:
    script = CONTRACTS / "script" / "export_abi.mjs"
    subprocess.run(["node", str(script), *options], check=True, timeout=300)


def test_a_rebuild_gives_the_committed_files_byte_for_byte(tmp_path: Path):
    export("--out", str(tmp_path))
    rebuilt = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in ABI_DIR.iterdir()}
    assert rebuilt.keys() == committed.keys()
    differing = [name for name in rebuilt if rebuilt[name] != committed[name]]
    assert differing == []


def test_the_input_for_block_explorers_has_every_source_and_no_machines_path(tmp_path: Path):
    path = tmp_path / "input.json"
    export("--standard-json", str(path))
    given = json.loads(path.read_text())
    own = {str(each.relative_to(CONTRACTS)) for each in (CONTRACTS / "src").rglob("*.sol")}
    assert {name for name in given["sources"] if not name.startswith("@openzeppelin/")} == own
    assert given["settings"]["optimizer"] == {"enabled": True, "runs": 1_000_000}


def compiled(given: dict[str, Any], unit: str, name: str) -> dict[str, Any]:
    """Runtime code and its immutable fields, as a block explorer's compiler gives them."""
    given["settings"]["outputSelection"] = {unit: {name: ["evm.deployedBytecode"]}}
    run = subprocess.run(
        [str(CONTRACTS / "script" / "solc"), "--standard-json"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return json.loads(run.stdout)["contracts"][unit][name]["evm"]["deployedBytecode"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ORDER)
def test_what_block_explorers_get_compiles_to_the_code_on_chain(
    stage: Stage, tmp_path: Path, name: str
):
    path = tmp_path / "input.json"
    export("--standard-json", str(path), "--contract", name)
    unit = json.loads((ABI_DIR / f"{name}.json").read_text())["sourceName"]
    made = compiled(json.loads(path.read_text()), unit, name)
    code = bytearray.fromhex(made["object"])
    deployed = bytearray(stage.rpc.code(stage.address(name)))
    # The constructor fills in what is zero in the compiler's output.
    for places in made.get("immutableReferences", {}).values():
        for place in places:
            end = place["start"] + place["length"]
            deployed[place["start"] : end] = bytes(place["length"])
    assert deployed == code
