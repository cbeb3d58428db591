"""Amounts and identifiers in templates. Integers in, text out; nothing is ever rounded up."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MILLIPOINTS = 3
WEI_DECIMALS = 18
BP_DECIMALS = 2
UNITS = (
    (86_400, "%(count)d day", "%(count)d days"),
    (3_600, "%(count)d hour", "%(count)d hours"),
    (60, "%(count)d minute", "%(count)d minutes"),
    (1, "%(count)d second", "%(count)d seconds"),
)

register = template.Library()


def decimal(value: int, decimals: int, shown: int) -> str:
    """An integer of the smallest unit as a decimal with thousands separators, cut after `shown`."""
    whole, rest = divmod(abs(int(value)), 10**decimals)
    digits = str(rest).zfill(decimals)[:shown].rstrip("0")
    sign = "−" if int(value) < 0 else ""
    return f"{sign}{whole:,}" + (f".{digits}" if digits else "")


@register.filter
def points(millipoints: int | None) -> str:
    """Millipoints as points: 12500 → 12.5."""
    return "0" if millipoints is None else decimal(millipoints, MILLIPOINTS, MILLIPOINTS)


@register.filter
def signed_points(millipoints: int) -> str:
    """Millipoints as points with a sign: +12.5."""
    return ("+" if int(millipoints) > 0 else "") + points(millipoints)


@register.filter
def lam(wei: int | None) -> str:
    """Wei as LAM, to four decimals: 1500000000000000000 → 1.5."""
    return "0" if wei is None else decimal(int(wei), WEI_DECIMALS, 4)


@register.filter
def signed_lam(wei: int | str) -> str:
    """Wei as LAM with a sign, to four decimals: +1.5."""
    return ("+" if int(wei) > 0 else "") + lam(int(wei))


@register.filter
def lam_exact(wei: int | None) -> str:
    """Wei as LAM, every digit."""
    return "0" if wei is None else decimal(int(wei), WEI_DECIMALS, WEI_DECIMALS)


@register.filter
def countdown(seconds: int | None) -> str:
    """Seconds left in the two largest units: 3 days 4 hours."""
    if seconds is None or seconds <= 0:
        return _("over")
    parts = []
    rest = int(seconds)
    for size, one, many in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(ngettext(one, many, count) % {"count": count})
    return " ".join(parts[:2])


@register.filter
def percent(basis_points: int) -> str:
    """Basis points as per cent: 8250 → 82.5 %."""
    return decimal(basis_points, BP_DECIMALS, BP_DECIMALS) + "\u202f%"


@register.filter
def short(identifier: str) -> str:
    """An address, hash or id, shortened in the middle."""
    text = str(identifier)
    return text if len(text) <= 18 else f"{text[:8]}…{text[-6:]}"
