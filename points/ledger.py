"""The journal's only writer: balanced entries, each posted exactly once.

An entry and all of its lines go in by one SQL statement, whose triggers check that it balances and
that the epoch is the one in progress, and keep the balances of personal accounts. One transaction
posts in one call (`post`, `post_many`): two could take the same balances in opposite orders.
"""

import hmac
import itertools
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from lam_core.canonical import canonical_json, content_hash
from points import leaf
from points.arrays import array_item, array_literals
from points.models import (
    Account,
    AccountKind,
    Balance,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    SystemAccount,
    Unit,
)

EPOCH_LOCK = 7411
"""First key of the advisory lock that writers of an epoch share and its close takes alone."""


# One statement, so that its triggers see entries and lines complete; one round trip, so that
# writers hold balances briefly. The epoch's lock comes before anything is written: closing holds it
# alone. Columns come as array literals: dumping lists value by value costs more than the insert.
INSERT = """
WITH locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(7411, %s::int)
), ids AS MATERIALIZED (
    SELECT array_agg(nextval('points_entry_id_seq')) AS entry
    FROM locked, generate_series(1, %s::int)
), entries AS (
    INSERT INTO points_entry
        (id, kind, epoch_id, posted_at, inputs, reverses_id, line_count, salt, digest)
    SELECT ids.entry[n], kind, %s::bigint, posted_at, inputs, reverses, lines, salt, digest
    FROM ids, unnest(%s::text[], %s::timestamptz[], %s::jsonb[], %s::bigint[], %s::int[],
                     %s::bytea[], %s::bytea[])
        WITH ORDINALITY AS t (kind, posted_at, inputs, reverses, lines, salt, digest, n)
), keys AS (
    INSERT INTO points_idempotencykey (entry_id, key, request_hash, workflow_id)
    SELECT ids.entry[n], key, request_hash, workflow
    FROM ids, unnest(%s::text[], %s::text[], %s::uuid[])
        WITH ORDINALITY AS t (key, request_hash, workflow, n)
), lines AS (
    INSERT INTO points_line (entry_id, position, account_id, unit, category, epoch_number, amount)
    SELECT ids.entry[n], position, account, unit, category, %s::bigint, amount
    FROM ids, ({lines}) AS t (n, position, account, unit, category, amount)
)
SELECT entry FROM ids
"""
INSERT_GIVEN = INSERT.format(
    lines="SELECT * FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::smallint[], %s::smallint[],"
    " %s::numeric[])"
).encode()
# The same for a single entry, whose values need no arrays: a quarter less for PostgreSQL to do.
INSERT_ONE = b"""
WITH ids AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(7411, %s::int), nextval('points_entry_id_seq') AS entry
), entries AS (
    INSERT INTO points_entry
        (id, epoch_id, kind, posted_at, inputs, reverses_id, line_count, salt, digest)
    SELECT entry, %s::bigint, %s, %s::timestamptz, %s::jsonb, %s::bigint, %s::int, %s::bytea,
           %s::bytea
    FROM ids
), keys AS (
    INSERT INTO points_idempotencykey (entry_id, key, request_hash, workflow_id)
    SELECT entry, %s, %s, %s::uuid FROM ids
), lines AS (
    INSERT INTO points_line (entry_id, position, account_id, unit, category, epoch_number, amount)
    SELECT entry, position, account, unit, category, %s::bigint, amount
    FROM ids, unnest(%s::int[], %s::bigint[], %s::smallint[], %s::smallint[], %s::numeric[])
        AS t (position, account, unit, category, amount)
)
SELECT ARRAY[entry] FROM ids
"""


class LedgerError(ValueError):
    """The entry can't be posted."""


class KeyConflict(LedgerError):
    """The idempotency key already stands for another request."""


class InsufficientBalance(LedgerError):
    """A personal account would go below zero."""


class EpochNotInProgress(LedgerError):
    """The epoch is closed, or another one is in progress."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One line to be: how much goes to (or, negative, from) an account, and why."""

    account: int
    amount: int
    category: Category
    unit: Unit = Unit.MILLIPOINTS


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be. `key` names the business event, `request` is what was asked for.

    Time and salt are now and random unless given: a close gives them (see `salt_of`).
    """

    kind: EntryKind
    key: str
    epoch: int
    lines: Sequence[Amount]
    request: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    workflow: UUID | None = None
    reverses: int | None = None
    posted_at: datetime | None = None
    salt: bytes = b""


Head = tuple[tuple[object, ...], tuple[object, ...]]
"""An entry's row and its key's, without ids and epoch (see `head`)."""


def current_epoch_number() -> int:
    """The number of the epoch in progress, or of the next to open: one after the last closed."""
    return _in_progress()[0]


def lock_epoch() -> tuple[int, Epoch | None]:
    """Keep the epoch in progress from closing until this transaction ends; its number and row.

    The row is None while no epoch is open: the number is then that of the next to open.
    """
    global _last_seen
    while True:
        # The guess is right except just after a close, and saves asking twice.
        guess = _last_seen
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [EPOCH_LOCK, guess])
        _last_seen, epoch = _in_progress()
        if _last_seen == guess:
            return guess, epoch


_last_seen = 1


def _in_progress() -> tuple[int, Epoch | None]:
    newest = Epoch.objects.order_by("-number").first()
    if newest is None or newest.closed_at:
        return (newest.number + 1 if newest else 1), None
    return newest.number, newest


def points_account(user_id: int, kind: AccountKind = AccountKind.POINTS) -> int:
    """The id of a person's account, made when missing."""
    return personal_accounts([user_id], kind)[user_id]


def personal_accounts(
    user_ids: Iterable[int], kind: AccountKind = AccountKind.POINTS
) -> dict[int, int]:
    """Account ids of many people by user id, made when missing."""
    wanted = sorted(set(user_ids))
    found = _accounts_by_user(wanted, kind)
    if missing := [user for user in wanted if user not in found]:
        rows = [Account(kind=kind, unit=Unit.MILLIPOINTS, user_id=user) for user in missing]
        Account.objects.bulk_create(rows, ignore_conflicts=True)
        found = _accounts_by_user(wanted, kind)
    return found


def lam_accounts(addresses: Iterable[str]) -> dict[str, int]:
    """Account ids of addresses, made when missing."""
    wanted = sorted(set(addresses))
    found = _accounts_by_address(wanted)
    if missing := [address for address in wanted if address not in found]:
        rows = [Account(kind=AccountKind.LAM, unit=Unit.LAM_WEI, address=each) for each in missing]
        Account.objects.bulk_create(rows, ignore_conflicts=True, batch_size=10_000)
        found = _accounts_by_address(wanted)
    return found


def balance(account: int) -> int:
    """What stands on a personal account, in its unit."""
    return Balance.objects.values_list("amount", flat=True).get(pk=account)


def post(
    *,
    kind: EntryKind,
    key: str,
    epoch: int,
    lines: Sequence[Amount],
    request: dict[str, Any],
    inputs: dict[str, Any] | None = None,
    workflow: UUID | None = None,
    reverses: int | None = None,
) -> Entry:
    """Post one entry, or return the one that the key already stands for.

    Raises KeyConflict (same key, other request), InsufficientBalance, EpochNotInProgress,
    LedgerError (the lines do not balance or name no account).
    """
    draft = Draft(kind, key, epoch, lines, request, inputs or {}, workflow, reverses)
    if entry := find(key, request):
        return entry
    try:
        with transaction.atomic():
            ids = _insert_one(draft)
    except IntegrityError as error:
        if entry := find(key, request):
            return entry
        raise _explained(error) from error
    return Entry.objects.get(pk=ids[0])


def post_many(drafts: Iterable[Draft]) -> list[int]:
    """Post new entries of one epoch; returns their ids. All or none.

    Raises as `post` does; a key that exists is an error. After an error the caller's transaction
    can only roll back.
    """
    chunks = _chunks(drafts)
    first, second = next(chunks, None), next(chunks, None)
    if first is None:
        return []
    try:
        # A single statement is all or none by itself, and one round trip.
        if second is None:
            if len(first) == 1:
                return _insert_one(first[0])
            return _ids(_own(), INSERT_GIVEN, _parameters(first))
        with transaction.atomic(savepoint=False):
            return _insert_all(itertools.chain([first, second], chunks))
    except IntegrityError as error:
        raise _explained(error) from error


def post_selected(heads: Sequence[Head], *, epoch: int, lines: str) -> list[int]:
    """Post new entries by one statement with the lines that the query `lines` gives: (number of the
    entry from 1, position, account, unit, category, amount), so that millions need not leave
    PostgreSQL. Returns the ids of the entries; raises as `post_many`.
    """
    try:
        return _ids(_own(), INSERT.format(lines=lines).encode(), _heads(epoch, heads))
    except IntegrityError as error:
        raise _explained(error) from error


def find(key: str, request: dict[str, Any]) -> Entry | None:
    """The entry a key stands for. Raises KeyConflict when it was for another request."""
    known = IdempotencyKey.objects.select_related("entry").filter(key=key).first()
    if known is None:
        return None
    if known.request_hash != content_hash(request):
        raise KeyConflict(f"The key {key} already stands for another request.")
    return known.entry


def entry_digest(
    *,
    kind: str,
    epoch: int,
    posted_at: datetime,
    inputs: dict[str, Any],
    lines: Iterable[tuple[str, int, int, int]],
    salt: bytes,
) -> bytes:
    """The leaf of an entry; lines are (account's code, unit, category, amount)."""
    return leaf.leaf_of(
        kind=str(kind),
        epoch=epoch,
        posted_at=timestamp(posted_at),
        committed=leaf.commitments(entry_parts(inputs, lines), salt),
    )


def entry_parts(inputs: dict[str, Any], lines: Iterable[tuple[str, int, int, int]]) -> list[str]:
    """What an entry's leaf commits to: its inputs, then its lines."""
    return [canonical_json(inputs).decode(), *line_texts(lines)]


def line_texts(lines: Iterable[tuple[str, int, int, int]]) -> list[str]:
    """Lines as a leaf commits to them, of (account's code, unit, category, amount)."""
    return [
        leaf.line_text(account, UNIT_NAMES.get(unit, ""), CATEGORY_NAMES.get(category, ""), amount)
        for account, unit, category, amount in lines
    ]


def timestamp(moment: datetime | None) -> str:
    """A moment as entries and bundles write it."""
    assert moment is not None
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def salt_of(secret: bytes, key: str) -> bytes:
    """The salt of an entry of a close, which must be the same when the close runs again.

    Others have random ones: from one that follows from its key, whoever holds the secret could tell
    which withdrawn workflow an entry paid for.
    """
    return hmac.digest(secret, key.encode(), "sha256")[:16]


def account_codes(accounts: Iterable[int]) -> dict[int, str]:
    """What stands for an account in a digest: independent of row ids, which a rolled back
    transaction uses up. Accounts never change, so each is read once."""
    wanted = {int(each) for each in accounts}
    codes = {each: _codes[each] for each in wanted if each in _codes}
    if missing := wanted - codes.keys():
        found = dict(_prepared(_own(), CODES, ["{" + ",".join(map(str, missing)) + "}"]))
        if len(_codes) + len(found) <= CODES_KEPT:
            _codes.update(found)
        codes |= found
    return codes


CODES = b"""
SELECT id, kind || ':' || coalesce(nullif(name, ''), nullif(address, ''), user_id::text, 'None')
FROM points_account WHERE id = ANY (%s::bigint[])
"""
UNIT_NAMES = {int(each): each.name.lower() for each in Unit}
CATEGORY_NAMES = {int(each): each.name.lower() for each in Category}
SYSTEM_CODES = {int(each): f"{AccountKind.SYSTEM}:{each.name.lower()}" for each in SystemAccount}
CODES_KEPT = 200_000
_codes: dict[int, str] = {}


def _accounts_by_user(user_ids: Sequence[int], kind: AccountKind) -> dict[int, int]:
    rows = Account.objects.filter(user_id__in=user_ids, kind=kind)
    return dict(rows.values_list("user_id", "pk"))


def _accounts_by_address(addresses: Sequence[str]) -> dict[str, int]:
    rows = Account.objects.filter(address__in=addresses, kind=AccountKind.LAM)
    return dict(rows.values_list("address", "pk"))


LINES_PER_STATEMENT = 10_000
# Of enumerations too, which take four times as long to format themselves.
_digits = int.__repr__


def _chunks(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    """Drafts by the statement that inserts them."""
    chunk: list[Draft] = []
    lines = 0
    for draft in drafts:
        chunk.append(draft)
        lines += len(draft.lines)
        if lines >= LINES_PER_STATEMENT:
            yield chunk
            chunk, lines = [], 0
    if chunk:
        yield chunk


def _own() -> BaseDatabaseWrapper:
    """This thread's connection itself: `connection` stands for it and looks it up at each use."""
    return connections[DEFAULT_DB_ALIAS]


def _insert_all(chunks: Iterable[Sequence[Draft]]) -> list[int]:
    """Insert chunk after chunk; while PostgreSQL takes in one, the next is made ready."""
    own = _own()
    ids: list[int] = []
    with ThreadPoolExecutor(1) as sender:
        inserted: Future[list[int]] | None = None
        for chunk in chunks:
            parameters = _parameters(chunk)
            if inserted:
                ids += inserted.result()
            inserted = sender.submit(_ids, own, INSERT_GIVEN, parameters)
        if inserted:
            ids += inserted.result()
    return ids


def _insert_one(draft: Draft) -> list[int]:
    texts, rows = _lines(draft, account_codes(line.account for line in draft.lines))
    posted_at = timestamp(draft.posted_at or timezone.now())
    entry, key = head(draft, texts, posted_at=posted_at)
    columns = array_literals(rows)
    return _ids(_own(), INSERT_ONE, [draft.epoch, draft.epoch, *entry, *key, draft.epoch, *columns])


def _parameters(drafts: Sequence[Draft]) -> list[object]:
    (epoch,) = {draft.epoch for draft in drafts}
    codes = account_codes(line.account for draft in drafts for line in draft.lines)
    heads, rows, now = [], [], timestamp(timezone.now())
    for number, draft in enumerate(drafts, 1):
        texts, lines = _lines(draft, codes)
        posted_at = timestamp(draft.posted_at) if draft.posted_at else now
        heads.append(head(draft, texts, posted_at=posted_at))
        rows += [(str(number), *line) for line in lines]
    return [*_heads(epoch, heads), *array_literals(rows)]


def _lines(draft: Draft, codes: Mapping[int, str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Lines as the digest has them, and as items of arrays: position, account, unit, category,
    amount."""
    lines = [line for line in draft.lines if line.amount]
    if len(lines) < 2:
        raise LedgerError(f"The entry {draft.key} moves nothing.")
    coded = ((codes.get(e.account, ""), e.unit, e.category, e.amount) for e in lines)
    rows: list[tuple[str, ...]] = [
        (
            str(position), str(int(each.account)), _digits(each.unit), _digits(each.category),
            str(each.amount),
        )
        for position, each in enumerate(lines)
    ]  # fmt: skip
    return line_texts(coded), rows


def _heads(epoch: int, heads: Sequence[Head]) -> list[object]:
    entries, keys = (
        array_literals([tuple(map(array_item, row)) for row in rows])
        for rows in zip(*heads, strict=True)
    )
    return [epoch, len(heads), epoch, *entries, *keys, epoch]


def _ids(own: BaseDatabaseWrapper, statement: bytes, parameters: Sequence[object]) -> list[int]:
    """Run a form of INSERT; the ids of the entries."""
    ((ids,),) = _prepared(own, statement, parameters)
    return list(ids)


def _prepared(
    own: BaseDatabaseWrapper, statement: bytes, parameters: Sequence[object]
) -> list[tuple[Any, ...]]:
    """The rows of a prepared statement, as Django prepares none and makes queries slowly.

    Every parameter is text: PostgreSQL prepares the statement anew for other types.
    """
    own.ensure_connection()
    own.validate_no_broken_transaction()
    # Django forbids preparing at all; so nothing is but what asks for it.
    own.connection.prepare_threshold = sys.maxsize
    with own.wrap_database_errors, psycopg.Cursor(own.connection) as cursor:
        return cursor.execute(statement, list(map(_text, parameters)), prepare=True).fetchall()


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return None if value is None else str(value)


def head(draft: Draft, texts: Sequence[str], *, posted_at: str) -> Head:
    """What is written of an entry besides its lines, of which `texts` are those of `line_texts`."""
    salt = draft.salt or secrets.token_bytes(leaf.SALT_BYTES)
    inputs, kind = canonical_json(draft.inputs).decode(), draft.kind.value
    digest = leaf.leaf_of(
        kind=kind,
        epoch=draft.epoch,
        posted_at=posted_at,
        committed=leaf.commitments([inputs, *texts], salt),
    )
    entry = (kind, posted_at, inputs, draft.reverses, len(texts), salt, digest)
    key = (draft.key, content_hash(draft.request), draft.workflow)
    return entry, key


def _explained(error: IntegrityError) -> Exception:
    """The ledger's own error for a refused insert; the original for any other."""
    cause = error.__cause__
    constraint = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    if constraint == "balance_not_negative":
        return InsufficientBalance("The balance does not cover this.")
    if constraint == "entry_epoch_in_progress":
        return EpochNotInProgress(str(cause).splitlines()[0])
    if constraint in {"entry_balances", "entry_complete", "line_matches_entry"}:
        return LedgerError(str(cause).splitlines()[0])
    if constraint == "line_account_exists":
        return LedgerError("A line names no account of its unit.")
    return error
