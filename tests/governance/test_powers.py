"""Of a voter's checkpoints exactly one proves the votes at a time."""

import pytest

from chain.proofs import InvalidProof, array_slot
from governance import powers
from governance.powers import KEY_BITS, power_in

VOTER = "0x00000000000000000000000000000000000A11cE"
# Seconds and the votes from then on.
CHECKPOINTS = [(10, 5), (20, 0), (21, 7)]


def read(slot: bytes) -> int:
    position = powers._length_slot(VOTER)
    words = {array_slot(position, n): v << KEY_BITS | t for n, (t, v) in enumerate(CHECKPOINTS)}
    return {position: len(CHECKPOINTS), **words}.get(slot, 0)


@pytest.mark.parametrize("at", [0, 9, 10, 11, 19, 20, 21, 22, 2**48 - 1])
def test_only_the_last_checkpoint_that_is_not_later_is_accepted(at: int) -> None:
    before = [n for n, (since, _) in enumerate(CHECKPOINTS) if since <= at]
    right = before[-1] if before else None
    for claimed in (None, 0, 1, 2):
        if claimed == right:
            expected = CHECKPOINTS[claimed][1] if claimed is not None else 0
            assert power_in(read, VOTER, claimed, at).power_wei == expected
        else:
            with pytest.raises(InvalidProof):
                power_in(read, VOTER, claimed, at)
    with pytest.raises(InvalidProof, match="has 3 checkpoints, not 4"):
        power_in(read, VOTER, 3, at)
