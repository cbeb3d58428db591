"""Every row of the money tables checked against every other: what was altered is named.

Stronger than what the triggers hold, because it also sees what someone with the owner's rights did.
"""

import json
from collections import defaultdict
from collections.abc import Iterator

from django.db.models import Count, Q, Sum

from chain.rpc import Rpc
from contributions.models import State, Verdict
from contributions.policy_document import BP, PaidWork, Policy
from points import audit_accounts, audit_chain, reconcile, rewards, seal
from points.audit_accounts import select
from points.ledger import account_codes, entry_digest
from points.models import (
    FIRST_PERSONAL_ACCOUNT,
    Balance,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Line,
    Seal,
    SystemAccount,
)
from points.reconcile import Difference

BATCH = 5_000


def run(*, rpc: Rpc | None = None) -> list[Difference]:
    """All differences: journal, seals, balances, accounts, verdicts, allocations, bundle, chain."""
    found = [*_entries(), *_orphans(), *_seals(), *_roots(), *_balances(), *_verdicts()]
    found += [*_allocations(), *_caps(), *audit_accounts.dangling("points")]
    found += [*audit_accounts.accounts(), *audit_accounts.leaves(), *audit_accounts.keys()]
    found += audit_accounts.used_caps()
    found += [*audit_chain.event_rows(), *audit_chain.claim_entries()]
    found += audit_chain.relayed_claims()
    return found + reconcile.differences(rpc=rpc)


def _entries() -> Iterator[Difference]:
    """Each entry's digest recomputed from its content and lines; each unit balances."""
    last = 0
    while batch := list(Entry.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        lines = defaultdict(list)
        for line in Line.objects.filter(entry__in=batch).order_by("entry_id", "position"):
            lines[line.entry_id].append(line)
        codes = account_codes(each.account_id for rows in lines.values() for each in rows)
        for entry in batch:
            yield from _entry(entry, lines[entry.pk], codes)


def _entry(entry: Entry, lines: list[Line], codes: dict[int, str]) -> Iterator[Difference]:
    where = f"entry {entry.pk}"
    digest = entry_digest(
        kind=entry.kind,
        epoch=entry.epoch_id,
        posted_at=entry.posted_at,
        inputs=entry.inputs,
        lines=[
            (codes.get(each.account_id, ""), each.unit, each.category, each.amount)
            for each in lines
        ],
        salt=bytes(entry.salt),
    )
    if digest != bytes(entry.digest):
        yield Difference(where, "digest", bytes(entry.digest).hex(), digest.hex())
    if [each.position for each in lines] != list(range(entry.line_count)):
        yield Difference(where, "lines", f"{entry.line_count} in order", f"{len(lines)}")
    if any(each.epoch_number != entry.epoch_id for each in lines):
        yield Difference(where, "epoch of its lines", str(entry.epoch_id), "another")
    sums: dict[int, int] = defaultdict(int)
    for each in lines:
        sums[each.unit] += each.amount
    for unit, amount in sums.items():
        if amount:
            yield Difference(where, f"sum in unit {unit}", "0", str(amount))


def _orphans() -> Iterator[Difference]:
    for entry in Entry.objects.filter(idempotency=None):
        yield Difference(f"idempotency key {entry.pk}", "row", "one", "none")
    yield from _reversals()


def _reversals() -> Iterator[Difference]:
    """A reversal names the entry it takes back, nothing else names one."""
    linked = Entry.objects.filter(Q(kind=EntryKind.REVERSAL) | Q(reverses__isnull=False))
    for entry in linked.select_related("reverses"):
        digest = "0x" + bytes(entry.reverses.digest).hex() if entry.reverses else "none"
        named = entry.inputs.get("reverses", "none")
        if digest != named or entry.kind != EntryKind.REVERSAL:
            yield Difference(f"entry {entry.pk}", "reverses", named, digest)


def _seals() -> Iterator[Difference]:
    """The chain recomputed from the first seal on, against the entries it covers."""
    position, chain = 0, seal.GENESIS
    for each in Seal.objects.order_by("position").select_related("entry").iterator():
        where, position = f"seal {each.position}", position + 1
        if each.position != position:
            yield Difference(f"seal {position}", "position", str(position), str(each.position))
            position = each.position
        if bytes(each.digest) != bytes(each.entry.digest):
            yield Difference(where, "digest", bytes(each.entry.digest).hex(), "another")
        if each.epoch_number != each.entry.epoch_id:
            yield Difference(where, "epoch", str(each.entry.epoch_id), str(each.epoch_number))
        chain = seal.chain_after(chain, bytes(each.digest))
        if chain != bytes(each.chain):
            yield Difference(where, "chain", chain.hex(), bytes(each.chain).hex())
            chain = bytes(each.chain)


def _roots() -> Iterator[Difference]:
    for epoch in Epoch.objects.filter(closed_at__isnull=False):
        where = f"epoch {epoch.number}"
        for entry in Entry.objects.filter(epoch=epoch, seal=None):
            yield Difference(f"entry {entry.pk}", "seal", "one", "none")
        if (root := seal.ledger_root(epoch.number)) != epoch.ledger_root:
            yield Difference(where, "ledger root", epoch.ledger_root, root)


def _balances() -> Iterator[Difference]:
    """Kept balances against the sums of lines."""
    sums = {
        account: int(amount)
        for account, amount in Line.objects.filter(account_id__gte=FIRST_PERSONAL_ACCOUNT)
        .order_by()
        .values_list("account_id")
        .annotate(sum=Sum("amount"))
    }
    for account, amount, unit, own in Balance.objects.values_list(
        "account_id", "amount", "unit", "account__unit"
    ):
        if int(amount) != sums.pop(account, 0):
            yield Difference(f"balance {account}", "amount", "the sum of its lines", str(amount))
        if unit != own:
            yield Difference(f"balance {account}", "unit", f"its account's, {own}", str(unit))
    for account in sums:
        yield Difference(f"balance {account}", "row", "one", "none")


def _verdicts() -> Iterator[Difference]:
    """Each settlement rests on an accepted verdict and pays what it and the policy give."""
    known = IdempotencyKey.objects.filter(
        workflow__isnull=False, entry__kind=EntryKind.SETTLEMENT
    ).select_related("entry", "workflow", "workflow__verdict")
    for each in known.defer("workflow__ciphertext", "workflow__evidence").iterator():
        verdict = Verdict.objects.filter(pk=each.workflow_id).first()
        where = f"entry {each.entry_id}"
        if verdict is None or not verdict.accepted:
            yield Difference(where, "verdict", "accepted", "none or rejected")
            continue
        inputs = each.entry.inputs
        for name, value in (
            ("verified_actions", verdict.verified_actions),
            ("score_bp", verdict.score),
            ("release_hash", verdict.release_hash),
        ):
            if inputs.get(name) != value:
                yield Difference(where, name, str(value), str(inputs.get(name)))
        # What a withdrawn workflow's task was is not known any more.
        if each.workflow and each.workflow.state != State.WITHDRAWN:
            yield from _payment(each.entry, each.workflow.task)


def _payment(entry: Entry, task: str) -> Iterator[Difference]:
    """What an entry says was earned, paid and shared is what the policy and its lines give."""
    where, inputs = f"entry {entry.pk}", entry.inputs
    policy = rewards.policy_of(inputs["policy_hash"])
    earned = policy.earned_millipoints(PaidWork.of(inputs, epoch=entry.epoch_id, task=task))
    paid = max(0, min(earned, policy.daily_cap_millipoints - inputs["day_used_millipoints"]))
    lines = Line.objects.filter(entry=entry, account_id__gte=FIRST_PERSONAL_ACCOUNT).order_by()
    moved = dict(lines.values_list("category").annotate(sum=Sum("amount")))
    for what, expected, found in (
        ("earned points", earned, inputs["earned_millipoints"]),
        ("paid", paid, inputs["paid_millipoints"]),
        ("paid to the worker", paid, int(moved.get(Category.WORK, 0))),
        (
            "paid to referrers",
            sum(layer["paid_millipoints"] for layer in inputs["referrals"]),
            int(moved.get(Category.REFERRAL, 0)),
        ),
    ):
        if expected != found:
            yield Difference(where, what, str(expected), str(found))
    yield from _layers(where, paid, inputs["referrals"], policy)


def _layers(
    where: str, paid: int, layers: list[dict[str, int]], policy: Policy
) -> Iterator[Difference]:
    """Each referral layer has its share of what was paid, under the referrer's cap."""
    for layer in layers:
        number, used = layer["layer"], layer["epoch_used_millipoints"]
        known = policy.referral.layers_bp[number - 1 : number]
        share = known[0] if known else 0
        left = policy.referral.cap_millipoints_per_epoch - used
        expected = max(0, min(paid * share // BP, left))
        if (layer["share_bp"], layer["paid_millipoints"]) != (share, expected):
            yield Difference(
                where, f"referral layer {number}", f"{expected} at {share}", str(layer)
            )


ALLOCATIONS = """
WITH moved AS MATERIALIZED (
    SELECT l.entry_id, l.account_id, l.amount
    FROM points_entry e JOIN points_line l ON l.entry_id = e.id
    WHERE e.kind = 'conversion' AND l.account_id >= 1000
)
SELECT a.id, a.epoch_id = e.epoch_id AND e.kind = 'conversion',
       a.millipoints, -p.amount, a.wei, coalesce(l.amount, 0), a.cumulative_wei,
       sum(a.wei) OVER (PARTITION BY a.leaf_id ORDER BY a.epoch_id), a.categories
FROM points_allocation a
LEFT JOIN points_leaf f ON f.index = a.leaf_id
LEFT JOIN points_entry e ON e.id = a.entry_id
LEFT JOIN moved p ON p.entry_id = a.entry_id AND p.account_id = a.points_account_id
LEFT JOIN moved l ON l.entry_id = a.entry_id AND l.account_id = f.account_id
ORDER BY a.id
"""
WITHOUT_ALLOCATION = """
SELECT l.id, l.account_id, l.epoch_number
FROM points_line l JOIN points_entry e ON e.id = l.entry_id AND e.kind = 'conversion'
LEFT JOIN points_leaf f ON f.account_id = l.account_id
WHERE l.account_id >= 1000 AND CASE WHEN l.unit = 1
    THEN NOT EXISTS (SELECT FROM points_allocation a WHERE a.points_account_id = l.account_id
                     AND a.epoch_id = l.epoch_number AND a.entry_id = l.entry_id)
    ELSE NOT EXISTS (SELECT FROM points_allocation a WHERE a.leaf_id = f.index
                     AND a.epoch_id = l.epoch_number AND a.entry_id = l.entry_id) END
ORDER BY l.id
"""


def _allocations() -> Iterator[Difference]:
    """Each allocation against the lines of its conversion and its sums over epochs; and back."""
    for row in select(ALLOCATIONS):
        pk, placed, points, moved, wei, given, cumulative, running, categories = row
        where = f"allocation {pk}"
        if not placed:
            yield Difference(where, "entry", "a conversion of its epoch", "another or none")
        for what, expected, found in (
            ("millipoints", moved, points),
            ("wei", given, wei),
            ("cumulative_wei", running, cumulative),
            ("categories", points, sum(json.loads(categories).values())),
        ):
            if expected != found:
                yield Difference(where, what, str(expected), str(found))
    for line, account, epoch in select(WITHOUT_ALLOCATION):
        where = f"allocation of account {account} in epoch {epoch}"
        yield Difference(where, "row", f"one for line {line}", "none")


def _caps() -> Iterator[Difference]:
    """No person's referral income of an epoch is above the policy's cap."""
    lines = Line.objects.filter(category=Category.REFERRAL, account_id__gte=FIRST_PERSONAL_ACCOUNT)
    sums = (
        lines.order_by()
        .values_list("account_id", "epoch_number")
        .annotate(sum=Sum("amount"), count=Count("pk"))
    )
    policies = dict(Epoch.objects.values_list("number", "policy_hash"))
    for account, epoch, amount, _ in sums:
        if epoch not in policies:
            yield Difference(f"account {account}", "epoch of referrals", str(epoch), "none")
            continue
        cap = rewards.policy_of(policies[epoch]).referral.cap_millipoints_per_epoch
        if amount > cap:
            yield Difference(f"account {account}", f"referrals in {epoch}", f"≤ {cap}", str(amount))


def system_balances() -> dict[str, int]:
    """What stands on the platform's own accounts, in their units, by name."""
    sums = dict(
        Line.objects.filter(account_id__lt=FIRST_PERSONAL_ACCOUNT)
        .order_by()
        .values_list("account_id")
        .annotate(sum=Sum("amount"))
    )
    return {account.name.lower(): int(sums.get(account, 0)) for account in SystemAccount}
