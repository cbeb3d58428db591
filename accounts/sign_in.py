"""Sign-in with a wallet: Sign-In with Ethereum (EIP-4361), for keys and contracts (EIP-1271)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import invites, siwe
from accounts.models import SignInNonce, User, Wallet
from chain import signatures
from chain.deployment import deployment

NONCE_LIFETIME = timedelta(minutes=10)
CLOCK_SKEW = timedelta(minutes=2)


class SignInError(Exception):
    """A sign-in is refused; `code` and `field` say why, in terms a client can act on."""

    def __init__(self, code: str, field: str, message: str) -> None:
        self.code = code
        self.field = field
        super().__init__(message)


@dataclass(frozen=True)
class Challenge:
    """What a sign-in message must contain."""

    nonce: str
    domain: str
    uri: str
    chain_id: int
    statement: str
    expires_at: datetime


def issue_nonce() -> Challenge:
    """A fresh nonce, good once within NONCE_LIFETIME, with all a client needs for its message."""
    now = timezone.now()
    row = SignInNonce.objects.create(
        nonce=secrets.token_hex(16), issued_at=now, expires_at=now + NONCE_LIFETIME
    )
    return Challenge(
        nonce=row.nonce,
        domain=urlsplit(settings.SITE_URL).netloc,
        uri=settings.SITE_URL,
        chain_id=deployment().chain_id,
        statement=settings.SIGN_IN_STATEMENT,
        expires_at=row.expires_at,
    )


def verify(*, message: str, signature: str, invite: str = "") -> User:
    """The user who signed the message; a new wallet needs a valid invite and becomes a user.

    Raises SignInError. Nothing is stored and the nonce stays good when it is raised.
    """
    try:
        parsed = siwe.parse(message)
    except siwe.NotSiwe as error:
        raise SignInError("bad_message", "message", str(error)) from None
    _check_site(parsed)
    _check_times(parsed)
    _check_signature(parsed, message, signature)
    with transaction.atomic():
        _use_nonce(parsed.nonce)
        return _user_of(parsed.address, invite)


def _check_site(parsed: siwe.SignInMessage) -> None:
    domain = urlsplit(settings.SITE_URL).netloc
    if parsed.domain != domain:
        raise SignInError(
            "wrong_domain", "message", f"The message is for {parsed.domain}, not for {domain}."
        )
    if parsed.uri != settings.SITE_URL and not parsed.uri.startswith(settings.SITE_URL + "/"):
        raise SignInError("wrong_uri", "message", f"The URI must be under {settings.SITE_URL}.")
    chain_id = deployment().chain_id
    if parsed.chain_id != chain_id:
        raise SignInError(
            "wrong_chain_id",
            "message",
            f"The message is for chain {parsed.chain_id}; this service is on chain {chain_id}.",
        )


def _check_times(parsed: siwe.SignInMessage) -> None:
    now = timezone.now()
    if parsed.issued_at > now + CLOCK_SKEW:
        raise SignInError("not_yet_valid", "message", "The message was issued in the future.")
    if parsed.not_before and parsed.not_before > now:
        raise SignInError("not_yet_valid", "message", "The message is not valid yet.")
    if parsed.expiration_time and parsed.expiration_time <= now:
        raise SignInError("expired", "message", "The message has expired.")


def _check_signature(parsed: siwe.SignInMessage, message: str, signature: str) -> None:
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        raise SignInError(
            "wrong_signature", "signature", "The signature is not hexadecimal."
        ) from None
    if not signatures.verify(
        address=parsed.address, digest=signatures.text_digest(message), signature=raw
    ):
        raise SignInError(
            "wrong_signature", "signature", f"This is not a signature of {parsed.address}."
        )


def _use_nonce(nonce: str) -> None:
    now = timezone.now()
    known = SignInNonce.objects.filter(nonce=nonce)
    if known.filter(used_at__isnull=True, expires_at__gt=now).update(used_at=now):
        return
    row = known.first()
    if row is None:
        raise SignInError("unknown_nonce", "message", "The nonce was not issued by this service.")
    if row.used_at is not None:
        raise SignInError("replayed", "message", "This message has already been used.")
    raise SignInError("expired", "message", "The nonce has expired.")


def _user_of(address: str, invite: str) -> User:
    if found := _existing(address):
        return found
    if not invite:
        raise SignInError("invite_required", "invite", "A new wallet needs an invite.")
    try:
        with transaction.atomic():
            return _new_user(address, invite)
    except invites.InviteInvalid as error:
        raise SignInError("invite_invalid", "invite", str(error)) from None
    except IntegrityError:  # the same wallet signed in a moment ago
        if found := _existing(address):
            return found
        raise


def _existing(address: str) -> User | None:
    wallet = Wallet.objects.select_related("user").filter(address=address).first()
    if wallet is None:
        return None
    if not wallet.user.is_active:
        raise SignInError("deactivated", "message", "This account is closed.")
    return wallet.user


def _new_user(address: str, invite: str) -> User:
    user = User.objects.create_user(name=address)
    Wallet.objects.create(user=user, address=address, is_primary=True)
    invites.redeem(code=invite, user=user)
    return user


def sweep_nonces() -> int:
    """Delete nonces a day past their end; until then a replay is told from an unknown nonce."""
    old = SignInNonce.objects.filter(expires_at__lt=timezone.now() - timedelta(days=1))
    deleted, _ = old.delete()
    return deleted
