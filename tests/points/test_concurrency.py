"""64 writers at once on the accounts of the same four people, each event its own transaction."""

import secrets
import time

import pytest
from django.db.models import Sum

from accounts import referrals
from chain.projection import DecodedLog
from contributions import withdraw
from points import audit, claims, epochs, ledger, rewards
from points.chain_models import Claim
from points.models import Account, AccountKind, Balance, Entry, EntryKind, Line
from tests.factories import make_user
from tests.points.makers import adopt_genesis, closed_epoch, settled_work, submit_work
from tests.points.test_ledger import errors, in_threads, move

PEOPLE = 4
EACH = 16


def claimed_log(address: str, amount: int, number: int) -> DecodedLog:
    """The nth payment of an amount to an address."""
    arguments = {"account": address, "amount": amount, "cumulative": amount * (number + 1)}
    return DecodedLog(
        contract="RewardsDistributor",
        event="Claimed",
        arguments=arguments,
        address="0x" + "d1" * 20,
        chain_id=31337,
        block_number=number,
        block_hash="0x" + secrets.token_hex(32),
        block_timestamp=int(time.time()),
        log_index=0,
        transaction_hash="0x" + secrets.token_hex(32),
    )


@pytest.mark.django_db(transaction=True)
def test_claims_posts_spending_and_withdrawals_at_once_neither_deadlock_nor_overdraw(operator):
    adopt_genesis()
    people = [make_user() for _ in range(PEOPLE)]
    for referred, referrer in zip(people[1:], people, strict=False):
        referrals.record(referred=referred, referrer=referrer)
    closed_epoch(*((person, 1000) for person in people))
    epochs.open_next()
    withdrawn = [settled_work(people[n % PEOPLE], operator) for n in range(EACH)]
    waiting = [submit_work(people[n % PEOPLE], operator) for n in range(EACH)]
    accounts = [ledger.points_account(person.pk) for person in people]
    lam = list(Account.objects.filter(kind=AccountKind.LAM).values_list("address", flat=True))
    held = dict(Balance.objects.values_list("account__address", "amount"))
    per_claim = {address: int(held[address]) // EACH for address in lam}

    def claim(n: int) -> None:
        address = lam[n % PEOPLE]
        claims.project.handler(claimed_log(address, per_claim[address], n // PEOPLE))

    def settle(n: int) -> None:
        assert rewards.settle(waiting[n].pk)

    def spend(n: int) -> None:
        source, target = accounts[n % PEOPLE], accounts[(n + 1) % PEOPLE]
        try:
            move(source, target, 60_000, epoch=2, key=f"spend:{n}")
        except ledger.InsufficientBalance:
            return

    def take_back(n: int) -> None:
        workflow = withdrawn[n].verdict.workflow
        withdraw.withdraw(contributor=workflow.contributor, workflow_id=workflow.pk)
        rewards.reverse_withdrawn()

    work = [claim, settle, spend, take_back]
    results = in_threads(EACH * len(work), lambda n: work[n % len(work)](n // len(work)))
    assert not errors(results), results
    assert Claim.objects.filter(entry__isnull=False).count() == EACH
    assert Entry.objects.filter(kind=EntryKind.REVERSAL).count() == EACH
    assert Entry.objects.filter(kind=EntryKind.SETTLEMENT).count() == 2 * EACH
    assert min(Balance.objects.values_list("amount", flat=True)) >= 0
    sums = Line.objects.order_by().values_list("unit").annotate(sum=Sum("amount"))
    assert {unit: int(amount) for unit, amount in sums} == {1: 0, 2: 0}
    # These claims were never logged by a chain; everything else holds.
    assert [each for each in audit.run() if each.what != "log"] == []
