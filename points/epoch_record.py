"""What happened in an epoch as the ledger holds it, for computing it again under another policy."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Sum

from accounts import referrals, wallets
from points import epochs, rewards
from points.allocation import scheduled_emission
from points.models import (
    FIRST_PERSONAL_ACCOUNT,
    Account,
    AccountKind,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Line,
    Unit,
)
from points.simulate import EpochRecord, Person, Run, Work

# What depends on other epochs, and stays as it is under any policy.
FIXED = (Category.CARRIED, Category.NETTED)


class NoSuchEpoch(LookupError):
    """There is no epoch with this number."""


def record(number: int) -> EpochRecord:
    """Work, runs and people of an epoch, open or closed. Raises NoSuchEpoch.

    Sums of an open epoch are nobody's business but the operator's; those of a closed one are in
    its public bundle.
    """
    epoch = Epoch.objects.filter(pk=number).first()
    if epoch is None:
        raise NoSuchEpoch(f"There is no epoch {number}.")
    rows = Account.objects.filter(kind=AccountKind.POINTS).values_list("pk", "user_id")
    users = {pk: user for pk, user in rows if user is not None}
    work, runs = list(_work(number, users)), list(_runs(number, users))
    fixed = _fixed(number, users)
    acting = {each.person for each in work} | {p for run in runs for p in (run.user, run.creator)}
    return EpochRecord(
        epoch=number,
        policy=rewards.policy_of(epoch.policy_hash),
        emission_limit_wei=int(epoch.emission_limit_wei)
        if epoch.closed_at
        else scheduled_emission(number, epochs.emission_limits()),
        people=_people(acting | fixed.keys(), fixed, _paid_to(epoch)),
        work=work,
        runs=runs,
    )


def _work(number: int, users: dict[int, int]) -> Iterable[Work]:
    entries = Entry.objects.filter(epoch=number, kind=EntryKind.SETTLEMENT)
    people = _accounts(number, EntryKind.SETTLEMENT, Category.WORK)
    withdrawn = set(
        Entry.objects.filter(epoch=number, kind=EntryKind.REVERSAL).values_list(
            "reverses", flat=True
        )
    )
    tasks = dict(
        IdempotencyKey.objects.filter(entry__in=entries, workflow__isnull=False).values_list(
            "entry_id", "workflow__task"
        )
    )
    for pk, inputs in entries.order_by("pk").values_list("pk", "inputs").iterator():
        person = users[people[pk]]
        yield Work(person, inputs["day"], inputs, pk in withdrawn, tasks.get(pk, ""))


def _runs(number: int, users: dict[int, int]) -> Iterable[Run]:
    payers = _accounts(number, EntryKind.USE, Category.SPENT)
    creators = _accounts(number, EntryKind.USE, Category.CREATOR)
    entries = Entry.objects.filter(epoch=number, kind=EntryKind.USE).order_by("pk")
    for pk, inputs in entries.values_list("pk", "inputs"):
        user, creator = users.get(payers.get(pk, 0)), users.get(creators.get(pk, 0))
        if user is not None and creator is not None:
            yield Run(user, creator, inputs["actions"])


def _accounts(number: int, kind: EntryKind, category: Category) -> dict[int, int]:
    """The personal account of each entry of a kind that has a line of a category."""
    lines = Line.objects.filter(
        epoch_number=number, category=category, account_id__gte=FIRST_PERSONAL_ACCOUNT
    )
    return dict(lines.filter(entry__kind=kind).values_list("entry_id", "account_id"))


def _fixed(number: int, users: dict[int, int]) -> dict[int, int]:
    """Millipoints by user that came from or went to other epochs."""
    lines = Line.objects.filter(
        epoch_number=number,
        category__in=FIXED,
        unit=Unit.MILLIPOINTS,
        account__kind=AccountKind.POINTS,
    )
    sums: dict[int, int] = defaultdict(int)
    for account, amount in lines.order_by().values_list("account_id").annotate(sum=Sum("amount")):
        sums[users[account]] += int(amount)
    return sums


def _paid_to(epoch: Epoch) -> dict[int, str]:
    """The addresses a closed epoch paid, by user; wallets may have changed since."""
    rows = epoch.allocations.values_list("points_account__user_id", "leaf__account__address")
    return {user: address for user, address in rows if user is not None}


def _people(
    users: Iterable[int], fixed: dict[int, int], paid_to: dict[int, str]
) -> dict[int, Person]:
    """Everybody who acted and everybody who brought them."""
    chains = referrals.chain_of(sorted(users))
    everybody = {*chains, *(referrer for chain in chains.values() for referrer in chain)}
    addresses = wallets.primaries(sorted(everybody)) | paid_to
    return {
        user: Person(addresses.get(user, ""), tuple(chains.get(user, ())), fixed.get(user, 0))
        for user in sorted(everybody)
    }
