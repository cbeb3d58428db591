"""The committed ABI and bytecode are what the committed sources give."""

import json
import subprocess
from pathlib import Path

from chain.abi import ABI_DIR

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
