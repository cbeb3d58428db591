"""A bundle as one ZIP file, the same bytes every time, made when first asked for."""

import os
import tempfile
import zipfile
from pathlib import Path

from points.bundle import FILES

NAME = "bundle.zip"
# ZIP has no time before 1980; the real one would differ from machine to machine.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def of(bundle: Path) -> Path:
    """The archive of a bundle, beside its files and outside their hash.

    Raises FileNotFoundError when the bundle is not there.
    """
    target = bundle / NAME
    if not target.exists():
        _build(bundle, target)
    return target


def _build(bundle: Path, target: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{NAME}-", dir=bundle)
    building = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for each in (*FILES, "manifest.json"):
                entry = zipfile.ZipInfo(f"{bundle.name}/{each}", TIMESTAMP)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, (bundle / each).read_bytes())
        building.rename(target)
    except BaseException:
        building.unlink(missing_ok=True)
        raise
