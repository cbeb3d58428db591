"""Compression and encryption of what is stored of a workflow: zstd, then AES-256-GCM.

The associated data names the workflow and the part, so that a ciphertext moved to another row or
column does not open.
"""

import os
from uuid import UUID

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BODY = b"body"
EVIDENCE = b"evidence"
NONCE_BYTES = 12
ZSTD_LEVEL = 3
MAX_PLAIN_BYTES = 64 * 1024 * 1024


class CannotOpen(Exception):
    """The ciphertext is not what was stored under this key for this workflow."""


def seal(plain: bytes, *, key: bytes, workflow_id: UUID, part: bytes = BODY) -> bytes:
    """Nonce and ciphertext of compressed bytes."""
    nonce = os.urandom(NONCE_BYTES)
    packed = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(plain)
    return nonce + AESGCM(key).encrypt(nonce, packed, workflow_id.bytes + part)


def unseal(
    sealed: bytes | memoryview, *, key: bytes, workflow_id: UUID, part: bytes = BODY
) -> bytes:
    """What `seal` was given. Raises CannotOpen."""
    data = bytes(sealed)
    try:
        packed = AESGCM(key).decrypt(
            data[:NONCE_BYTES], data[NONCE_BYTES:], workflow_id.bytes + part
        )
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_PLAIN_BYTES)
    except (InvalidTag, ValueError, zstandard.ZstdError) as error:
        raise CannotOpen(f"Workflow {workflow_id} can't be opened: {error!r}.") from None
