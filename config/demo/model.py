"""The model that comes along, at work in a browser: tasks that nobody scripted."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from config import environment

LIMIT_SECONDS = 60
"""A browser that does not come up in that time is told of, and holds nothing up."""


def show(folder: Path, console: Console) -> dict[str, Any]:
    """Let it do a few tasks, with pictures of each step in `folder`; what came of it, as JSON.

    `error` instead says why it could not: no browser, for one.
    """
    command = [sys.executable, "-m", "lam_core", "show", "--out", str(folder), "--json"]
    started = time.monotonic()
    with console.status("The model does tasks that nobody scripted"):
        try:
            done = subprocess.run(
                command,
                cwd=environment.BASE_DIR,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {LIMIT_SECONDS} s"}
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"error": said[-1] if said else f"ended with status {done.returncode}"}
    seconds = round(time.monotonic() - started, 1)
    return {**json.loads(done.stdout), "seconds": seconds}


def tell(found: dict[str, Any], console: Console) -> None:
    """For people: how many were done, and where the pictures are."""
    if "error" in found:
        console.print(f"The model was not shown: {found['error']}", markup=False)
        return
    told = f"{found['release']} did {found['done']} of {found['tried']} tasks nobody scripted"
    console.print(f"{told}; every step: {found['page']}", markup=False, highlight=False)
