"""Points for verified work: what the pinned policy gives, once, and taken back when withdrawn."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import referrals
from contributions import withdraw
from contributions.models import State, Verdict, Workflow
from contributions.policy_document import PaidWork, load_policy, parse_policy
from points import epochs, ledger, rewards
from points.caps import Caps
from points.models import (
    AccountKind,
    Balance,
    CapUsage,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Line,
    SystemAccount,
)
from points.usefulness import paid_work
from tests.contributions import recorded
from tests.factories import make_user, make_verdict, make_workflow
from tests.points.makers import (
    adopt_genesis,
    adopt_policy,
    humanly,
    make_account,
    make_epoch,
    settled_work,
    submit_work,
)
from tests.points.test_ledger import errors, in_threads

pytestmark = pytest.mark.django_db
# Two actions at 10,000 millipoints, five times for founders, a fifth more for a new shape.
EARNED = 120_000


def balance(user) -> int:
    return ledger.balance(make_account(user))


def owed(user) -> int:
    return ledger.balance(ledger.points_account(user.pk, AccountKind.OWED))


def test_accepted_work_is_paid_what_the_policy_says(operator):
    make_epoch()
    person = make_user()
    settlement = settled_work(person, operator)
    assert balance(person) == EARNED
    assert settlement.entry.inputs["verified_actions"] == 2
    assert settlement.entry.inputs["founding_multiplier_bp"] == 50_000
    assert settlement.entry.idempotency.workflow_id == settlement.verdict.workflow_id


def test_the_inputs_of_an_entry_give_its_amount_again(operator):
    make_epoch()
    inputs = settled_work(make_user(), operator).entry.inputs
    policy = load_policy()
    assert inputs["policy_hash"] == policy.hash
    assert inputs["earned_millipoints"] == policy.earned_millipoints(PaidWork.of(inputs, epoch=1))


def test_refused_work_gets_a_verdict_and_nothing_else():
    make_epoch()
    person = make_user()
    workflow = recorded.submitted(person)
    settlement = rewards.settle(workflow.pk)
    assert (settlement.verdict.accepted, settlement.entry) == (False, None)
    assert not Entry.objects.exists()
    workflow.refresh_from_db()
    assert workflow.state == State.REJECTED


def test_settling_again_changes_nothing(operator):
    make_epoch()
    person = make_user()
    first = settled_work(person, operator)
    again = rewards.settle(first.verdict.workflow_id)
    assert again.entry_id == first.entry_id
    assert balance(person) == EARNED


def test_unknown_and_withdrawn_work_is_not_settled(operator):
    make_epoch()
    person = make_user()
    workflow = submit_work(person, operator)
    withdraw.withdraw(contributor=person, workflow_id=workflow.pk)
    assert rewards.settle(workflow.pk) is None
    assert rewards.settle(uuid4()) is None
    assert not Verdict.objects.exists()


def test_work_waits_for_an_epoch_to_open(operator):
    adopt_genesis()
    person = make_user()
    workflow = submit_work(person, operator)
    assert rewards.settle(workflow.pk) is None
    epochs.open_next()
    assert rewards.settle_pending() == 1
    assert balance(person) == EARNED


def test_work_received_after_the_close_began_belongs_to_the_next_epoch(operator):
    now = timezone.now()
    make_epoch(opened_at=now - timedelta(hours=2), closing_at=now - timedelta(hours=1))
    workflow = submit_work(make_user(), operator)
    assert rewards.settle(workflow.pk) is None
    assert rewards.settle_pending() == 0


def test_one_broken_workflow_does_not_stop_the_others(operator, caplog):
    make_epoch()
    people = [make_user(), make_user()]
    broken, sound = [submit_work(person, operator) for person in people]
    Workflow.objects.filter(pk=broken.pk).update(ciphertext=b"not a ciphertext")
    assert rewards.settle_pending() == 1
    assert str(broken.pk) in caplog.text
    assert balance(people[1]) == EARNED
    sound.refresh_from_db()
    assert sound.state == State.ACCEPTED


def paid_together_and_apart(operator, *, cap: int) -> list[list[dict]]:
    """The inputs of four entries of one person who owes and was referred, paid in two ways."""
    adopt_genesis()
    adopt_policy(daily_cap_millipoints=cap)
    epochs.open_next()
    found = []
    for settle in (rewards.settle_many, lambda ids: [rewards.settle(each) for each in ids]):
        referrer, person = make_user(), make_user()
        referrals.record(referred=person, referrer=referrer)
        work = [submit_work(person, operator) for _ in range(4)]
        settle([row.pk for row in work])
        entries = Entry.objects.filter(idempotency__workflow__in=[row.pk for row in work])
        # The score is of the recording, and these are not the same ones.
        found.append([{**entry.inputs, "score_bp": 0} for entry in entries.order_by("pk")])
        found[-1].append({"balances": (balance(person), balance(referrer))})
    return found


@pytest.mark.parametrize("cap", [1_000_000, 2 * EARNED + 5_000])
def test_work_settled_together_is_paid_as_if_one_after_the_other(operator, cap):
    together, apart = paid_together_and_apart(operator, cap=cap)
    assert together == apart
    assert len(together) == 1 + (4 if cap == 1_000_000 else 3)


def test_of_two_alike_settled_together_the_later_is_a_replay(operator):
    make_epoch()
    person, other = make_user(), make_user()
    first = submit_work(person, operator, seed=7)
    document = {**humanly(7), "id": str(uuid4())}
    envelope = recorded.envelope(document, recorded.attest(operator, document))
    again, _ = recorded.submit.submit(contributor=other, envelope=envelope)
    settled = rewards.settle_many([again.pk, first.pk])
    assert settled[first.pk].verdict.accepted
    assert not settled[again.pk].verdict.accepted
    assert {each["code"] for each in settled[again.pk].verdict.reasons} & {
        "replayed",
        "replayed-positions",
    }
    assert (balance(person), balance(other)) == (EARNED, 0)


def test_what_is_owed_is_netted_once_from_work_settled_together(operator):
    make_epoch()
    person = make_user()
    first = settled_work(person, operator)
    withdraw.withdraw(contributor=person, workflow_id=first.verdict.workflow_id)
    spend(person, 30_000)
    rewards.reverse_withdrawn()
    assert (balance(person), owed(person)) == (0, 30_000)
    work = [submit_work(person, operator) for _ in range(2)]
    rewards.settle_many([row.pk for row in work])
    assert (balance(person), owed(person)) == (2 * EARNED - 30_000, 0)


def test_settling_together_costs_few_queries_more_for_more(operator):
    make_epoch()
    person = make_user()
    settled_work(person, operator)
    counts = []
    for number in (2, 6):
        work = [submit_work(person, operator) for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            rewards.settle_many([row.pk for row in work])
        counts.append(len(queries))
    # Two for each shape of its own: its lock and its history.
    assert counts[1] - counts[0] == 2 * 4


def test_a_day_pays_no_more_than_its_cap(operator):
    adopt_genesis()
    adopt_policy(daily_cap_millipoints=EARNED + 5_000)
    epochs.open_next()
    person = make_user()
    settled_work(person, operator)
    capped = settled_work(person, operator)
    assert capped.entry.inputs["paid_millipoints"] == 5_000
    assert capped.entry.inputs["day_used_millipoints"] == EARNED
    assert settled_work(person, operator).entry is None
    assert balance(person) == EARNED + 5_000


def test_referrers_earn_their_layers_shares_on_top(operator):
    make_epoch()
    top, middle, near, person = [make_user() for _ in range(4)]
    for referred, referrer in ((person, near), (near, middle), (middle, top)):
        referrals.record(referred=referred, referrer=referrer)
    entry = settled_work(person, operator).entry
    assert [balance(each) for each in (person, near, middle, top)] == [
        EARNED, 12_000, 3_600, 1_200,
    ]  # fmt: skip
    assert [each["paid_millipoints"] for each in entry.inputs["referrals"]] == [
        12_000,
        3_600,
        1_200,
    ]


def test_referral_income_of_an_epoch_is_capped(operator):
    adopt_genesis()
    referral = {"layers_bp": [1000], "cap_millipoints_per_epoch": 18_000}
    adopt_policy(referral=referral)
    epochs.open_next()
    near, person = make_user(), make_user()
    referrals.record(referred=person, referrer=near)
    for expected in (12_000, 18_000, 18_000):
        settled_work(person, operator)
        assert balance(near) == expected


def test_a_circle_of_referrals_pays_nobody_for_their_own_work(operator):
    make_epoch()
    one, two = make_user(), make_user()
    referrals.record(referred=one, referrer=two)
    referrals.record(referred=two, referrer=one)
    settled_work(one, operator)
    assert (balance(one), balance(two)) == (EARNED, 12_000)


def test_withdrawing_takes_back_points_of_the_epoch_in_progress(operator):
    make_epoch()
    near, person = make_user(), make_user()
    referrals.record(referred=person, referrer=near)
    settlement = settled_work(person, operator)
    withdraw.withdraw(contributor=person, workflow_id=settlement.verdict.workflow_id)
    assert rewards.reverse_withdrawn() == 1
    assert (balance(person), balance(near)) == (0, 0)
    reversal = Entry.objects.get(kind=EntryKind.REVERSAL)
    assert reversal.reverses == settlement.entry


def test_after_a_withdrawal_nothing_leads_from_the_ledger_to_the_work(operator):
    make_epoch()
    person = make_user()
    workflow_id = settled_work(person, operator).verdict.workflow_id
    withdraw.withdraw(contributor=person, workflow_id=workflow_id)
    rewards.reverse_withdrawn()
    assert not IdempotencyKey.objects.filter(workflow=workflow_id).exists()
    everything = [str(row) for row in IdempotencyKey.objects.values_list()]
    everything += [str(row) for row in Entry.objects.values_list()]
    assert not any(str(workflow_id) in row for row in everything)


def test_reversing_again_finds_nothing_to_do(operator):
    make_epoch()
    person = make_user()
    workflow_id = settled_work(person, operator).verdict.workflow_id
    withdraw.withdraw(contributor=person, workflow_id=workflow_id)
    assert rewards.reverse_withdrawn() == 1
    assert rewards.reverse_withdrawn() == 0
    assert Entry.objects.filter(kind=EntryKind.REVERSAL).count() == 1


def test_withdrawing_keeps_what_is_allocated_already(operator):
    adopt_genesis()
    epochs.open_next()
    person = make_user()
    workflow_id = settled_work(person, operator).verdict.workflow_id
    epochs.close(1)
    epochs.open_next()
    withdraw.withdraw(contributor=person, workflow_id=workflow_id)
    assert rewards.reverse_withdrawn() == 1
    assert not Entry.objects.filter(kind=EntryKind.REVERSAL).exists()
    lam = Balance.objects.get(account__kind=AccountKind.LAM)
    assert lam.amount == Epoch.objects.get(pk=1).emission_wei


def spend(user, amount: int) -> None:
    ledger.post(
        kind=EntryKind.USE,
        key=f"spend:{uuid4()}",
        epoch=1,
        lines=[
            ledger.Amount(make_account(user), -amount, Category.SPENT),
            ledger.Amount(SystemAccount.BURNED, amount, Category.SPENT),
        ],
        request={},
    )


def test_points_spent_before_a_withdrawal_are_owed_and_netted_later(operator):
    make_epoch()
    person = make_user()
    workflow_id = settled_work(person, operator).verdict.workflow_id
    spend(person, 30_000)
    withdraw.withdraw(contributor=person, workflow_id=workflow_id)
    rewards.reverse_withdrawn()
    assert (balance(person), owed(person)) == (0, 30_000)
    settled_work(person, operator)
    assert (balance(person), owed(person)) == (EARNED - 30_000, 0)
    settled_work(person, operator)
    assert (balance(person), owed(person)) == (2 * EARNED - 30_000, 0)
    issued = sum(Line.objects.filter(account=SystemAccount.ISSUANCE).values_list("amount", flat=1))
    assert -issued == 2 * EARNED
    assert not any(
        sum(Line.objects.filter(account=account).values_list("amount", flat=True))
        for account in (SystemAccount.RECEIVABLE,)
    )


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cap_is_never_exceeded(wanted, cap):
    user = make_user(wallet=False)
    total = 0
    for _ in range(3):
        key = (CapUsage.Kind.DAY, user.pk, 1)
        caps = Caps([key])
        used, granted = caps.take(key, wanted=wanted, cap=cap)
        caps.save()
        assert used == total
        total += granted
        assert 0 <= granted <= wanted
    assert total == min(3 * wanted, cap) if wanted <= cap else total == cap


@pytest.mark.django_db(transaction=True)
def test_32_workers_settle_one_workflow_once(operator):
    make_epoch()
    person = make_user()
    workflow = submit_work(person, operator)
    results = in_threads(32, lambda n: rewards.settle(workflow.pk).entry_id)
    assert not errors(results)
    assert len(set(results)) == 1
    assert balance(person) == EARNED


@pytest.mark.django_db(transaction=True)
def test_settling_and_withdrawing_at_once_leave_no_points_without_work(operator):
    make_epoch()
    referrer, person = make_user(), make_user()
    referrals.record(referred=person, referrer=referrer)
    work = [submit_work(person, operator) for _ in range(12)]

    def act(n: int) -> None:
        if n % 3 == 0:
            withdraw.withdraw(contributor=person, workflow_id=work[n // 3].pk)
        elif n % 3 == 1:
            rewards.settle(work[n // 3].pk)
        else:
            rewards.reverse_withdrawn()

    results = in_threads(36, act)
    assert not errors(results)
    rewards.reverse_withdrawn()
    assert (balance(person), balance(referrer)) == (0, 0)
    assert (owed(person), owed(referrer)) == (0, 0)


def accepted(person, *, shape: str = "enter-text:click"):
    row = make_workflow(person, state=State.ACCEPTED, shape_key=shape)
    return row, make_verdict(row)


def test_a_shape_pays_more_while_it_is_new_and_less_when_repeated():
    document = {
        **load_policy().document,
        "novelty": {"workflows": 3, "multiplier_bp": 20_000},
        "duplicates": {"multipliers_bp": [10_000, 10_000, 5_000]},
    }
    policy, epoch = parse_policy(document), make_epoch()
    person, other = make_user(), make_user()
    accepted(other)
    accepted(other, shape="another:click")
    batch = [accepted(person) for _ in range(3)]
    verdicts = {row.pk: verdict for row, verdict in batch}
    found = paid_work([row for row, _ in batch], verdicts, policy, epoch)
    counts = [(found[row.pk].seen_before, found[row.pk].own_before) for row, _ in batch]
    assert counts == [(1, 0), (2, 1), (3, 2)]
    multipliers = [policy.multipliers_bp(found[row.pk]) for row, _ in batch]
    assert [(each["novelty"], each["duplicate"]) for each in multipliers] == [
        (20_000, 10_000), (20_000, 10_000), (10_000, 5_000),
    ]  # fmt: skip


def test_a_badge_counts_points_of_earlier_epochs_alone(operator):
    adopt_genesis()
    badges = [{"name": "bronze", "from_millipoints": EARNED, "bonus_bp": 5_000}]
    adopt_policy(badges=badges)
    person = make_user()
    for expected in (EARNED, EARNED * 3 // 2):
        epochs.open_next()
        inputs = [settled_work(person, operator).entry.inputs for _ in range(2)]
        assert [each["earned_millipoints"] for each in inputs] == [expected, expected]
        epochs.close(Epoch.objects.latest("number").number)


def test_a_bounty_pays_for_its_task_and_leaves_no_trace_of_it(operator):
    adopt_genesis()
    name = humanly(7)["task"]["name"]
    bounty = {"task": name, "multiplier_bp": 30_000, "from_epoch": 1, "through_epoch": 1}
    adopt_policy(bounties=[bounty])
    epochs.open_next()
    entry = settled_work(make_user(), operator, seed=7).entry
    assert entry.inputs["earned_millipoints"] == 3 * EARNED
    assert name not in str(entry.inputs)
