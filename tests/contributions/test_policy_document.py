"""The reward policy as a document."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.environment import BASE_DIR
from contributions.emission import FIRST_EMISSION_WEI
from contributions.policy_document import (
    BP,
    PaidWork,
    PolicyError,
    load_policy,
    parse_policy,
    schema,
)
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


def badge(start, bonus):
    return {"name": "tier", "from_millipoints": start, "bonus_bp": bonus}


def bounty(start, end, multiplier=20_000):
    return {
        "task": "book-flight",
        "multiplier_bp": multiplier,
        "from_epoch": start,
        "through_epoch": end,
    }


# No bonus of any kind, so that a test sees the number it is about.
PLAIN = {
    "founding": {
        "multiplier_bp": BP,
        "through_epoch": 0,
        "after_bp": BP,
        "decay_bp_per_month": 0,
        "epochs_per_month": 1,
    },
    "badges": [],
    "novelty": {"workflows": 0, "multiplier_bp": BP},
    "duplicates": {"multipliers_bp": [BP]},
    "points_per_action_millipoints": 1_000,
}


def earned(document, **work):
    given = {"epoch": 1, "platform": "miniwob", "verified_actions": 1, **work}
    return parse_policy(document).earned_millipoints(PaidWork(**given))


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
        ("emission_wei.default", {"emission_wei__default": str(FIRST_EMISSION_WEI + 1)}),
        ("emission_wei.epochs.105", {"emission_wei__epochs": {"105": str(FIRST_EMISSION_WEI)}}),
        ("founding.through_epoch", {"founding__through_epoch": -1}),
        ("founding.epochs_per_month", {"founding__epochs_per_month": 0}),
        ("badges.0.bonus_bp", {"badges": [badge(0, BP + 1)]}),
        ("badges", {"badges": [badge(5, 100), badge(5, 200)]}),
        ("badges", {"badges": [badge(n, 0) for n in range(21)]}),
        ("novelty.multiplier_bp", {"novelty__multiplier_bp": 101 * BP}),
        ("duplicates.multipliers_bp", {"duplicates__multipliers_bp": []}),
        ("duplicates.multipliers_bp.1", {"duplicates__multipliers_bp": [BP, -1]}),
        ("duplicates", {"duplicates__multipliers_bp": [5_000, 6_000]}),
        ("bounties.0", {"bounties": [bounty(9, 8)]}),
        ("bounties.0.from_epoch", {"bounties": [bounty(0, 8)]}),
        ("verifier.min_score_bp", {"verifier__min_score_bp": BP + 1}),
        ("k_anonymity", {"k_anonymity": 1}),
        ("emission_wei.epochs.zero", {"emission_wei__epochs": {"zero": "1"}}),
        ("epoch_seconds", {"epoch_seconds": 0}),
        ("version", {"version": 1}),
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
    document = changed(
        **PLAIN,
        emission_wei={"default": "7", "epochs": {"2": "9"}},
        epoch_multipliers_bp={"default": 10_000, "epochs": {"2": 30_000}},
    )
    policy = parse_policy(document)
    assert [policy.emission(n) for n in (1, 2, 3)] == [7, 9, 7]
    assert [earned(document, epoch=n) for n in (1, 2, 3)] == [1_000, 3_000, 1_000]


def test_the_founding_bonus_falls_month_by_month_to_one():
    founding = {
        "multiplier_bp": 50_000,
        "through_epoch": 4,
        "after_bp": 20_000,
        "decay_bp_per_month": 4_000,
        "epochs_per_month": 2,
    }
    document = changed(**{**PLAIN, "founding": founding})
    multipliers = [earned(document, epoch=n) for n in range(3, 12)]
    assert multipliers == [5_000, 5_000, 2_000, 2_000, 1_600, 1_600, 1_200, 1_200, 1_000]


def test_the_genesis_bonus_is_over_in_the_twelfth_month():
    founding = load_policy().founding
    months = [founding.at(1 + 4 * month) for month in range(13)]
    assert months[:2] == [50_000, 20_000]
    assert months[10] > BP == months[11] == months[12]


def test_the_highest_badge_that_was_reached_counts():
    document = changed(**{**PLAIN, "badges": [badge(10, 1_000), badge(20, 5_000)]})
    assert [earned(document, lifetime_millipoints=n) for n in (9, 10, 19, 20, 99)] == [
        1_000, 1_100, 1_100, 1_500, 1_500,
    ]  # fmt: skip


def test_the_first_of_a_shape_earn_more_and_repeats_less():
    document = changed(
        **{
            **PLAIN,
            "novelty": {"workflows": 2, "multiplier_bp": 20_000},
            "duplicates": {"multipliers_bp": [10_000, 5_000, 1_000]},
        }
    )
    assert [earned(document, seen_before=n) for n in (0, 1, 2)] == [2_000, 2_000, 1_000]
    assert [earned(document, own_before=n, seen_before=9) for n in range(4)] == [
        1_000, 500, 100, 100,
    ]  # fmt: skip


def test_a_bounty_counts_for_its_task_and_its_epochs():
    document = changed(**PLAIN, bounties=[bounty(2, 3), bounty(3, 3, 30_000)])
    assert [earned(document, epoch=n, task="book-flight") for n in (1, 2, 3, 4)] == [
        1_000, 2_000, 3_000, 1_000,
    ]  # fmt: skip
    assert earned(document, epoch=2, task="another") == 1_000


def test_work_below_the_operating_point_earns_nothing():
    document = changed(**PLAIN, verifier={"min_score_bp": 6_000})
    assert [earned(document, score_bp=n) for n in (5_999, 6_000)] == [0, 1_000]


def test_points_of_a_workflow_are_rounded_once():
    document = changed(
        **{**PLAIN, "points_per_action_millipoints": 3},
        max_paid_actions_per_workflow=5,
        platform_multipliers_bp={"miniwob": 3_333},
        epoch_multipliers_bp={"default": 30_000, "epochs": {}},
    )
    assert earned(document, verified_actions=9) == 5 * 3 * 3_333 * 30_000 // BP**2
    assert earned(document, verified_actions=1, platform="unlisted") == 9


def test_points_never_exceed_what_the_ledger_holds():
    most = 100 * BP
    document = changed(
        points_per_action_millipoints=10**15,
        platform_multipliers_bp={"miniwob": most},
        epoch_multipliers_bp={"default": most, "epochs": {}},
    )
    assert earned(document, verified_actions=40) == 10**15


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_points_never_fall_with_more_verified_actions(actions, epoch):
    document = load_policy().document
    fewer, more = (
        earned(document, verified_actions=count, epoch=epoch) for count in (actions, actions + 1)
    )
    assert 0 <= fewer <= more


def test_the_published_schema_is_that_of_the_code():
    published = BASE_DIR / "docs" / "reward-policy.schema.json"
    assert json.loads(published.read_text()) == schema()


def test_the_schema_takes_the_genesis_policy_and_refuses_unknown_fields():
    validator = jsonschema.Draft202012Validator(schema())
    assert validator.is_valid(load_policy().document)
    assert not validator.is_valid(changed(surprise=1))
    assert not validator.is_valid(changed(daily_cap_millipoints=-1))
