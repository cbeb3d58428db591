"""Which policy and release are in force."""

import json
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.db import IntegrityError, transaction

from chain.projection import DecodedLog
from contributions import policy
from contributions.models import Adoption, Document, Kind
from contributions.policy_document import load_policy
from lam_core.canonical import content_hash
from lam_core.release import load_release

pytestmark = pytest.mark.django_db
GENESIS = load_policy()


def variant(**changes):
    return {**json.loads(json.dumps(GENESIS.document)), **changes}


def adopted(document_hash, *, kind=Kind.REWARD_POLICY, epoch=1, block=1, index=0):
    """The log of an adoption as the projection hands it over."""
    arguments = {
        "kind": int(kind),
        "contentHash": document_hash,
        "uri": "ipfs://x",
        "effectiveEpoch": epoch,
        "by": "0x" + "1" * 40,
    }
    return DecodedLog(
        contract="Registry",
        event="Adopted",
        arguments=arguments,
        address="0x" + "2" * 40,
        chain_id=31337,
        block_number=block,
        block_hash=f"0x{block:064x}",
        block_timestamp=1_700_000_000 + block,
        log_index=index,
        transaction_hash="0x" + "3" * 64,
    )


def test_nothing_is_in_force_before_an_adoption():
    with pytest.raises(policy.NotAdopted):
        policy.current(1)
    with pytest.raises(policy.NotAdopted):
        policy.current_release(1)


def test_the_genesis_documents_come_with_the_code():
    policy.adopt(adopted(GENESIS.hash))
    policy.adopt(
        adopted(load_release("rules-1").hash, kind=Kind.VERIFIER_RELEASE, block=1, index=1)
    )
    assert policy.current(1) == GENESIS
    assert policy.current_release(1).name == "rules-1"


def test_an_adoption_takes_effect_with_its_epoch():
    document = variant(points_per_action_millipoints=77)
    policy.register_document(document)
    policy.adopt(adopted(GENESIS.hash))
    policy.adopt(adopted(content_hash(document), epoch=3, block=2))
    assert policy.current(2) == GENESIS
    assert policy.current(3).points_per_action_millipoints == 77


def test_the_latest_on_chain_wins_whatever_order_it_is_told_in():
    one, two = variant(points_per_action_millipoints=1), variant(points_per_action_millipoints=2)
    for document in (one, two):
        policy.register_document(document)
    policy.adopt(adopted(content_hash(two), block=9, index=5))
    policy.adopt(adopted(content_hash(one), block=9, index=4))
    assert policy.current(1).points_per_action_millipoints == 2


def test_the_same_event_twice_is_one_adoption():
    first = policy.adopt(adopted(GENESIS.hash))
    assert policy.adopt(adopted(GENESIS.hash)) == first


def test_an_unknown_hash_is_kept_with_the_reason_and_the_old_policy_stays():
    policy.adopt(adopted(GENESIS.hash))
    unknown = policy.adopt(adopted("0x" + "9" * 64, block=2))
    assert not unknown.adoptable
    assert "known here" in unknown.reason
    assert policy.current(5) == GENESIS


def test_a_document_registered_after_its_adoption_takes_effect():
    document = variant(points_per_action_millipoints=5)
    policy.adopt(adopted(GENESIS.hash))
    policy.adopt(adopted(content_hash(document), block=2))
    assert policy.current(2) == GENESIS
    policy.register_document(document)
    assert policy.current(2).points_per_action_millipoints == 5
    assert Adoption.objects.get(block_number=2).reason == ""


def test_a_document_registered_late_does_not_overrule_a_later_adoption():
    early = variant(points_per_action_millipoints=5)
    policy.adopt(adopted(content_hash(early), block=1))
    policy.adopt(adopted(GENESIS.hash, block=2))
    policy.register_document(early)
    assert policy.current(9) == GENESIS


def test_registering_alone_has_no_effect():
    policy.adopt(adopted(GENESIS.hash))
    row = policy.register_document(variant(points_per_action_millipoints=5))
    assert policy.register_document(variant(points_per_action_millipoints=5)) == row
    assert policy.current(1) == GENESIS


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"surprise": 1}, "surprise"), ({"daily_cap_millipoints": 1.5}, "daily_cap_millipoints")],
)
def test_an_invalid_policy_cant_be_registered(changes, path):
    with pytest.raises(policy.InvalidDocument) as error:
        policy.register_document(variant(**changes))
    assert [where for where, _ in error.value.errors] == [path]
    assert not Document.objects.exists()


def test_a_document_that_is_no_policy_is_unadoptable_even_when_known():
    release = load_release("rules-1").document
    policy.register_document({**release, "name": "other"}, kind=Kind.VERIFIER_RELEASE)
    adoption = policy.adopt(adopted(content_hash({**release, "name": "other"})))
    assert not adoption.adoptable
    assert adoption.reason


def test_a_stored_document_that_was_changed_is_noticed():
    row = policy.register_document(variant(points_per_action_millipoints=5))
    Document.objects.filter(pk=row.pk).update(document=variant(points_per_action_millipoints=6))
    with pytest.raises(policy.InvalidDocument, match="does not have its hash"):
        policy.policy(row.pk)


def test_a_release_of_ones_own_is_adopted_by_hash():
    document = {**load_release("rules-1").document, "name": "rules-2"}
    policy.register_document(document, kind=Kind.VERIFIER_RELEASE)
    policy.adopt(adopted(content_hash(document), kind=Kind.VERIFIER_RELEASE))
    assert policy.current_release(1).name == "rules-2"


def test_a_demonstrations_release_is_refused_unless_samples_are_allowed(settings):
    demo = load_release("rules-1-demo")
    settings.ALLOW_SAMPLES = False
    log = adopted(demo.hash, kind=Kind.VERIFIER_RELEASE)
    assert not policy.adopt(log).adoptable
    settings.ALLOW_SAMPLES = True
    assert policy.adopt(adopted(demo.hash, kind=Kind.VERIFIER_RELEASE, block=2)).adoptable
    assert policy.current_release(1).hash == demo.hash


def test_model_and_extension_releases_are_recorded():
    for index, kind in enumerate((Kind.MODEL_RELEASE, Kind.EXTENSION_RELEASE)):
        assert policy.adopt(adopted("0x" + "a" * 64, kind=kind, index=index)).adoptable


def test_the_database_refuses_a_refusal_without_reason():
    adoption = policy.adopt(adopted(GENESIS.hash))
    with pytest.raises(IntegrityError), transaction.atomic():
        Adoption.objects.filter(pk=adoption.pk).update(adoptable=False)


def test_no_command_and_no_endpoint_of_ours_adopts():
    for name, app in get_commands().items():
        if app in ("accounts", "contributions"):
            command = load_command_class(app, name)
            assert "adopt" not in (command.help + name).lower()
    for folder in ("accounts", "contributions"):
        for path in Path(folder).rglob("*.py"):
            if path.name != "policy.py":
                assert "policy.adopt(" not in path.read_text()
