"""Where recordings to import come from: a folder, the public data set, or the project's samples."""

import shutil
import subprocess
from pathlib import Path

# The public MiniWoB++ demonstrations: the smallest batch, about 2 MB.
REPOSITORY = "https://github.com/stanfordnlp/miniwob-plusplus-demos.git"
FOLDER = "2017-09-29_first-turk"
TIMEOUT_SECONDS = 120


class FetchError(RuntimeError):
    """The public recordings could not be fetched."""


def fetch(*, repository: str, folder: str, destination: Path) -> Path:
    """Clone one folder of a git repository, shallow and sparse; its path.

    What has been fetched before is used again; a clone that broke off is started anew.
    Raises FetchError.
    """
    if (found := destination / folder).is_dir() and (destination / ".complete").exists():
        return found
    shutil.rmtree(destination, ignore_errors=True)
    destination.parent.mkdir(parents=True, exist_ok=True)
    _git(
        "clone",
        "--quiet",
        "--depth=1",
        "--filter=blob:none",
        "--no-checkout",
        "--",
        repository,
        str(destination),
    )
    _git("-C", str(destination), "sparse-checkout", "set", "--no-cone", f"/{folder}/")
    _git("-C", str(destination), "checkout", "--quiet")
    if not found.is_dir():
        raise FetchError(f"{repository} has no folder {folder}.")
    (destination / ".complete").touch()
    return found


def _git(*arguments: str) -> None:
    git = shutil.which("git")
    if git is None:
        raise FetchError("git is not installed.")
    environment = {"GIT_TERMINAL_PROMPT": "0", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    try:
        subprocess.run(
            [git, *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"git {arguments[0]} took longer than {TIMEOUT_SECONDS} s.") from None
    except subprocess.CalledProcessError as error:
        raise FetchError(error.stderr.strip() or f"git {arguments[0]} failed.") from None
