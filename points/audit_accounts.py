"""What the journal refers to, checked against it: accounts, leaves, used-up caps, event keys."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Count, Exists, ForeignKey, Min, OuterRef, Q

from lam_core.canonical import content_hash
from points.ledger import current_epoch_number, salt_of
from points.models import (
    FIRST_PERSONAL_ACCOUNT,
    Account,
    AccountKind,
    CapUsage,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Leaf,
    Line,
    SystemAccount,
)
from points.reconcile import Difference
from points.rewards import ERASED_REQUEST

BATCH = 5_000

WRONG_UNIT = """
SELECT l.id, a.unit, l.unit FROM points_line l LEFT JOIN points_account a ON a.id = l.account_id
WHERE a.unit IS DISTINCT FROM l.unit ORDER BY l.id
"""
# Withdrawn work gives no cap back: what counts is what settlements paid.
USED_CAPS = """
SELECT 'day', a.user_id, (e.inputs ->> 'day')::bigint, sum(l.amount)::bigint
FROM points_entry e JOIN points_line l ON l.entry_id = e.id AND l.category = 1
JOIN points_account a ON a.id = l.account_id AND a.kind = 'points'
WHERE e.kind = 'settlement' AND e.inputs ? 'day' GROUP BY 2, 3
UNION ALL
SELECT 'referral', a.user_id, e.epoch_id, sum(l.amount)::bigint
FROM points_entry e JOIN points_line l ON l.entry_id = e.id AND l.category = 2
JOIN points_account a ON a.id = l.account_id AND a.kind = 'points'
WHERE e.kind = 'settlement' AND e.inputs ? 'day' GROUP BY 2, 3
"""


def select(statement: str) -> Iterator[tuple[Any, ...]]:
    """Rows of a statement, a few thousand at a time."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(BATCH):
            yield from rows


def dangling(app: str) -> Iterator[Difference]:
    """Rows of an app that name a row which is not there, whichever table it is in.

    Entries may come before the row of the epoch that is next to open: claims wait for nothing.
    """
    upcoming = current_epoch_number()
    for model in apps.get_app_config(app).get_models():
        for field in model._meta.concrete_fields:
            if not isinstance(field, ForeignKey):
                continue
            named = field.related_model._default_manager.filter(pk=OuterRef(field.attname))
            rows = model._default_manager.exclude(**{field.attname: None}).filter(~Exists(named))
            if model is Entry and field.related_model is Epoch:
                rows = rows.exclude(**{field.attname: upcoming})
            for pk, target in rows.order_by("pk").values_list("pk", field.attname):
                name = model._meta.verbose_name
                expected = f"{field.related_model._meta.verbose_name} {target}"
                yield Difference(f"{name} {pk}", field.name, expected, "none")


def accounts() -> Iterator[Difference]:
    """The platform's own accounts are those it has, all others have a balance, units are theirs."""
    expected = {
        each.value: (AccountKind.SYSTEM.value, each.name.lower(), each.unit.value)
        for each in SystemAccount
    }
    own = Account.objects.filter(Q(pk__lt=FIRST_PERSONAL_ACCOUNT) | Q(kind=AccountKind.SYSTEM))
    found = {pk: given for pk, *given in own.values_list("pk", "kind", "name", "unit")}
    for pk in sorted(expected.keys() | found.keys()):
        given = tuple(found.get(pk, ()))
        if given != expected.get(pk):
            yield Difference(f"account {pk}", "system account", str(expected.get(pk)), str(given))
    personal = Account.objects.filter(pk__gte=FIRST_PERSONAL_ACCOUNT)
    for pk in personal.filter(balance=None).values_list("pk", flat=True):
        yield Difference(f"balance {pk}", "row", f"one of account {pk}", "none")
    for pk, name in personal.exclude(name="").values_list("pk", "name"):
        yield Difference(f"account {pk}", "name", "none", name)
    for line, unit, given in select(WRONG_UNIT):
        yield Difference(f"line {line}", "unit of its account", str(unit), str(given))


def leaves() -> Iterator[Difference]:
    """Places without gaps, of LAM accounts, since the first epoch that gave them something."""
    rows = Leaf.objects.order_by("index").annotate(
        first=Min("allocations__epoch"), given=Count("allocations")
    )
    values = rows.values_list("index", "account__kind", "first_epoch", "first", "given")
    for position, (index, kind, first_epoch, first, given) in enumerate(values.iterator()):
        for what, expected, found in (
            ("index", position, index),
            ("account", AccountKind.LAM.value, kind),
            ("first epoch", first if given else "none", first_epoch),
        ):
            if expected != found:
                yield Difference(f"leaf {index}", what, str(expected), str(found))


def used_caps() -> Iterator[Difference]:
    """What is kept of used-up caps is what settlements paid under them."""
    used = {(kind, user, period): amount for kind, user, period, amount in select(USED_CAPS)}
    kept = CapUsage.objects.values_list("kind", "user", "period", "millipoints")
    for kind, user, period, amount in kept.iterator():
        expected = used.pop((kind, user, period), 0)
        if amount != expected:
            where = f"{kind} cap of user {user} in {period}"
            yield Difference(where, "used", str(expected), str(amount))
    for (kind, user, period), amount in used.items():
        if amount:
            where = f"{kind} cap of user {user} in {period}"
            yield Difference(where, "used", str(amount), "no row")


def keys() -> Iterator[Difference]:
    """An event's key and request follow from its entry, the salts of a close from their keys."""
    secrets = {number: bytes(salt) for number, salt in Epoch.objects.values_list("number", "salt")}
    carried = Line.objects.filter(
        category=Category.CARRIED, account_id__gte=FIRST_PERSONAL_ACCOUNT
    ).values_list("entry_id", "account_id", "amount")
    carries = {entry: (account, amount) for entry, account, amount in carried.iterator()}
    for known in IdempotencyKey.objects.select_related("entry").iterator():
        yield from _key(known, secrets, carries)


def _key(
    known: IdempotencyKey, secrets: Mapping[int, bytes], carries: Mapping[int, tuple[int, int]]
) -> Iterator[Difference]:
    entry, where = known.entry, f"idempotency key {known.entry_id}"
    if known.workflow_id is None and known.key == f"erased:{entry.pk}":
        if known.request_hash != ERASED_REQUEST:
            yield Difference(where, "request", ERASED_REQUEST, known.request_hash)
        return
    event = _event(known, carries)
    if event is None:
        return
    key, request = event
    if known.key != key:
        yield Difference(where, "key", key, known.key)
    if known.request_hash != content_hash(request):
        yield Difference(where, "request", content_hash(request), known.request_hash)
    closing = entry.kind == EntryKind.CONVERSION or key.startswith("carry-out:")
    if closing and salt_of(secrets.get(entry.epoch_id, b""), key) != bytes(entry.salt):
        expected = f"that of its key and epoch {entry.epoch_id}"
        yield Difference(f"entry {entry.pk}", "salt", expected, bytes(entry.salt).hex())


def _event(
    known: IdempotencyKey, carries: Mapping[int, tuple[int, int]]
) -> tuple[str, dict[str, Any]] | None:
    """(key, request) of an entry's event; None where another app's row tells."""
    entry = known.entry
    if entry.kind == EntryKind.SETTLEMENT:
        return f"settle:{known.workflow_id}", {"workflow": str(known.workflow_id)}
    if entry.kind == EntryKind.REVERSAL:
        return f"reverse:{entry.reverses_id}", {"entry": entry.reverses_id}
    if entry.kind == EntryKind.CONVERSION:
        part = known.key.rpartition(":")[2]
        number = int(part) if part.isdecimal() else part
        return f"convert:{entry.epoch_id}:{part}", {"epoch": entry.epoch_id, "part": number}
    if entry.pk in carries:
        account, amount = carries[entry.pk]
        direction = "in" if amount > 0 else "out"
        request = {"epoch": entry.epoch_id, "account": account}
        return f"carry-{direction}:{entry.epoch_id}:{account}", request
    return None
