"""The journal's only writer: balanced entries, each posted exactly once.

An entry and all of its lines go in by one SQL statement, whose triggers check that it balances and
that the epoch is the one in progress, and keep the balances of personal accounts. One transaction
posts in one call (`post`, `post_many`): two could take the same balances in opposite orders.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from lam_core.canonical import canonical_json, content_hash
from points.models import (
    Account,
    AccountKind,
    Balance,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Unit,
)

EPOCH_LOCK = 7411
"""First key of the advisory lock that writers of an epoch share and its close takes alone."""


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
    """An entry to be. `key` names the business event, `request` is what was asked for."""

    kind: EntryKind
    key: str
    epoch: int
    lines: Sequence[Amount]
    request: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    workflow: UUID | None = None
    reverses: int | None = None
    posted_at: datetime | None = None


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
            ids = _insert([draft])
    except IntegrityError as error:
        if entry := find(key, request):
            return entry
        raise _explained(error) from error
    return Entry.objects.get(pk=ids[0])


def post_many(drafts: Sequence[Draft]) -> list[int]:
    """Post new entries of one epoch; returns their ids. All or none.

    Raises as `post` does; a key that exists is an error. After an error the caller's transaction
    can only roll back.
    """
    if not drafts:
        return []
    try:
        return _insert(drafts)
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
    """SHA-256 of an entry's canonical content; lines are (account's code, unit, category, amount).

    The salt keeps someone who knows an entry's leaf in the ledger tree from guessing its content.
    """
    content = {
        "epoch": epoch,
        "inputs": inputs,
        "kind": str(kind),
        "lines": [
            [account, int(unit), int(category), str(amount)]
            for account, unit, category, amount in lines
        ],
        "posted_at": _timestamp(posted_at),
        "salt": salt.hex(),
    }
    return hashlib.sha256(canonical_json(content)).digest()


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def salt_of(secret: bytes, key: str) -> bytes:
    """An entry's salt: the same whenever it is posted, unknown without the epoch's secret."""
    return hmac.digest(secret, key.encode(), "sha256")[:16]


def account_codes(accounts: Iterable[int]) -> dict[int, str]:
    """What stands for an account in a digest: independent of row ids, which a rolled back
    transaction uses up. Accounts never change, so each is read once."""
    wanted = {int(each) for each in accounts}
    codes = {each: _codes[each] for each in wanted if each in _codes}
    if missing := wanted - codes.keys():
        rows = Account.objects.filter(pk__in=missing).values_list(
            "pk", "kind", "name", "address", "user_id"
        )
        found = {pk: f"{kind}:{name or address or user}" for pk, kind, name, address, user in rows}
        if len(_codes) + len(found) <= CODES_KEPT:
            _codes.update(found)
        codes |= found
    return codes


CODES_KEPT = 200_000
_codes: dict[int, str] = {}


def _accounts_by_user(user_ids: Sequence[int], kind: AccountKind) -> dict[int, int]:
    rows = Account.objects.filter(user_id__in=user_ids, kind=kind)
    return dict(rows.values_list("user_id", "pk"))


def _accounts_by_address(addresses: Sequence[str]) -> dict[str, int]:
    rows = Account.objects.filter(address__in=addresses, kind=AccountKind.LAM)
    return dict(rows.values_list("address", "pk"))


INSERT = """
WITH entries AS (
    INSERT INTO points_entry
        (id, kind, epoch_id, posted_at, inputs, reverses_id, line_count, salt, digest)
    SELECT id, kind, epoch, posted_at, inputs::jsonb, reverses, line_count, salt, digest
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[], %s::text[], %s::bigint[],
                %s::int[], %s::bytea[], %s::bytea[])
        AS t (id, kind, epoch, posted_at, inputs, reverses, line_count, salt, digest)
), keys AS (
    INSERT INTO points_idempotencykey (entry_id, key, request_hash, workflow_id)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::uuid[])
)
INSERT INTO points_line (entry_id, position, account_id, unit, category, epoch_number, amount)
SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::smallint[], %s::smallint[],
                     %s::bigint[], %s::numeric[])
"""
CHUNK = 2000


def _insert(drafts: Sequence[Draft]) -> list[int]:
    (number,) = {draft.epoch for draft in drafts}
    codes = account_codes(line.account for draft in drafts for line in draft.lines)
    now = timezone.now()
    with connection.cursor() as cursor:
        # The epoch's lock before the insert, whose triggers lock balances: closing holds it alone.
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('points_entry', 'id')), "
            "pg_advisory_xact_lock_shared(%s, %s), "
            "(SELECT salt FROM points_epoch WHERE number = %s) FROM generate_series(1, %s)",
            [EPOCH_LOCK, number, number, len(drafts)],
        )
        rows = cursor.fetchall()
        ids = [row[0] for row in rows]
        # A claim may come before its epoch opens and has a secret of its own.
        secret = secrets.token_bytes(32) if rows[0][2] is None else bytes(rows[0][2])
        for start in range(0, len(drafts), CHUNK):
            part = drafts[start : start + CHUNK]
            cursor.execute(INSERT, _columns(ids[start : start + CHUNK], part, secret, codes, now))
    return ids


def _columns(
    ids: Sequence[int],
    drafts: Sequence[Draft],
    secret: bytes,
    codes: dict[int, str],
    now: datetime,
) -> list[list[Any]]:
    """The parameters of INSERT, one list a column."""
    entries, keys, rows = [], [], []
    for entry, draft in zip(ids, drafts, strict=True):
        lines = [line for line in draft.lines if line.amount]
        if len(lines) < 2:
            raise LedgerError(f"The entry {draft.key} moves nothing.")
        posted_at = draft.posted_at or now
        salt = salt_of(secret, draft.key)
        digest = entry_digest(
            kind=draft.kind,
            epoch=draft.epoch,
            posted_at=posted_at,
            inputs=draft.inputs,
            lines=[
                (codes.get(line.account, ""), line.unit, line.category, line.amount)
                for line in lines
            ],
            salt=salt,
        )
        inputs = json.dumps(draft.inputs)
        head = (entry, draft.kind.value, draft.epoch, posted_at, inputs, draft.reverses)
        entries.append((*head, len(lines), salt, digest))
        keys.append((entry, draft.key, content_hash(draft.request), draft.workflow))
        rows += [
            (entry, n, int(each.account), each.unit, each.category, draft.epoch, each.amount)
            for n, each in enumerate(lines)
        ]
    return [list(column) for table in (entries, keys, rows) for column in zip(*table, strict=True)]


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
