"""How delegates present themselves: by the session of the wallet's owner, or by a signature.

A signed profile can be checked by anyone: the row keeps what was signed and the signature.
"""

import time
from typing import Any

from django.db import transaction
from django.utils import timezone
from eth_utils.address import to_checksum_address

from accounts.models import User, Wallet
from chain import signatures
from chain.deployment import deployment
from governance.people_models import NAME_MAX, STATEMENT_MAX, DelegateProfile
from governance.propose import ProposalError
from governance.vote import exact

# A signer's clock may be ahead by so much.
SKEW_SECONDS = 300
DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
]
STATEMENT_TYPE = [
    {"name": "delegate", "type": "address"},
    {"name": "name", "type": "string"},
    {"name": "statement", "type": "string"},
    {"name": "issuedAt", "type": "uint256"},
]


class NotTheirs(PermissionError):
    """Neither a wallet of the user's nor signed by the address."""


class Outdated(ValueError):
    """A newer profile is there."""


def typed_data(*, address: str, name: str, statement: str, issued_at: int) -> dict[str, Any]:
    """What a delegate signs (EIP-712); `issued_at` in seconds since 1970."""
    return {
        "types": {"EIP712Domain": DOMAIN_TYPE, "DelegateStatement": STATEMENT_TYPE},
        "primaryType": "DelegateStatement",
        "domain": {"name": "Action Model", "version": "1", "chainId": deployment().chain_id},
        "message": {
            "delegate": to_checksum_address(address),
            "name": name,
            "statement": statement,
            "issuedAt": str(issued_at),
        },
    }


def set_by_session(*, user: User, address: str, name: str, statement: str) -> DelegateProfile:
    """Set the profile of one of the user's own wallets. Raises NotTheirs, ProposalError."""
    if not Wallet.objects.filter(user=user, address=address).exists():
        raise NotTheirs("This is not a wallet of yours; send a signature of it.")
    return _set(address, name, statement, int(time.time()), "")


def set_by_signature(
    *, address: str, name: str, statement: str, issued_at: int, signature: bytes
) -> DelegateProfile:
    """Set the profile that an address signed, whoever sends it.

    Raises NotTheirs, Outdated, ProposalError and, for contract wallets, ChainUnavailable.
    """
    if issued_at > time.time() + SKEW_SECONDS:
        raise ProposalError("issued_at", "This is in the future.")
    message = typed_data(address=address, name=name, statement=statement, issued_at=issued_at)
    digest = signatures.typed_data_digest(exact(message))
    if not signatures.verify(address=address, digest=digest, signature=signature):
        raise NotTheirs("The signature is not the delegate's, or signs something else.")
    return _set(address, name, statement, issued_at, "0x" + signature.hex())


def _set(
    address: str, name: str, statement: str, issued_at: int, signature: str
) -> DelegateProfile:
    _require_text("name", name, NAME_MAX)
    _require_text("statement", statement, STATEMENT_MAX)
    with transaction.atomic():
        row, _ = DelegateProfile.objects.select_for_update().get_or_create(
            pk=address, defaults={"issued_at": 0}
        )
        if signature and issued_at <= row.issued_at:
            raise Outdated("A profile that is as new or newer is there.")
        row.name, row.statement = name, statement
        row.issued_at, row.signature = issued_at, signature
        row.updated_at = timezone.now()
        row.save(update_fields=["name", "statement", "issued_at", "signature", "updated_at"])
    return row


def _require_text(field: str, text: str, most: int) -> None:
    if len(text) > most or "\0" in text:
        raise ProposalError(field, f"At most {most} characters, without NUL.")
