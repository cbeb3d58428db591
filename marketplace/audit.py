"""Each paid run against the entry that paid for it: what was altered, missing or added is named."""

from collections.abc import Iterator

from chain.rpc import Rpc
from lam_core.canonical import content_hash
from marketplace.models import Use
from marketplace.uses import inputs_of, key_of, price_of, request_of
from points.audit_accounts import dangling
from points.models import FIRST_PERSONAL_ACCOUNT, Category, Entry, EntryKind, Line
from points.reconcile import Difference


def run(*, rpc: Rpc | None = None) -> list[Difference]:
    """All differences between runs and the ledger."""
    found = [*dangling("marketplace"), *_unused_entries()]
    for use in Use.objects.select_related("entry__epoch", "entry__idempotency").iterator():
        if use.entry:
            found += _use(use, use.entry)
    return found


def _unused_entries() -> Iterator[Difference]:
    for entry in Entry.objects.filter(kind=EntryKind.USE, use=None):
        yield Difference(f"entry {entry.pk}", "use", "one", "none")


def _use(use: Use, entry: Entry) -> Iterator[Difference]:
    where = f"use {use.pk}"
    price = price_of(actions=use.actions, epoch=entry.epoch)
    payers = Line.objects.filter(
        entry=entry, category=Category.SPENT, account_id__gte=FIRST_PERSONAL_ACCOUNT
    )
    spent = list(payers.values_list("account__user", "amount"))
    for what, expected, found in (
        ("entry", (EntryKind.USE, key_of(use)), (entry.kind, entry.idempotency.key)),
        ("request", content_hash(request_of(use)), entry.idempotency.request_hash),
        ("inputs", inputs_of(use), entry.inputs),
        ("payer and price", [(use.user_id, -use.price_millipoints)], spent),
        ("price", price.total, use.price_millipoints),
        ("creator's share", price.creator, use.creator_millipoints),
        ("burned", price.burned, use.burned_millipoints),
        ("ecosystem's share", price.ecosystem, use.ecosystem_millipoints),
    ):
        if expected != found:
            yield Difference(where, what, str(expected), str(found))
