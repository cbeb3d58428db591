"""The handover by the contract's own word, and how adoptions stand."""

import pytest

from contributions import policy
from contributions.models import Adoption, Kind
from contributions.policy_document import load_policy
from governance import handover, propose
from governance.call_words import CAPABILITIES
from governance.in_force import Standing, adopted
from governance.models import Support
from points import epochs
from tests.conftest import KEYS
from tests.governance.conftest import changed_policy
from tests.governance.test_api import get

YEAR = 365 * 24 * 3600


def guardian(client) -> dict:
    shown = get(client, "handover").json()["capabilities"]
    return next(each for each in shown if each["capability"] == "guardian")


def test_holders_stages_and_deadlines_are_the_contracts(client, assembly) -> None:
    shown = get(client, "handover").json()
    assert [each["meaning"] for each in shown["capabilities"]] == list(CAPABILITIES)
    timelock = assembly.chain.address("TimelockController")
    for number, each in enumerate(shown["capabilities"]):
        assert each["holder"] == assembly.read("Handover", "holder", number)
        assert each["stage"] == assembly.read("Handover", "stage", number)
        assert each["held_by_voters"] == (each["holder"] == timelock)
    held = guardian(client)
    assert held["holder"] == KEYS["guardian"].address
    assert held["ends_at"] == assembly.read("Handover", "stages", 1)[0]["notAfter"]
    assert 0 < held["ends_at"] - shown["now"] <= YEAR
    assert (held["due"], held["transaction"]) == (False, None)


def test_when_a_term_is_over_anyone_advances(client, assembly) -> None:
    assembly.chain.advance(YEAR + 60)
    held = guardian(client)
    assert (held["due"], held["held_by_voters"], held["ends_at"]) == (True, True, None)
    call = held["transaction"]
    stranger = assembly.holders[2]
    assert assembly.send(stranger, call["to"], bytes.fromhex(call["data"][2:])).succeeded
    assert guardian(client)["due"] is False
    assert assembly.call(stranger, "Handover", "advance", 1).succeeded is False


def test_nothing_is_due_before_a_term_is_over(assembly) -> None:
    _, found = handover.holdings(assembly.rpc)
    assert not [each for each in found if each.due]


def carried(assembly, document_hash: str, epoch: int) -> int:
    """A policy adopted by a vote; the proposal's id."""
    data = propose.contract("Registry").encode_call("adopt", 0, document_hash, "/x", epoch)
    call = propose.Call(assembly.chain.address("Registry"), 0, data)
    proposer = assembly.holders[0].address
    title = f"Adopt {document_hash} from {epoch} on"
    draft = propose.draft(calls=[call], title=title, body="", proposer=proposer)
    proposal = assembly.propose(draft)
    assembly.vote(0, proposal, Support.FOR)
    assembly.end_voting()
    governor = assembly.chain.address("LAMGovernor")
    for step in ("queue", "execute"):
        assert assembly.send(assembly.holders[0], governor, draft.call_to(step)).succeeded
        assembly.chain.advance(5)
    assembly.follow()
    return proposal.pk


def standings() -> list[tuple[str, Standing]]:
    found = reversed(adopted(Kind.REWARD_POLICY))
    return [(each.adoption.hash[:6], each.standing) for each in found]


def test_what_is_in_force_next_pending_past_and_not_followed(client, assembly) -> None:
    first, second = (
        policy.register_document(changed_policy(name=name)).hash for name in ("first", "second")
    )
    genesis, unknown = load_policy().hash, "0x" + "77" * 32
    epochs.open_next()
    made = [
        carried(assembly, first, 2),
        carried(assembly, unknown, 2),
        carried(assembly, second, 9),
    ]
    assert standings() == [
        (genesis[:6], Standing.IN_FORCE),
        (first[:6], Standing.NEXT),
        (unknown[:6], Standing.NOT_FOLLOWED),
        (second[:6], Standing.PENDING),
    ]
    shown = next(each for each in get(client, "in-force").json() if each["kind"] == "reward policy")
    rows = list(reversed(shown["adoptions"]))
    assert [each["proposal"] for each in rows] == [None, *map(str, made)]
    assert "known" in rows[2]["reason"]
    # Nothing stops: the next epoch opens with what can be followed.
    epochs.close(1)
    assert epochs.open_next().policy_hash == first
    assert standings()[:2] == [(genesis[:6], Standing.PAST), (first[:6], Standing.IN_FORCE)]
    # A later adoption that is effective as early replaces the pending one.
    policy.register_document(changed_policy(name="third"))
    third = Adoption.objects.get(hash=second)
    Adoption.objects.create(
        kind=0,
        hash=genesis,
        uri="/x",
        effective_epoch=5,
        by=third.by,
        block_number=third.block_number + 1,
        block_hash="0x" + "11" * 32,
        log_index=0,
        transaction_hash="0x" + "12" * 32,
        adopted_at=third.adopted_at,
        adoptable=True,
    )
    assert standings()[3:] == [(second[:6], Standing.PAST), (genesis[:6], Standing.PENDING)]


def test_a_document_of_the_wrong_shape_is_shown_and_the_old_one_stays(client, assembly) -> None:
    epochs.open_next()
    release = policy.register_document({"weights": "0x12"}, kind=Kind.MODEL_RELEASE)
    carried(assembly, release.hash, 2)
    row = adopted(Kind.REWARD_POLICY)[0]
    assert row.standing == Standing.NOT_FOLLOWED
    assert row.adoption.reason
    epochs.close(1)
    assert epochs.open_next().policy_hash == load_policy().hash


@pytest.mark.parametrize("path", ["handover", "in-force", "voting-power", "participation"])
def test_anyone_reads_and_nobody_sets(client, assembly, path) -> None:
    assert get(client, path).status_code == 200
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(f"/api/v1/{path}", {}, format="json").status_code == 405
