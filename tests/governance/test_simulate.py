"""Proposals run on a real fork of the chain: what they change, and why they fail."""

import pytest
from django.core.cache import cache

from accounts import referrals
from chain.abi import contract
from contributions import policy
from contributions.models import Kind
from governance import policy_effect, propose, simulate
from governance.people_models import Simulation
from governance.simulate import NothingToRun
from points import epochs
from tests.contributions.conftest import operator
from tests.factories import bearer, key_of, make_user
from tests.governance.conftest import LAM, changed_policy
from tests.governance.test_api import get, post
from tests.governance.test_drafts import DRAFT
from tests.points.makers import settled_work

__all__ = ["operator"]

ALICE = "0x00000000000000000000000000000000000A11cE"


@pytest.fixture
def queued(monkeypatch) -> list:
    """Tasks that were sent, as the broker would get them."""
    sent: list = []
    monkeypatch.setattr(
        "celery.current_app.send_task", lambda name, args, **_: sent.append((name, args))
    )
    return sent


def proposed(assembly, *calls: propose.Call):
    proposer = assembly.holders[0].address
    return assembly.propose(
        propose.draft(calls=calls, title="Rehearse me", body="", proposer=proposer)
    )


def call(assembly, name: str, function: str, *arguments) -> propose.Call:
    data = contract(name).encode_call(function, *arguments)
    return propose.Call(assembly.chain.address(name), 0, data)


def run(proposal) -> dict:
    row = simulate.request(proposal_id=proposal.pk)
    simulate.run(row.pk)
    row.refresh_from_db()
    assert row.progress == "done", row.failure
    return row.result


def changes(result: dict) -> dict:
    return {each["name"]: (each["before"], each["after"]) for each in result["changes"]}


def test_a_run_shows_what_a_proposal_would_change(assembly, queued) -> None:
    release = "0x" + "5e" * 32
    proposal = proposed(
        assembly,
        call(assembly, "LAMGovernor", "updateQuorumNumerator", 7),
        call(assembly, "Registry", "adopt", 2, release, "/model", 3),
    )
    head = assembly.rpc.header("latest")
    result = run(proposal)
    assert (result["succeeded"], result["route"], result["failed_call"]) == (True, "governor", None)
    assert changes(result)["LAMGovernor.quorumNumerator()"] == ("4", "7")
    before, after = changes(result)["Registry.current(2)"]
    assert (before["effectiveEpoch"], after["contentHash"]) == ("0", release)
    named = [(each["contract"], each["event"]) for each in result["events"]]
    assert ("LAMGovernor", "QuorumNumeratorUpdated") in named
    assert ("Registry", "Adopted") in named
    assert {each["contract"] for each in result["storage"]} >= {"LAMGovernor", "Registry"}
    assert result["gas_used"] > 50_000
    # The chain itself is as it was.
    assert assembly.read("LAMGovernor", "quorumNumerator") == 4
    assert assembly.rpc.header("latest") == head


def test_a_failure_names_the_call_and_the_reason(assembly, queued) -> None:
    result = run(
        proposed(
            assembly,
            call(assembly, "LAMGovernor", "setVotingPeriod", 60),
            call(assembly, "LAMToken", "transfer", ALICE, 5 * LAM),
        )
    )
    assert (result["succeeded"], result["failed_call"]) == (False, 1)
    timelock = assembly.chain.address("TimelockController")
    assert result["reason"] == (
        f"{timelock} has 0 LAM, and 5 LAM would be needed (ERC20InsufficientBalance)"
    )
    assert result["events"] == []


def test_a_call_to_nothing_is_warned_about(assembly, queued) -> None:
    result = run(proposed(assembly, propose.Call(ALICE, 0, b"\1\2\3\4")))
    assert result["succeeded"]
    assert result["warnings"] == [
        f"Call 1 goes to {ALICE}, which has no code: it would succeed and do nothing."
    ]


def test_money_and_ether_that_move_are_shown(assembly, queued) -> None:
    timelock = assembly.chain.address("TimelockController")
    assert assembly.call(assembly.holders[2], "LAMToken", "transfer", timelock, 2 * LAM).succeeded
    assembly.chain.fund(timelock, 7)
    result = run(
        proposed(
            assembly,
            call(assembly, "LAMToken", "transfer", ALICE, LAM),
            propose.Call(ALICE, 7, b""),
        )
    )
    found = changes(result)
    assert found[f"LAMToken.balanceOf({ALICE})"] == ("0", str(LAM))
    assert found[f"ether of {ALICE} in wei"] == ("0", "7")


def test_without_enough_votes_the_calls_are_tried_from_the_timelock(assembly, queued) -> None:
    for holder in assembly.holders:
        nobody = "0x" + "00" * 20
        assert assembly.call(holder, "LAMToken", "delegate", nobody).succeeded
    assembly.chain.advance(2)
    assembly.follow()
    proposal_id = 12345
    calls = [
        call(assembly, "TimelockController", "updateDelay", 60),
        call(assembly, "LAMGovernor", "setVotingPeriod", 60),
    ]
    row = Simulation.objects.create(
        proposal=proposal_id, block_number=assembly.rpc.header("latest").number
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "calls_of", lambda _: calls)
        simulate.run(row.pk)
    row.refresh_from_db()
    assert (row.result["route"], row.result["failed_call"]) == ("timelock", 1)
    assert changes(row.result)["TimelockController.getMinDelay()"] == ("1", "60")


def test_a_block_is_run_once_and_the_next_one_again(assembly, queued, django_capture) -> None:
    proposal = proposed(assembly, call(assembly, "LAMGovernor", "setVotingPeriod", 60))
    with django_capture(execute=True):
        first = simulate.request(proposal_id=proposal.pk)
        assert simulate.request(proposal_id=proposal.pk).pk == first.pk
    assert queued == [(simulate.TASK, [first.pk])]
    simulate.run(first.pk)
    done = Simulation.objects.values().get()
    simulate.run(first.pk)
    assert Simulation.objects.values().get() == done
    assembly.chain.mine()
    assert simulate.request(proposal_id=proposal.pk).pk != first.pk


@pytest.fixture
def django_capture(django_capture_on_commit_callbacks):
    return django_capture_on_commit_callbacks


def test_a_node_that_went_away_is_a_failed_run_not_a_stuck_one(assembly, queued, settings) -> None:
    proposal = proposed(assembly, call(assembly, "LAMGovernor", "setVotingPeriod", 60))
    row = simulate.request(proposal_id=proposal.pk)
    settings.ETH_RPC_URL = "http://127.0.0.1:9"
    simulate.run(row.pk)
    row.refresh_from_db()
    assert row.progress == "failed"
    assert "did not start" in row.failure


def test_every_new_proposal_is_run_without_being_asked(assembly, queued) -> None:
    proposal = proposed(assembly, call(assembly, "LAMGovernor", "setVotingPeriod", 60))
    assert simulate.request_missing() == 1
    assert simulate.request_missing() == 0
    assert Simulation.objects.get().proposal == proposal.pk


def test_asking_is_for_signed_in_users_and_reading_for_anyone(
    client, assembly, queued, django_capture
) -> None:
    proposal = proposed(assembly, call(assembly, "LAMGovernor", "setVotingPeriod", 60))
    path = f"proposals/{proposal.pk}/simulation"
    assert get(client, path).status_code == 404
    assert post(client, path).status_code == 401
    assert post(client, path, headers=bearer(make_user(), "read")).status_code == 403
    assert not Simulation.objects.exists()
    with django_capture(execute=True):
        asked = post(client, path, headers=bearer(make_user()))
    assert (asked.status_code, asked.json()["progress"]) == (202, "waiting")
    simulate.run(queued[0][1][0])
    shown = get(client, path).json()
    assert (shown["progress"], shown["result"]["succeeded"]) == ("done", True)
    assert post(client, "proposals/1/simulation", headers=bearer(make_user())).status_code == 404


def test_a_shared_draft_can_be_run_and_a_private_one_cannot(client, assembly, queued) -> None:
    user = make_user()
    draft = {**DRAFT, "proposer": key_of(user).address}
    made = post(client, "proposal-drafts", draft, bearer(user)).json()
    with pytest.raises(NothingToRun):
        simulate.calls_of(int(made["proposal_id"]))
    draft["shared"] = True
    client.put(f"/api/v1/proposal-drafts/{made['id']}", draft, format="json", headers=bearer(user))
    row = simulate.request(proposal_id=int(made["proposal_id"]), user=user)
    simulate.run(row.pk)
    row.refresh_from_db()
    assert changes(row.result)["LAMGovernor.quorumNumerator()"] == ("4", "7")


@pytest.fixture
def policy_proposal(assembly):
    """Referrals earn nothing."""
    none = {"layers_bp": [], "cap_millipoints_per_epoch": 0}
    document = policy.register_document(changed_policy(referral=none))
    adoption = propose.adopt_call(
        kind=Kind.REWARD_POLICY, document_hash=document.hash, effective_epoch=2
    )
    return proposed(assembly, adoption)


@pytest.fixture
def closed_epoch(assembly, operator) -> None:
    """Two people worked; one had brought the other."""
    epochs.open_next()
    one, two = make_user(), make_user()
    referrals.record(referred=two, referrer=one)
    for person in (one, two):
        settled_work(person, operator)
    epochs.close(1)


def test_a_policy_proposal_shows_the_last_epoch_under_it(
    client, policy_proposal, queued, closed_epoch
) -> None:
    cache.clear()
    path = f"proposals/{policy_proposal.pk}/policy-effect"
    assert get(client, path).json()["status"] == "waiting"
    assert get(client, path).json()["status"] == "waiting"
    assert [name for name, _ in queued].count(policy_effect.TASK) == 1
    policy_effect.compute(*queued[-1][1])
    shown = get(client, path).json()
    assert (shown["status"], shown["epoch"]) == ("done", 1)
    assert shown["result"]["accounts"] == 2
    assert shown["result"]["gaining"] + shown["result"]["losing"] == 2
    total = sum(int(each["change_wei"]) for each in movers(shown))
    assert total == 0


def movers(shown: dict) -> list:
    return shown["result"]["winners"] + shown["result"]["losers"]


def test_what_is_no_policy_has_no_effect_to_show(client, assembly, queued) -> None:
    proposal = proposed(assembly, call(assembly, "LAMGovernor", "setVotingPeriod", 60))
    assert get(client, f"proposals/{proposal.pk}/policy-effect").status_code == 404
    unknown = proposed(assembly, call(assembly, "Registry", "adopt", 0, "0x" + "77" * 32, "/x", 3))
    shown = get(client, f"proposals/{unknown.pk}/policy-effect").json()
    assert (shown["status"], shown["result"]) == ("unknown", None)
