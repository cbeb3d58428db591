"""An epoch computed again under another policy, and under its own as a check."""

import dataclasses
import io
import itertools
import json
import uuid

import pytest
from django.core.management import CommandError, call_command

from accounts import referrals
from contributions import withdraw
from contributions.policy_document import PaidWork, load_policy, parse_policy
from lam_core.canonical import canonical_json
from marketplace import automations, uses
from marketplace.models import Outcome
from points import epochs, rewards
from points.allocation import allocate
from points.epoch_record import record
from points.models import Allocation
from points.simulate import EpochRecord, Person, Run, Work, simulate
from tests.factories import make_user
from tests.points.makers import adopt_genesis, settled_work


def policy(**changes):
    return parse_policy({**load_policy().document, **changes})


def work(person: int, actions: int, *, day: int = 1, withdrawn: bool = False) -> Work:
    inputs = PaidWork(epoch=1, platform="miniwob", verified_actions=actions, seen_before=99).inputs
    return Work(person, day, inputs, withdrawn)


def earned(actions: int) -> int:
    return load_policy().earned_millipoints(
        PaidWork(epoch=1, platform="miniwob", verified_actions=actions, seen_before=99)
    )


def epoch_record(*happened: Work, people: int = 3, runs=(), **given) -> EpochRecord:
    folk = {n: Person(f"0x{n:040x}") for n in range(people)} | given.pop("people_given", {})
    return EpochRecord(1, load_policy(), 10**25, folk, happened, runs, **given)


def test_the_same_policy_changes_nothing():
    result = simulate(load_policy(), epoch_record(work(0, 3), work(1, 5))).document()
    assert result["baseline"] == result["proposed"]
    assert (result["gaining"], result["losing"], result["winners"]) == (0, 0, [])


def test_lam_follows_points_of_the_proposed_policy_to_the_wei():
    proposed = policy(max_paid_actions_per_workflow=4)
    found = simulate(proposed, epoch_record(work(0, 3), work(1, 5)))
    points = {"0x" + "0" * 40: 3, "0x" + "0" * 39 + "1": 4}
    assert found.proposed.wei == allocate(proposed.emission(1), points)


def test_winners_and_losers_come_in_the_order_of_what_they_gain_and_lose():
    happened = epoch_record(work(0, 40), work(1, 5), work(2, 1))
    result = simulate(policy(max_paid_actions_per_workflow=5), happened).document(limit=1)
    assert (result["gaining"], result["losing"]) == (2, 1)
    assert result["winners"][0]["address"].endswith("1")
    assert result["losers"][0]["address"].endswith("0")
    assert int(result["winners"][0]["change_wei"]) > 0 > int(result["losers"][0]["change_wei"])


def test_caps_of_a_day_hold_under_the_proposed_policy():
    cap = load_policy().points_per_action_millipoints
    happened = epoch_record(work(0, 40), work(0, 40), work(0, 40, day=2), work(1, 1))
    found = simulate(policy(daily_cap_millipoints=cap), happened)
    assert found.proposed.millipoints["0x" + "0" * 40] == 2 * cap


def test_withdrawn_work_uses_up_the_cap_and_earns_nothing():
    cap = load_policy().points_per_action_millipoints
    happened = epoch_record(work(0, 40, withdrawn=True), work(0, 40), work(1, 1))
    found = simulate(policy(daily_cap_millipoints=cap), happened)
    assert "0x" + "0" * 40 not in found.proposed.millipoints


def test_referrers_earn_their_share_once_and_under_their_cap():
    circle = {0: Person("0x" + "a" * 40, (1, 0, 1))}
    happened = epoch_record(work(0, 40), work(0, 40), people_given=circle)
    paid = earned(40)
    given = {"layers_bp": [1000, 1000, 1000], "cap_millipoints_per_epoch": paid // 10 + 1}
    found = simulate(policy(referral=given), happened)
    assert found.proposed.millipoints["0x" + "0" * 39 + "1"] == paid // 10 + 1
    assert found.proposed.millipoints["0x" + "a" * 40] == 2 * paid


def test_runs_cost_and_pay_by_the_proposed_market():
    market = {**load_policy().document["marketplace"], "price_millipoints_per_action": 500}
    happened = epoch_record(work(0, 3), runs=(Run(0, 1, 4),))
    found = simulate(policy(marketplace=market), happened)
    assert list(found.proposed.millipoints.values()) == [earned(3) - 2000, 1400]


def test_whoever_has_no_wallet_is_not_allocated():
    happened = epoch_record(work(0, 3), work(1, 3), people_given={1: Person("")})
    assert simulate(load_policy(), happened).document()["accounts"] == 1


def test_the_distribution_counts_every_address_on_both_sides():
    result = simulate(
        policy(max_paid_actions_per_workflow=1), epoch_record(work(0, 40), work(1, 5), work(2, 1))
    ).document()
    for side in ("baseline", "proposed"):
        assert sum(each[side] for each in result["distribution"]) == 3
    edges = [(each["from_wei"], each["below_wei"]) for each in result["distribution"]]
    assert all(high == low for (_, high), (low, _) in itertools.pairwise(edges))


def test_an_epoch_nobody_worked_in_gives_an_empty_result():
    result = simulate(policy(), epoch_record()).document()
    assert (result["accounts"], result["baseline"]["wei"], result["baseline"]["gini_bp"]) == (
        0, "0", 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"novelty": {"workflows": 9, "multiplier_bp": 12_000}}, "no further than 3 workflows"),
        ({"duplicates": {"multipliers_bp": [10_000] * 9}}, "no further than 6 repeats"),
        ({"daily_cap_millipoints": 10**9}, "cap was used up"),
    ],
)
def test_what_the_ledger_cannot_tell_of_the_proposed_policy_is_said(changes, said):
    (found,) = simulate(policy(**changes), epoch_record(work(0, 3))).document()["not_known"]
    assert said in found
    assert simulate(load_policy(), epoch_record(work(0, 3))).document()["not_known"] == []


def test_work_below_the_score_of_then_is_said_not_to_be_known():
    strict = policy(verifier={"min_score_bp": 5_000})
    happened = dataclasses.replace(epoch_record(work(0, 3)), policy=strict)
    (found,) = simulate(load_policy(), happened).document()["not_known"]
    assert "below the verifier's score" in found


def test_the_result_is_json_without_floats():
    canonical_json(simulate(policy(), epoch_record(work(0, 3))).document())


@pytest.fixture
def closed(operator) -> None:
    """Work of three people, one brought by another, a run, a withdrawal, and the close."""
    adopt_genesis()
    epochs.open_next()
    one, two, three = (make_user() for _ in range(3))
    referrals.record(referred=two, referrer=one)
    for person in (one, two, two, three):
        settlement = settled_work(person, operator)
    automation = automations.publish(
        creator=three, workflow_id=settlement.verdict.workflow_id, title="Enter a name"
    )
    uses.record_use(
        user=two, automation=automation, use_id=uuid.uuid4(), actions=1, outcome=Outcome.SUCCEEDED
    )
    epochs.close(1)


@pytest.mark.django_db
def test_under_its_own_policy_an_epoch_gives_what_it_gave(closed):
    found = simulate(load_policy(), record(1))
    gave = Allocation.objects.values_list("leaf__account__address", "millipoints", "wei")
    assert {
        (a, found.baseline.millipoints[a], found.baseline.wei[a]) for a in found.baseline.wei
    } == {(address, points, int(wei)) for address, points, wei in gave}


@pytest.mark.django_db
def test_the_command_shows_totals_distribution_winners_and_losers(closed, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(
        json.dumps(
            {
                **load_policy().document,
                "name": "no-referrals",
                "daily_cap_millipoints": 10**9,
                "referral": {"layers_bp": [], "cap_millipoints_per_epoch": 0},
            }
        )
    )
    out, picture = io.StringIO(), tmp_path / "plot.svg"
    call_command("simulate_policy", str(file), epoch=1, svg=picture, stdout=out)
    for each in ("no-referrals", "Biggest winners", "Biggest losers", "Gini", "0x", "Not known"):
        assert each in out.getvalue()
    assert picture.read_text().startswith("<svg")
    out = io.StringIO()
    call_command("simulate_policy", str(file), epoch=1, json=True, stdout=out)
    result = json.loads(out.getvalue())
    assert result["losing"] == 1
    assert result["gaining"] == 2


@pytest.mark.django_db
def test_the_command_names_what_is_wrong(closed, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({**load_policy().document, "daily_cap_millipoints": -1}))
    with pytest.raises(CommandError, match="daily_cap_millipoints"):
        call_command("simulate_policy", str(file), epoch=1)
    file.write_text(json.dumps(load_policy().document))
    with pytest.raises(CommandError, match="no epoch 9"):
        call_command("simulate_policy", str(file), epoch=9)
    with pytest.raises(CommandError, match="No such file"):
        call_command("simulate_policy", str(tmp_path / "missing"), epoch=1)


@pytest.mark.django_db
def test_withdrawn_work_is_left_out(operator):
    adopt_genesis()
    epochs.open_next()
    person = make_user()
    settled_work(person, operator)
    gone = settled_work(person, operator)
    withdraw.withdraw(contributor=person, workflow_id=gone.verdict.workflow_id)
    rewards.reverse_withdrawn()
    epochs.close(1)
    found = simulate(load_policy(), record(1))
    assert list(found.baseline.millipoints.values()) == [Allocation.objects.get().millipoints]
