"""viem and ethers compute the ids and digests that we do, and their signatures count."""

import json
import subprocess
from pathlib import Path

import pytest

from chain.signatures import typed_data_digest
from governance import delegate, propose, vote
from governance.models import Delegation, Support, Vote
from tests.factories import make_user
from tests.governance.conftest import LAM

SCRIPT = Path(__file__).parent / "clients.mjs"


@pytest.fixture
def draft(assembly):
    return propose.draft(
        calls=[
            propose.Call(assembly.chain.address("Registry"), 0, b"\1\2\3\4"),
            propose.Call(assembly.chain.address("LAMToken"), 7, b""),
        ],
        title="Überprüfung · 検証",
        body="Line one\n\nLine *two*",
        proposer=assembly.holders[0].address,
    )


def ask_clients(key: str, typed: list[dict], draft: propose.Draft) -> dict:
    """What both libraries answer."""
    targets, values, calldatas = draft.lists
    question = {
        "key": key,
        "typed": typed,
        "proposal": {
            "targets": targets,
            "values": [str(value) for value in values],
            "calldatas": ["0x" + each.hex() for each in calldatas],
            "description": draft.description,
        },
    }
    done = subprocess.run(
        ["node", str(SCRIPT)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("library", ["viem", "ethers"])
def test_a_client_library_votes_and_delegates_unmodified(assembly, draft, library) -> None:
    proposal = assembly.propose(draft)
    voter = assembly.holders[1]
    ballot = {"proposal": proposal, "support": int(Support.FOR), "voter": voter.address}
    said = {"reason": "déjà vu", "params": "0x"}
    to = assembly.holders[0].address
    typed = [
        vote.typed_data(**ballot, **said),
        vote.typed_data(**ballot),
        delegate.typed_data(delegator=voter.address, delegatee=to),
    ]
    answer = ask_clients("0x" + bytes(voter.key).hex(), typed, draft)[library]
    assert answer["digests"] == ["0x" + typed_data_digest(vote.exact(t)).hex() for t in typed]
    assert int(answer["proposalId"]) == proposal.pk == draft.proposal_id
    signatures = [bytes.fromhex(each[2:]) for each in answer["signatures"]]
    vote.relay_vote(user=make_user(), **ballot, **said, signature=signatures[0])
    message = typed[2]["message"]
    delegate.relay_delegation(
        user=make_user(),
        delegator=voter.address,
        delegatee=to,
        nonce=int(message["nonce"]),
        expiry=int(message["expiry"]),
        signature=signatures[2],
    )
    assembly.follow()
    assert (Vote.objects.get().for_wei, Vote.objects.get().reason) == (30 * LAM, "déjà vu")
    assert Delegation.objects.get(pk=voter.address).delegate == to
