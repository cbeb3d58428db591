"""Files that are there as a whole or not at all, whoever else writes them at the same time."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_whole(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Have `write` fill a file beside `target`, then put it in its place; on errors nothing stays.

    Several processes and threads may do so at once. Raises whatever `write` raises, and OSError.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    building = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        building.replace(target)
    except BaseException:
        building.unlink(missing_ok=True)
        raise
