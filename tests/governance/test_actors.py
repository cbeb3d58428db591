"""viem and ethers govern by themselves, with OpenZeppelin's ABIs; we show what they did."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from eth_account import Account

from chain.signatures import typed_data_digest
from contributions import policy
from governance import delegate, vote
from governance.models import Proposal
from tests.governance.conftest import LAM, Assembly, policy_draft

SCRIPT = Path(__file__).parent / "actors.mjs"
AGAINST, FOR, SPLIT = 0, 1, 255


@pytest.fixture(params=["viem", "ethers"])
def act(request, assembly):
    """Does steps with one of the libraries, and follows the chain."""

    def run(*steps: dict[str, Any]) -> list[dict[str, Any]]:
        addresses = {
            "governor": assembly.chain.address("LAMGovernor"),
            "token": assembly.chain.address("LAMToken"),
        }
        asked = {"library": request.param, "url": assembly.chain.url, "steps": steps, **addresses}
        done = subprocess.run(
            ["node", str(SCRIPT)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout)
        assert [each["ok"] for each in answers] == [True] * len(steps)
        assembly.follow()
        return answers

    return run


def key(account) -> str:
    return "0x" + bytes(account.key).hex()


def proposal_step(draft, name: str, account) -> dict[str, Any]:
    targets, values, calldatas = draft.lists
    return {
        "name": name,
        "key": key(account),
        "targets": targets,
        "values": [str(value) for value in values],
        "calldatas": ["0x" + each.hex() for each in calldatas],
        "description": draft.description,
    }


@pytest.fixture
def draft(assembly):
    """A change of the reward policy, in words that are not ASCII."""
    return policy_draft(assembly, title="Doppelt so viel · 報酬を倍に")


def digest_of(typed: dict[str, Any], nonce: str) -> str:
    """What we say must be signed, with the nonce that the library chose."""
    message = {**typed, "message": {**typed["message"], "nonce": nonce}}
    return "0x" + typed_data_digest(vote.exact(message)).hex()


@pytest.fixture
def delegates(assembly, act, client):
    """Accounts without LAM: one that a holder delegated to, one that a signature did."""
    direct, signed = Account.create(), Account.create()
    first, second, third = assembly.holders
    for account in (direct, signed):
        assembly.chain.fund(account.address)
    expiry = assembly.rpc.header("latest").timestamp + 3600
    typed = delegate.typed_data(delegator=second.address, delegatee=signed.address, expiry=expiry)
    _, by_sig = act(
        {"name": "delegate", "key": key(third), "to": direct.address},
        {
            "name": "delegateBySig",
            "key": key(second),
            "sender": key(first),
            "to": signed.address,
            "expiry": expiry,
        },
    )
    assert by_sig["digest"] == digest_of(typed, by_sig["nonce"])
    for holder, to, votes in ((third, direct, 10 * LAM), (second, signed, 30 * LAM)):
        shown = client.get(f"/api/v1/delegates/{to.address}").json()
        assert (shown["votes_wei"], shown["delegators"]) == (str(votes), 1)
        shown = client.get(f"/api/v1/delegates/{holder.address}").json()
        assert (shown["votes_wei"], shown["delegates_to"]) == ("0", to.address)
    # Votes count as of a past second.
    assembly.chain.advance(2)
    return direct, signed


def cast_votes(act, assembly: Assembly, proposal: Proposal, direct, signed) -> list[dict]:
    """One whole vote, one split, and one by two signatures: a part split, the rest against."""
    about = {"proposalId": str(proposal.pk)}
    split = {"support": SPLIT, "reason": "teils, teils · 半々"}
    by_sig = {"name": "voteBySig", "key": key(signed), "sender": key(assembly.holders[0]), **about}
    parts = [[str(part * LAM) for part in each] for each in ((4, 6, 0), (0, 10, 5))]
    params = vote.split_params(against_wei=0, for_wei=10 * LAM, abstain_wei=5 * LAM)
    ballots = [
        {"support": SPLIT, "reason": split["reason"], "params": params},
        {"support": AGAINST},
    ]
    typed = [
        vote.typed_data(proposal=proposal, voter=signed.address, **ballot) for ballot in ballots
    ]
    answers = act(
        {"name": "vote", "key": key(assembly.holders[0]), "support": FOR, **about},
        {"name": "vote", "key": key(direct), "split": parts[0], **split, **about},
        {**by_sig, "split": parts[1], **split},
        {**by_sig, "support": AGAINST},
    )
    for answer, each in zip(answers[2:], typed, strict=True):
        assert answer["digest"] == digest_of(each, answer["nonce"])
    return answers


def test_a_client_library_governs_unmodified(assembly, act, draft, delegates, client) -> None:
    direct, signed = delegates
    (proposed,) = act(proposal_step(draft, "propose", assembly.holders[0]))
    assert int(proposed["proposalId"]) == int(proposed["offline"]) == draft.proposal_id
    assembly.chain.advance(3)
    assembly.follow()
    proposal = Proposal.objects.get(pk=draft.proposal_id)
    url = f"/api/v1/proposals/{proposal.pk}"
    shown = client.get(url).json()
    assert (shown["state"], shown["description"]) == ("active", draft.description)
    answers = cast_votes(act, assembly, proposal, direct, signed)
    cast = client.get("/api/v1/votes", {"proposal": str(proposal.pk)}).json()["results"]
    parts = ("against_wei", "for_wei", "abstain_wei")
    assert [
        (each["transaction_hash"], each["voter"], *(int(each[part]) // LAM for part in parts))
        for each in reversed(cast)
    ] == [
        (answers[0]["hash"], assembly.holders[0].address, 0, 60, 0),
        (answers[1]["hash"], direct.address, 4, 6, 0),
        (answers[2]["hash"], signed.address, 0, 10, 5),
        (answers[3]["hash"], signed.address, 15, 0, 0),
    ]
    assert cast[1]["reason"] == "teils, teils · 半々"
    assembly.end_voting()
    carry_out(assembly, act, draft, client, url)


def carry_out(assembly: Assembly, act, draft, client, url: str) -> None:
    """Queue and execute with the library; what was adopted is in force."""
    tally = client.get(url).json()["tally"]
    assert [int(tally[f"{part}_wei"]) // LAM for part in ("against", "for", "abstain")] == [
        19,
        76,
        5,
    ]
    act(proposal_step(draft, "queue", assembly.holders[1]))
    assert client.get(url).json()["state"] == "queued"
    assembly.chain.advance(5)
    (executed,) = act(proposal_step(draft, "execute", assembly.holders[2]))
    shown = client.get(url).json()
    assert (shown["state"], shown["execution_transaction_hash"]) == ("executed", executed["hash"])
    assert policy.current(2).points_per_action_millipoints == 2000
    call_command("rebuild", "--check")
