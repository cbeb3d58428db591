"""Other forms of a bundle, beside its files and outside their hash, made when first asked for:
one ZIP file, the same bytes every time, and the allocations as a Parquet table.
"""

import zipfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from lam_core.files import write_whole
from points.bundle import FILES, Row, read_rows
from points.mine import REASONS

NAME = "bundle.zip"
PARQUET = "allocations.parquet"
# ZIP has no time before 1980; the real one would differ from machine to machine.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
# More than ten thousand million times the supply of LAM, and the most a 128-bit decimal holds.
WEI_DIGITS = 38
ROWS_PER_GROUP = 100_000


def of(bundle: Path, names: Sequence[str] = (*FILES, "manifest.json")) -> Path:
    """The archive of a bundle's files. Raises FileNotFoundError when the bundle is not there."""
    return _made(bundle / NAME, lambda file: _zip(bundle, names, file))


def parquet_of(bundle: Path) -> Path:
    """The allocations of a bundle as Parquet: a row a leaf, in their order; a column a category.

    Millipoints are 64-bit integers, wei decimals of 38 digits. Raises BundleError when the bundle
    is not there or can't be read.
    """
    rows = [] if (bundle / PARQUET).exists() else read_rows(bundle)
    return _made(bundle / PARQUET, lambda file: _table(rows, file))


def _made(target: Path, write: Callable[[BinaryIO], None]) -> Path:
    """A file, complete or not at all; as it is when it is there."""
    if target.exists():
        return target
    write_whole(target, write)
    return target


def _zip(bundle: Path, names: Sequence[str], file: BinaryIO) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for each in names:
            entry = zipfile.ZipInfo(f"{bundle.name}/{each}", TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (bundle / each).read_bytes())


def _table(rows: list[Row], file: BinaryIO) -> None:
    # Arrow takes as much memory as the rest of the service, and nothing else needs it.
    import pyarrow as pa
    from pyarrow import parquet

    wei = pa.decimal128(WEI_DIGITS, 0)
    columns = {
        "address": pa.array([row.address for row in rows], pa.string()),
        "leaf": pa.array([row.leaf for row in rows], pa.uint32()),
        **{
            name: pa.array([row.categories.get(name, 0) for row in rows], pa.int64())
            for name in REASONS
        },
        "millipoints": pa.array([row.millipoints for row in rows], pa.int64()),
        "wei": pa.array([Decimal(row.wei) for row in rows], wei),
        "cumulative_wei": pa.array([Decimal(row.cumulative_wei) for row in rows], wei),
    }
    parquet.write_table(pa.table(columns), file, ROWS_PER_GROUP, compression="zstd")
