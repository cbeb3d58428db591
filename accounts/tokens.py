"""Tokens of devices: scoped, revocable, stored as digests."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import ApiToken, Scope, User

PREFIX = "am_"
LIFETIME = timedelta(days=90)


def digest(secret: str) -> str:
    """What is stored of a token: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(
    *,
    user: User,
    label: str = "",
    scopes: Iterable[str] = Scope.values,
    lifetime: timedelta = LIFETIME,
) -> tuple[ApiToken, str]:
    """A new token of a user: its row, and the secret, which is shown this once."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        digest=digest(secret),
        label=label,
        scopes=sorted(set(scopes)),
        expires_at=timezone.now() + lifetime,
    )
    return token, secret


def find(secret: str) -> ApiToken | None:
    """The token in force that a secret belongs to, with its user; one query."""
    return (
        in_force()
        .select_related("user")
        .filter(digest=digest(secret), user__is_active=True)
        .first()
    )


def in_force() -> QuerySet[ApiToken]:
    """Tokens that are neither revoked nor expired."""
    return ApiToken.objects.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())


def revoke(*, user: User, token_id: int) -> bool:
    """Revoke one of the user's own tokens; False when there is no such token in force."""
    changed = in_force().filter(user=user, pk=token_id).update(revoked_at=timezone.now())
    return bool(changed)
