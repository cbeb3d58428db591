"""What PostgreSQL refuses of lines, in a statement of one entry and in one of many lines.

The trigger checks a few lines of one entry in another way than many: both must refuse the same.
"""

from dataclasses import dataclass, replace

import pytest
from django.db import IntegrityError, connection

from points import ledger
from points.ledger import Amount
from points.models import Category, Entry, EntryKind, Line, SystemAccount, Unit
from tests.points.makers import earn, make_account, make_epoch

pytestmark = pytest.mark.django_db

ENTRY = 1_000_000
STATEMENT = """
WITH entries AS (
    INSERT INTO points_entry (id, kind, epoch_id, posted_at, inputs, line_count, salt, digest)
    SELECT id, 'use', 1, now(), '{}', lines, '', int8send(id)
    FROM unnest(%s::bigint[], %s::int[]) AS t (id, lines)
)
INSERT INTO points_line (entry_id, position, account_id, unit, category, epoch_number, amount)
SELECT entry, position, account, unit, 1, epoch, amount
FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::int[], %s::bigint[], %s::numeric[])
    AS t (entry, position, account, unit, epoch, amount)
"""
# Pairs of lines in the entry that is at fault, and sound entries beside it.
SIZES = {"a few lines": (1, 0), "many lines": (6, 0), "many entries": (1, 3)}


@dataclass(frozen=True)
class Row:
    entry: int
    position: int
    account: int
    unit: int
    epoch: int
    amount: int


def pairs(entry: int, person: int, count: int) -> list[Row]:
    """Lines from issuance to a person, one after the other."""
    return [
        Row(entry, 2 * n + side, account, Unit.MILLIPOINTS, 1, amount)
        for n in range(count)
        for side, (account, amount) in enumerate([(SystemAccount.ISSUANCE, -7), (person, 7)])
    ]


def insert(rows: list[Row], *, declared: int | None = None) -> None:
    """Entries and lines by one statement; `declared` is how many lines the first says it has."""
    counts = {each.entry: 0 for each in rows}
    for each in rows:
        counts[each.entry] += 1
    if declared is not None:
        counts[ENTRY] = declared
    columns = [
        [int(getattr(each, name)) for each in rows]
        for name in ("entry", "position", "account", "unit", "epoch", "amount")
    ]
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, [list(counts), list(counts.values()), *columns])


FAULTS = {
    "unbalanced": ("entry_balances", lambda own, lam: [*own[:-1], replace(own[-1], amount=8)]),
    "balanced across units only": (
        "entry_balances",
        lambda own, lam: [*own[:-1], replace(own[-1], unit=Unit.LAM_WEI, account=lam)],
    ),
    "a gap in the positions": (
        "line_matches_entry",
        lambda own, lam: [*own[:-1], replace(own[-1], position=len(own))],
    ),
    "a line of another epoch": (
        "line_matches_entry",
        lambda own, lam: [*own[:-1], replace(own[-1], epoch=2)],
    ),
    "to nobody": (
        "line_account_exists",
        lambda own, lam: [*own[:-1], replace(own[-1], account=987_654_321)],
    ),
    "to none of the platform's": (
        "line_account_exists",
        lambda own, lam: [*own[:-2], replace(own[-2], account=999), own[-1]],
    ),
    "to a person's account of another unit": (
        "line_account_exists",
        lambda own, lam: [*own[:-1], replace(own[-1], account=lam)],
    ),
    "to the platform's of another unit": (
        "line_account_exists",
        lambda own, lam: [*own[:-2], replace(own[-2], account=SystemAccount.EMISSION), own[-1]],
    ),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_entry_is_refused_however_much_comes_with_it(fault, size):
    make_epoch()
    person, lam = make_account(), ledger.lam_accounts(["0x" + "1" * 40])["0x" + "1" * 40]
    count, beside = SIZES[size]
    constraint, change = FAULTS[fault]
    rows = change(pairs(ENTRY, person, count), lam)
    sound = [row for n in range(beside) for row in pairs(ENTRY + 1 + n, person, 1)]
    with pytest.raises(IntegrityError) as refused:
        insert([*rows, *sound])
    assert refused.value.__cause__.diag.constraint_name == constraint


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("off", [-1, 1])
def test_an_entry_comes_with_as_many_lines_as_it_says(off, size):
    make_epoch()
    person = make_account()
    count, beside = SIZES[size]
    sound = [row for n in range(beside) for row in pairs(ENTRY + 1 + n, person, 1)]
    # It has two or twelve; one less is a line too many.
    rows = pairs(ENTRY, person, count + 1)
    with pytest.raises(IntegrityError, match="lines do not match"):
        insert([*rows, *sound], declared=len(rows) + off)


@pytest.mark.parametrize("size", SIZES)
def test_sound_entries_go_in_and_move_balances(size):
    make_epoch()
    person = make_account()
    count, beside = SIZES[size]
    sound = [row for n in range(beside) for row in pairs(ENTRY + 1 + n, person, 1)]
    insert([*pairs(ENTRY, person, count), *sound])
    assert ledger.balance(person) == 7 * (count + beside)
    assert Entry.objects.count() == 1 + beside
    assert Line.objects.count() == 2 * (count + beside)


@pytest.mark.parametrize("size", SIZES)
def test_an_account_may_give_in_an_entry_what_it_gets_in_it(size):
    """Only the sum counts, as for somebody whose pay goes to what they owe."""
    make_epoch()
    person = make_account()
    count, beside = SIZES[size]
    amounts = 5 * [-1, 3] if count > 1 else [-5, 9]
    drafts = [draft(person, amounts, key=f"{n}") for n in range(1 + beside)]
    ledger.post_many(drafts)
    assert ledger.balance(person) == sum(line.amount for each in drafts for line in each.lines[1:])


@pytest.mark.parametrize("size", SIZES)
def test_no_balance_goes_below_zero(size):
    make_epoch()
    person = make_account()
    earn(person, 3)
    count, beside = SIZES[size]
    gone = draft(person, 5 * [-1, -1] if count > 1 else [-5, 1], key="gone")
    with pytest.raises(ledger.InsufficientBalance):
        ledger.post_many([gone, *(draft(person, [-1], key=f"{n}") for n in range(beside))])


def draft(person: int, amounts: list[int], *, key: str) -> ledger.Draft:
    lines = [Amount(person, amount, Category.SPENT) for amount in amounts]
    burned = Amount(SystemAccount.BURNED, -sum(amounts), Category.SPENT)
    return ledger.Draft(EntryKind.USE, key, 1, [burned, *lines], {})
