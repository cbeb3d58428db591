"""Each template of a proposal, from the API's fields to calls that the contracts understand."""

import pytest

from contributions import policy
from contributions.models import Kind
from governance import proposal_templates
from governance.propose import ProposalError
from tests.governance.conftest import changed_policy

BUILD = "/api/v1/proposals/calldata"
ALICE = "0x00000000000000000000000000000000000A11cE"
TEMPLATES = [
    (
        {"template": "treasury", "asset": "LAM", "recipient": ALICE, "amount_wei": str(10**18)},
        f"Send 1 LAM of the treasury to {ALICE}",
    ),
    (
        {"template": "handover_advance", "capability": "guardian"},
        "End the founders' term for guarding now",
    ),
    (
        {
            "template": "handover_elect",
            "capability": "model_release",
            "holder": ALICE,
            "not_after": 1_900_000_000,
        },
        f"Elect {ALICE} for releasing the model until",
    ),
    (
        {"template": "parameter", "parameter": "voting_period_seconds", "value": "86400"},
        "Vote for 1 day",
    ),
    (
        {"template": "parameter", "parameter": "quorum_percent", "value": "7"},
        "Require 7 % of the supply as quorum",
    ),
    (
        {"template": "parameter", "parameter": "timelock_delay_seconds", "value": "3600"},
        "Wait 1 hour before executing",
    ),
]
TEXT = {"title": "T", "body": "", "proposer": ALICE}


def build(client, fields):
    return client.post(BUILD, {**TEXT, **fields}, format="json")


@pytest.mark.parametrize(("fields", "words"), TEMPLATES)
def test_a_template_makes_a_call_in_plain_words(client, chain, db, fields, words) -> None:
    built = build(client, fields).json()
    assert [each["known"] for each in built["calls"]] == [True]
    assert built["calls"][0]["summary"].startswith(words)
    assert built["transaction"]["to"] == chain.address("LAMGovernor")
    assert built["transaction"]["data"].startswith("0x7d5e81e2")  # propose(...)


def test_ether_of_the_treasury_goes_without_data(client, chain, db) -> None:
    fields = {"template": "treasury", "asset": "ether", "recipient": ALICE, "amount_wei": "5"}
    built = build(client, fields).json()
    assert (built["targets"], built["values"], built["calldatas"]) == ([ALICE], ["5"], ["0x"])
    assert built["calls"][0]["summary"] == f"Send 0.000000000000000005 ether to {ALICE}"


def test_a_model_release_must_be_registered_as_one(client, chain, db) -> None:
    model = policy.register_document({"weights": "0x12"}, kind=Kind.MODEL_RELEASE)
    other = policy.register_document(changed_policy())
    fields = {"template": "model_release", "effective_epoch": 3}
    built = build(client, {**fields, "document_hash": model.hash}).json()
    assert built["calls"][0]["summary"].startswith(f"Adopt the model release {model.hash}")
    refused = build(client, {**fields, "document_hash": other.hash})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/document_hash"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"template": "treasury"}, "/asset"),
        ({"template": "treasury", "asset": "gold"}, "/asset"),
        ({**TEMPLATES[0][0], "amount_wei": "0"}, "/amount_wei"),
        ({**TEMPLATES[0][0], "recipient": "me"}, "/recipient"),
        ({"template": "handover_advance", "capability": "everything"}, "/capability"),
        ({**TEMPLATES[2][0], "not_after": 2**63}, "/not_after"),
        ({"template": "parameter", "parameter": "mood", "value": "1"}, "/parameter"),
        ({"template": "parameter", "parameter": "quorum_percent", "value": "101"}, "/value"),
        (
            {"template": "parameter", "parameter": "voting_period_seconds", "value": str(2**32)},
            "/value",
        ),
    ],
)
def test_what_no_contract_would_take_is_refused_by_field(client, chain, db, fields, pointer):
    answer = build(client, fields)
    assert answer.status_code == 400
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_templates_are_refused_by_name_below_the_api_too(chain, db) -> None:
    with pytest.raises(ProposalError) as error:
        proposal_templates.build(template="magic", fields={}, **TEXT)
    assert error.value.field == "template"
