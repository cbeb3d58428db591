"""Pairing a device: its browser extension asks on the site, and gets a token of its own.

The extension makes a random verifier and opens the site with its challenge, as in RFC 7636 (S256).
The signed-in person agrees there and the site's page ends at an address that carries a code. The
code alone is worth nothing: only who has the verifier can exchange it, once, within minutes.
"""

import base64
import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiToken, Pairing, Scope, User

LIFETIME = timedelta(minutes=5)
SCOPES = (Scope.READ, Scope.CONTRIBUTE, Scope.AUTOMATE)
"""What a paired device may do: never consents, claims, votes or other devices."""


class PairingRefused(Exception):
    """The code is unknown, used or expired, or the verifier is not the one that asked for it."""


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636): base64url of its SHA-256, without padding."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def agree(*, user: User, challenge: str, label: str) -> str:
    """The code of a pairing that the user agrees to; it is shown this once."""
    code = secrets.token_urlsafe(32)
    Pairing.objects.create(
        user=user,
        code_digest=tokens.digest(code),
        challenge=challenge,
        label=label,
        expires_at=timezone.now() + LIFETIME,
    )
    return code


def exchange(*, code: str, verifier: str) -> tuple[ApiToken, str]:
    """The device's token and its secret, for the code and the verifier behind its challenge.

    Raises PairingRefused, after which the code stays good for the device it belongs to.
    """
    with transaction.atomic():
        row = (
            Pairing.objects.select_for_update(of=("self",))
            .select_related("user")
            .filter(code_digest=tokens.digest(code), used_at__isnull=True, user__is_active=True)
            .first()
        )
        now = timezone.now()
        if row is None or row.expires_at <= now:
            raise PairingRefused("This code is unknown, used or expired; pair again.")
        if not secrets.compare_digest(row.challenge, challenge_of(verifier)):
            raise PairingRefused("This device is not the one that asked to be paired.")
        row.used_at = now
        row.save(update_fields=["used_at"])
        return tokens.issue(user=row.user, label=row.label, scopes=SCOPES)


def sweep() -> int:
    """Delete pairings a day past their end."""
    old = Pairing.objects.filter(expires_at__lt=timezone.now() - timedelta(days=1))
    deleted, _ = old.delete()
    return deleted
