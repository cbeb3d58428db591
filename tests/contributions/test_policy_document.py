"""The reward policy as a document."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contributions.policy_document import BP, PolicyError, load_policy, parse_policy
from lam_core.canonical import content_hash


def changed(**changes):
    """The genesis document with values replaced; `a__b` is b inside a."""
    document = json.loads(json.dumps(load_policy().document))
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = document
        for parent in parents:
            part = part[parent]
        part[last] = value
    return document


def paths(document):
    with pytest.raises(PolicyError) as error:
        parse_policy(document)
    return [path for path, _ in error.value.errors]


def test_the_hash_is_that_of_the_canonical_document_however_it_is_written():
    policy = load_policy()
    assert policy.hash == content_hash(policy.document)
    reordered = dict(reversed(policy.document.items()))
    assert parse_policy(json.dumps(reordered, indent=4)).hash == policy.hash


def test_any_changed_number_changes_the_hash():
    assert parse_policy(changed(points_per_action_millipoints=1)).hash != load_policy().hash


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("surprise", {"surprise": 1}),
        ("marketplace.surprise", {"marketplace__surprise": 1}),
        ("points_per_action_millipoints", {"points_per_action_millipoints": -1}),
        ("points_per_action_millipoints", {"points_per_action_millipoints": 10**16}),
        ("points_per_action_millipoints", {"points_per_action_millipoints": 2**70}),
        ("points_per_action_millipoints", {"points_per_action_millipoints": 1.5}),
        ("points_per_action_millipoints", {"points_per_action_millipoints": "10"}),
        ("points_per_action_millipoints", {"points_per_action_millipoints": True}),
        ("max_paid_actions_per_workflow", {"max_paid_actions_per_workflow": None}),
        ("platform_multipliers_bp.miniwob", {"platform_multipliers_bp__miniwob": -1}),
        ("marketplace", {"marketplace__burn_bp": 1}),
        ("referral", {"referral__layers_bp": [9_000, 2_000]}),
        ("referral.layers_bp", {"referral__layers_bp": [1, 1, 1, 1]}),
        ("referral.layers_bp.0", {"referral__layers_bp": [BP + 1]}),
        ("emission_wei.default", {"emission_wei__default": "-1"}),
        ("emission_wei.default", {"emission_wei__default": "1.5"}),
        ("emission_wei.default", {"emission_wei__default": 5}),
        ("emission_wei.default", {"emission_wei__default": str(2**256)}),
        ("emission_wei.epochs.3", {"emission_wei__epochs": {"3": "x"}}),
        ("emission_wei.epochs.zero", {"emission_wei__epochs": {"zero": "1"}}),
        ("epoch_seconds", {"epoch_seconds": 0}),
        ("version", {"version": 2}),
    ],
)
def test_a_wrong_field_is_refused_by_its_path(path, changes):
    assert path in paths(changed(**changes))


def test_a_missing_field_is_named():
    document = load_policy().document.copy()
    del document["emission_wei"]
    assert paths(document) == ["emission_wei"]


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
def test_what_is_no_document_is_refused(document):
    assert paths(document) == ["document"]


def test_shares_that_do_not_sum_say_what_they_sum_to():
    with pytest.raises(PolicyError, match="add up to 8501, not 10000"):
        parse_policy(changed(marketplace__burn_bp=1))


def test_overrides_apply_to_their_epoch_alone():
    policy = parse_policy(
        changed(
            emission_wei={"default": "7", "epochs": {"2": "9"}},
            epoch_multipliers_bp={"default": 10_000, "epochs": {"2": 30_000}},
            founding={"multiplier_bp": 50_000, "through_epoch": 2},
        )
    )
    assert [policy.emission(n) for n in (1, 2, 3)] == [7, 9, 7]
    assert [policy.epoch_multiplier_bp(n) for n in (1, 2, 3)] == [10_000, 30_000, 10_000]
    assert [policy.founding_multiplier_bp(n) for n in (1, 2, 3)] == [50_000, 50_000, 10_000]


def test_points_of_a_workflow_are_rounded_once():
    policy = parse_policy(
        changed(
            points_per_action_millipoints=3,
            max_paid_actions_per_workflow=5,
            platform_multipliers_bp={"miniwob": 3_333},
            founding={"multiplier_bp": 30_000, "through_epoch": 1},
        )
    )
    earned = policy.earned_millipoints(verified_actions=9, platform="miniwob", epoch=1)
    assert earned == 5 * 3 * 3_333 * 30_000 // BP**2
    assert policy.earned_millipoints(verified_actions=1, platform="unlisted", epoch=2) == 3


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_points_never_fall_with_more_verified_actions(actions, epoch):
    policy = load_policy()

    def earned(count):
        return policy.earned_millipoints(verified_actions=count, platform="miniwob", epoch=epoch)

    assert 0 <= earned(actions) <= earned(actions + 1)
