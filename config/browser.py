"""Finds Chromium for the browser tests: `python -m config.browser` prints the executable.

In this order: CHROMIUM_PATH, PATH, a Playwright install that is already there, then an install:
apt-get when root, else Playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from lam_core.browser import NAMES

HELP = (
    "No Chromium. Give one of: CHROMIUM_PATH=/path/to/chromium; chromium, chromium-browser or "
    "google-chrome on PATH; `apt-get install chromium` as root; `playwright install chromium`."
)


class NoBrowser(RuntimeError):
    """No Chromium was found and none could be installed."""


def from_variable() -> Path | None:
    """The executable CHROMIUM_PATH names; set but wrong is an error, not a reason to look on."""
    name = os.environ.get("CHROMIUM_PATH")
    if not name:
        return None
    if not os.access(name, os.X_OK) or not Path(name).is_file():
        raise NoBrowser(f"CHROMIUM_PATH={name} is not an executable file. {HELP}")
    return Path(name)


def from_path() -> Path | None:
    """The first of the usual names on PATH."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return Path(found) if found else None


def from_playwright() -> Path | None:
    """Playwright's own Chromium, when it is installed."""
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _succeeds(command: list[str]) -> bool:
    # What a package manager prints goes to stderr: stdout carries the path alone.
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def install() -> Path | None:
    """Chromium by apt-get when root, else by Playwright."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _succeeds(["apt-get", "update", "-qq"])
        if _succeeds(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            return from_path()
    if _succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return from_playwright()
    return None


def find() -> Path:
    """The Chromium to use, without installing anything. Raises NoBrowser naming every way."""
    found = from_variable() or from_path() or from_playwright()
    if found is None:
        raise NoBrowser(HELP)
    return found


def main() -> None:
    """Print the executable, installing it when that is possible."""
    try:
        path = find()
    except NoBrowser as error:
        installed = None if os.environ.get("CHROMIUM_PATH") else install()
        if installed is None:
            sys.exit(str(error))
        path = installed
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
