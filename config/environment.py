"""Where settings come from: the process environment first, then the running embedded services."""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """The ignored folder that holds everything this installation keeps on disk."""
    return Path(os.environ.get("LAM_DATA_DIR", BASE_DIR / ".data")).resolve()


def services_file() -> Path:
    """The file in which the supervisor tells other processes about its embedded services."""
    return data_dir() / "services.json"


def load() -> dict[str, str]:
    """The variables that settings read; a variable of the process overrides an embedded default."""
    try:
        embedded = json.loads(services_file().read_text())["environment"]
    except FileNotFoundError:
        embedded = {}
    return {**embedded, **os.environ}
