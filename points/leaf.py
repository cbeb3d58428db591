"""The salted leaf of a journal entry in its epoch's ledger tree, which opens part by part.

A leaf is SHA-256 over the entry's header and one commitment for its inputs and for each line. A
commitment is SHA-256 of a salt of its own and the part's canonical JSON (as in SD-JWT, RFC 9901).
So a person can be shown the line that is theirs, and check it under the root on chain, while the
lines and the work of others in the same entry stay closed. Pure: no Django.
"""

import hashlib
from collections.abc import Sequence

SALT_BYTES = 16


def line_text(account: str, unit: str, category: str, amount: int) -> str:
    """A line as it is committed to: canonical JSON, amounts as decimal strings.

    `account` is what `points.ledger.account_codes` gives; unit and category are names.
    """
    return f'["{account}","{unit}","{category}","{amount}"]'


def part_salts(salt: bytes, parts: int) -> list[bytes]:
    """The salt of each part of an entry: one tells nothing of the entry's or of another's."""
    stream = hashlib.shake_256(salt).digest(SALT_BYTES * parts)
    return [stream[start : start + SALT_BYTES] for start in range(0, len(stream), SALT_BYTES)]


def commitment(salt: bytes, text: str) -> str:
    """What stands for a part in the leaf, in hex."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def commitments(parts: Sequence[str], salt: bytes) -> list[str]:
    """Those of an entry's parts: its inputs as canonical JSON, then its lines."""
    salts = part_salts(salt, len(parts))
    return list(map(commitment, salts, parts))


def leaf_of(*, kind: str, epoch: int, posted_at: str, committed: Sequence[str]) -> bytes:
    """The leaf: SHA-256 of the canonical JSON of header and commitments."""
    listed = ",".join([f'"{each}"' for each in committed])
    content = (
        f'{{"commitments":[{listed}],"epoch":{epoch},"kind":"{kind}","posted_at":"{posted_at}"}}'
    )
    return hashlib.sha256(content.encode()).digest()
