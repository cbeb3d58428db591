"""Model fields and constraints for what a chain knows: addresses, hashes and 256-bit amounts."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

UINT256_MAX = 2**256 - 1

if TYPE_CHECKING:
    _Decimal = models.DecimalField[int, int]
    _Char = models.CharField[str, str]
else:
    _Decimal = models.DecimalField
    _Char = models.CharField


class WeiField(_Decimal):
    """An integer of up to 78 digits, enough for a uint256; always a Python int, never a Decimal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"max_digits": 78, "decimal_places": 0}
        super().__init__(*args, **kwargs)

    @property
    def validators(self) -> list[Any]:
        """None: the column's type bounds the digits, and each model's constraints the range."""
        return []

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        """PostgreSQL's numeric as an exact int."""
        return None if value is None else int(value)

    def to_python(self, value: Any) -> Any:
        """Exact ints only; a float would already have lost wei."""
        if isinstance(value, float):
            raise TypeError("amounts are integers, not floats")
        return None if value is None else int(value)

    def get_prep_value(self, value: Any) -> Any:
        """The int itself."""
        return value if hasattr(value, "resolve_expression") else self.to_python(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """psycopg picks the wire type by size."""
        return self.get_prep_value(value)


class AddressField(_Char):
    """A 20-byte address in EIP-55 checksummed form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 42
        super().__init__(*args, **kwargs)


class HashField(_Char):
    """32 bytes as 0x and 64 lowercase hex digits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 66
        super().__init__(*args, **kwargs)


def address_check(field: str, table: str) -> models.CheckConstraint:
    """The column holds 0x and 40 hex digits."""
    return models.CheckConstraint(
        condition=hex_of(field, "0-9a-fA-F", 42), name=f"{table}_{field}_address"
    )


def hash_check(field: str, table: str) -> models.CheckConstraint:
    """The column holds 0x and 64 lowercase hex digits."""
    return models.CheckConstraint(
        condition=hex_of(field, "0-9a-f", 66), name=f"{table}_{field}_hash"
    )


def hex_of(field: str, digits: str, length: int) -> Q:
    """0x and hex digits. The length stands beside the pattern: counting in it costs PostgreSQL ten
    times as much."""
    return Q(Exact(Length(field), length), **{f"{field}__regex": f"^0x[{digits}]+$"})


def uint256_check(field: str, table: str) -> models.CheckConstraint:
    """The column holds a uint256."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__gte": 0, f"{field}__lte": UINT256_MAX}),
        name=f"{table}_{field}_uint256",
    )
