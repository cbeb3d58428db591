"""Columns as PostgreSQL array literals: dumping lists value by value costs more than an insert."""

from collections.abc import Iterable


def array_literals(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """One array literal a column, of rows whose values are array items already."""
    return ["{" + ",".join(column) + "}" for column in zip(*rows, strict=True)]


def array_item(value: object) -> str:
    """A value as an item of an array literal: text is quoted, bytes become bytea, None NULL."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
