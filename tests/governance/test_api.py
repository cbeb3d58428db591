"""The governance API as clients see it, and who may call what."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chain.models import Intent
from contributions import policy
from contributions.models import Document
from governance import propose, vote
from governance.models import RelayedCall, Support
from tests.factories import bearer, make_user
from tests.governance.conftest import LAM, changed_policy
from tests.governance.test_signed import sign

API = "/api/v1"


def post(client, path: str, body=None, headers=None):
    return client.post(f"{API}/{path}", body or {}, format="json", headers=headers or {})


def get(client, path: str, headers=None):
    return client.get(f"{API}/{path}", headers=headers or {})


def drafted(client, assembly, **fields) -> dict:
    """A proposal to change the policy, built over the API."""
    document = policy.register_document(changed_policy())
    body = {
        "template": "reward_policy",
        "title": "Pay twice as much",
        "body": "Because.",
        "proposer": assembly.holders[0].address,
        "document_hash": document.hash,
        "effective_epoch": 2,
    }
    return post(client, "proposals/calldata", {**body, **fields}).json()


@pytest.fixture
def proposal_id(client, assembly) -> str:
    """Proposed from the transaction that the API returned, voting open."""
    built = drafted(client, assembly)
    call = built["transaction"]
    receipt = assembly.send(assembly.holders[0], call["to"], bytes.fromhex(call["data"][2:]))
    assert receipt.succeeded
    assembly.chain.advance(3)
    assembly.follow()
    return built["proposal_id"]


def test_the_whole_way_over_http(client, assembly, member, proposal_id) -> None:
    shown = get(client, f"proposals/{proposal_id}").json()
    assert shown["state"] == "active"
    assert shown["calls"][0]["known"]
    assert shown["calls"][0]["summary"].startswith("Adopt the reward policy 0x")
    assert shown["tally"]["quorum_wei"] == str(4 * LAM)

    voter = assembly.holders[0]
    ballot = {"proposal": proposal_id, "support": 1, "voter": voter.address}
    asked = post(client, "votes/typed-data", ballot).json()
    signature = "0x" + sign(voter, asked["typed_data"]).hex()
    relayed = post(client, "votes/relay", {**ballot, "signature": signature}, member)
    assert (relayed.status_code, relayed.json()["status"]) == (202, "waiting")
    assembly.follow()
    assert get(client, f"relays/{relayed.json()['id']}", member).json()["status"] == "done"
    votes = get(client, f"votes?proposal={proposal_id}").json()
    assert [(v["voter"], v["support"], v["weight_wei"]) for v in votes["results"]] == [
        (voter.address, "for", str(60 * LAM))
    ]

    assembly.end_voting()
    assert "queue" in get(client, f"proposals/{proposal_id}").json()["transactions"]
    assert post(client, f"proposals/{proposal_id}/queue", headers=member).status_code == 202
    assembly.follow()
    assembly.chain.advance(5)
    assert post(client, f"proposals/{proposal_id}/execute", headers=member).status_code == 202
    assembly.follow()
    done = get(client, f"proposals/{proposal_id}").json()
    assert (done["state"], done["transactions"]) == ("executed", {})
    assert [each["adoptable"] for each in done["adoptions"]] == [True]
    assert get(client, "adoptions").json()["results"][0]["hash"] == done["adoptions"][0]["hash"]
    assert get(client, "proposals").json()["results"][0]["state"] == "executed"


def test_a_vote_can_be_sent_from_ones_own_wallet(client, assembly, proposal_id) -> None:
    voter = assembly.holders[1]
    ballot = {"proposal": proposal_id, "support": 0, "voter": voter.address, "reason": "no"}
    call = post(client, "votes/typed-data", ballot).json()["transaction"]
    assert assembly.send(voter, call["to"], bytes.fromhex(call["data"][2:])).succeeded
    assembly.follow()
    shown = get(client, f"votes?voter={voter.address}").json()["results"]
    assert [(v["against_wei"], v["reason"]) for v in shown] == [(str(30 * LAM), "no")]


def test_delegates_are_listed_by_power(client, assembly) -> None:
    assembly.call(assembly.holders[2], "LAMToken", "delegate", assembly.holders[1].address)
    assembly.follow()
    shown = get(client, "delegates").json()["results"]
    assert [(d["address"], d["votes_wei"], d["delegators"]) for d in shown] == [
        (assembly.holders[0].address, str(60 * LAM), 1),
        (assembly.holders[1].address, str(40 * LAM), 2),
    ]
    one = get(client, f"delegates/{assembly.holders[2].address}").json()
    assert one["delegates_to"] == assembly.holders[1].address
    assert one["history"][-1]["votes_wei"] == "0"
    assert get(client, "delegates/0x12").status_code == 400


@pytest.mark.parametrize("path", ["delegates", "proposals", "votes"])
def test_the_number_of_queries_does_not_grow_with_the_rows(client, assembly, path) -> None:
    counts = []
    for batch in ([1], [2, 3]):
        for each in batch:
            proposal = assembly.propose(titled(assembly, f"Number {each}"))
            assembly.vote(each - 1, proposal, Support.FOR)
            assembly.follow()
        with CaptureQueriesContext(connection) as queries:
            assert get(client, path).json()["count"] >= len(batch)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 5


def titled(assembly, title: str) -> propose.Draft:
    """A proposal that does nothing in particular."""
    call = propose.Call(assembly.chain.address("Registry"), 0, b"\1")
    proposer = assembly.holders[0].address
    return propose.draft(calls=[call], title=title, body="", proposer=proposer)


def test_a_delegation_is_signed_and_relayed(client, assembly, member) -> None:
    first, second, _ = assembly.holders
    asked = {"delegator": second.address, "delegatee": first.address}
    typed = post(client, "delegations/typed-data", asked).json()["typed_data"]
    signed = {
        **asked,
        "nonce": typed["message"]["nonce"],
        "expiry": typed["message"]["expiry"],
        "signature": "0x" + sign(second, typed).hex(),
    }
    assert post(client, "delegations/relay", signed, member).status_code == 202
    assembly.follow()
    assert get(client, f"delegates/{first.address}").json()["votes_wei"] == str(90 * LAM)


def test_a_document_is_made_known_and_rules_nothing(client, assembly, member) -> None:
    before = policy.current(100).hash
    made = post(client, "policies", {"document": changed_policy(name="another")}, member)
    assert made.status_code == 201
    hash_ = made.json()["hash"]
    shown = get(client, f"policies/{hash_}").json()
    assert (shown["document"]["name"], shown["adoptions"]) == ("another", [])
    assert policy.current(100).hash == before
    genesis = get(client, f"policies/{before}").json()
    assert genesis["adoptions"][0]["adoptable"]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"version": 2}, "/document/name"),
        (changed_policy(points_per_action_millipoints=-1), "points_per_action_millipoints"),
        (changed_policy(points_per_action_millipoints=1.5), "points_per_action_millipoints"),
    ],
)
def test_a_document_that_is_no_policy_is_refused_by_field(
    client, chain, member, document, pointer
) -> None:
    answer = post(client, "policies", {"document": document}, member)
    assert answer.status_code == 400
    assert any(pointer in error["pointer"] for error in answer.json()["errors"])
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "two\nlines"}, "/title"),
        ({"proposer": "0x12"}, "/proposer"),
        ({"document_hash": "0x" + "00" * 32}, "/document_hash"),
        ({"effective_epoch": -1}, "/effective_epoch"),
        ({"template": "magic"}, "/template"),
        ({"template": "calls"}, "/calls"),
        ({"template": "calls", "calls": []}, "/calls"),
        ({"template": "calls", "calls": [{"target": "0x12"}]}, "/calls/0/target"),
    ],
)
def test_a_proposal_that_cannot_be_built_names_the_field(
    client, chain, db, fields, pointer
) -> None:
    document = policy.register_document(changed_policy())
    body = {
        "template": "reward_policy",
        "title": "T",
        "body": "",
        "proposer": "0x00000000000000000000000000000000000A11cE",
        "document_hash": document.hash,
        "effective_epoch": 2,
    }
    answer = post(client, "proposals/calldata", {**body, **fields})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_free_calls_nobody_can_read_are_flagged(client, assembly) -> None:
    target = "0x00000000000000000000000000000000000A11cE"
    calls = [{"target": target, "value_wei": "5", "calldata": "0x01020304"}, {"target": target}]
    built = drafted(client, assembly, template="calls", calls=calls)
    assert [each["known"] for each in built["calls"]] == [False, False]
    assert built["values"] == ["5", "0"]
    assert built["description"].endswith(f"#proposer={assembly.holders[0].address}")


RELAYS = ["votes/relay", "delegations/relay", "proposals/1/queue", "proposals/1/execute"]


@pytest.mark.parametrize("path", [*RELAYS, "policies"])
def test_relaying_and_registering_are_for_signed_in_users(client, chain, db, path) -> None:
    assert post(client, path).status_code == 401
    unscoped = bearer(make_user(), "read", "contribute")
    assert post(client, path, headers=unscoped).status_code == 403
    assert post(client, path, headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert not Intent.objects.exists()
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    "path", ["proposals", "votes", "delegates", "adoptions", "proposals/1", "policies/0x12"]
)
def test_reading_is_for_anyone_and_changes_nothing(client, chain, db, path) -> None:
    assert get(client, path).status_code in {200, 404}
    for method in (client.put, client.patch, client.delete):
        assert method(f"{API}/{path}", {}, format="json").status_code == 405


def test_a_relayed_call_is_shown_to_who_asked_only(client, chain, member) -> None:
    owner = make_user()
    intent = Intent.objects.create(
        key="k",
        chain_id=31337,
        sender="relayer",
        purpose="p",
        to=chain.address("LAMToken"),
        data=b"",
    )
    RelayedCall.objects.create(user=owner, kind="vote", intent=intent, asked_at=timezone.now())
    assert get(client, f"relays/{intent.pk}", bearer(owner)).status_code == 200
    assert get(client, f"relays/{intent.pk}", member).status_code == 404
    assert get(client, f"relays/{intent.pk}").status_code == 401


def test_queueing_too_early_is_refused_in_words(client, assembly, member, proposal_id) -> None:
    answer = post(client, f"proposals/{proposal_id}/queue", headers=member)
    assert answer.status_code == 409
    assert answer["content-type"] == "application/problem+json"
    assert "GovernorUnexpectedProposalState" in answer.json()["detail"]
    assert post(client, "proposals/1/queue", headers=member).status_code == 404


def test_ballots_that_cannot_be_are_refused_by_field(client, assembly, proposal_id) -> None:
    good = {"proposal": proposal_id, "support": 1, "voter": assembly.holders[0].address}
    packed = vote.split_params(against_wei=1, for_wei=1, abstain_wei=1)
    for fields, pointer in [
        ({"support": 3}, "/support"),
        ({"support": int(Support.SPLIT)}, "/params"),
        ({"params": packed}, "/params"),
        ({"voter": "nobody"}, "/voter"),
        ({"proposal": "-1"}, "/proposal"),
        ({"proposal": str(2**256)}, "/proposal"),
    ]:
        answer = post(client, "votes/typed-data", {**good, **fields})
        assert answer.status_code == 400
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_a_node_that_is_away_is_said_to_be(client, assembly, proposal_id, settings) -> None:
    settings.ETH_RPC_URL = "http://127.0.0.1:9"
    ballot = {"proposal": proposal_id, "support": 1, "voter": assembly.holders[0].address}
    answer = post(client, "votes/typed-data", ballot)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("chain_unavailable")
    assert get(client, f"proposals/{proposal_id}").status_code == 200
