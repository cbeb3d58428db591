"""The committed ABI and bytecode are what the committed sources give."""

import subprocess
from pathlib import Path

from chain.abi import ABI_DIR

CONTRACTS = ABI_DIR.parent


def test_a_rebuild_gives_the_committed_files_byte_for_byte(tmp_path: Path):
    script = CONTRACTS / "script" / "export_abi.mjs"
    subprocess.run(["node", str(script), "--out", str(tmp_path)], check=True, timeout=300)
    rebuilt = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in ABI_DIR.iterdir()}
    assert rebuilt.keys() == committed.keys()
    differing = [name for name in rebuilt if rebuilt[name] != committed[name]]
    assert differing == []
