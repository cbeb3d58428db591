"""The message of Sign-In with Ethereum (EIP-4361), read strictly.

A parser of our own, checked in tests against the `siwe` package: that package loads all of web3
into every web process only to read eleven lines.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from eth_utils.address import is_checksum_address

_TIME = r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})"
_MESSAGE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<domain>[^\s/?#@]+)"
    r" wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n\n"
    r"(?:(?P<statement>[\x20-\x7e]+)\n)?\n"
    r"URI: (?P<uri>[^\s]+)\n"
    r"Version: (?P<version>1)\n"
    r"Chain ID: (?P<chain_id>[0-9]{1,19})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,})\n"
    rf"Issued At: (?P<issued_at>{_TIME})"
    rf"(?:\nExpiration Time: (?P<expiration_time>{_TIME}))?"
    rf"(?:\nNot Before: (?P<not_before>{_TIME}))?"
    r"(?:\nRequest ID: (?P<request_id>[!-~]*))?"
    r"(?:\nResources:(?P<resources>(?:\n- [^\s]+)*))?"
)
MAX_MESSAGE_CHARACTERS = 4_000


class NotSiwe(ValueError):
    """The text is not a message of EIP-4361."""


@dataclass(frozen=True)
class SignInMessage:
    """The fields of a message; times with zone, None where the message leaves them out."""

    domain: str
    address: str
    statement: str | None
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expiration_time: datetime | None = None
    not_before: datetime | None = None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise NotSiwe(f"{text} is not a time.") from None


def parse(text: str) -> SignInMessage:
    """Read a message. Raises NotSiwe, also for an address whose checksum is wrong (EIP-55)."""
    match = _MESSAGE.fullmatch(text) if len(text) <= MAX_MESSAGE_CHARACTERS else None
    if match is None:
        raise NotSiwe("This is not a sign-in message of EIP-4361.")
    if not is_checksum_address(match["address"]):
        raise NotSiwe("The address in the message is not in its checksummed form (EIP-55).")
    issued_at = _time(match["issued_at"])
    assert issued_at is not None
    return SignInMessage(
        domain=match["domain"],
        address=match["address"],
        statement=match["statement"],
        uri=match["uri"],
        chain_id=int(match["chain_id"]),
        nonce=match["nonce"],
        issued_at=issued_at,
        expiration_time=_time(match["expiration_time"]),
        not_before=_time(match["not_before"]),
    )


def compose(
    *,
    domain: str,
    address: str,
    statement: str,
    uri: str,
    chain_id: int,
    nonce: str,
    issued_at: datetime,
    expiration_time: datetime,
) -> str:
    """The message a client signs; what `parse` reads."""
    return (
        f"{domain} wants you to sign in with your Ethereum account:\n{address}\n\n{statement}\n\n"
        f"URI: {uri}\nVersion: 1\nChain ID: {chain_id}\nNonce: {nonce}\n"
        f"Issued At: {issued_at.isoformat()}\nExpiration Time: {expiration_time.isoformat()}"
    )
