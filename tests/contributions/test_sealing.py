"""Compression and encryption at rest."""

import os
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contributions import sealing

KEY, ID = os.urandom(32), uuid.uuid4()


@given(st.binary(max_size=2_000))
def test_what_is_sealed_opens_again(plain):
    assert (
        sealing.unseal(sealing.seal(plain, key=KEY, workflow_id=ID), key=KEY, workflow_id=ID)
        == plain
    )


def test_sealing_twice_gives_different_ciphertexts_that_hide_the_text():
    one, two = (sealing.seal(b"secret" * 50, key=KEY, workflow_id=ID) for _ in range(2))
    assert one != two
    assert b"secret" not in one


@pytest.mark.parametrize(
    "change",
    [
        {"key": os.urandom(32)},
        {"workflow_id": uuid.uuid4()},
        {"part": sealing.EVIDENCE},
    ],
)
def test_another_key_row_or_column_does_not_open_it(change):
    sealed = sealing.seal(b"body", key=KEY, workflow_id=ID)
    with pytest.raises(sealing.CannotOpen):
        sealing.unseal(sealed, **{"key": KEY, "workflow_id": ID, **change})


@given(st.integers(min_value=0), st.integers(1, 255))
def test_any_changed_byte_is_noticed(position, change):
    sealed = bytearray(sealing.seal(b"body of a workflow", key=KEY, workflow_id=ID))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(sealing.CannotOpen):
        sealing.unseal(bytes(sealed), key=KEY, workflow_id=ID)


def test_an_empty_or_short_ciphertext_does_not_open():
    for sealed in (b"", b"short"):
        with pytest.raises(sealing.CannotOpen):
            sealing.unseal(sealed, key=KEY, workflow_id=ID)
