"""The contracts' own tests: one file per verb, attacks, fuzzing, invariants."""

import subprocess

from chain.abi import ABI_DIR


def test_forge_passes():
    """`make check` repeats it with FOUNDRY_PROFILE=check: ten thousand runs a test."""
    forge = ABI_DIR.parent / "script" / "forge"
    run = subprocess.run([str(forge), "test"], capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "0 failed" in run.stdout
