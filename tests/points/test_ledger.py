"""The ledger: entries balance, happen once, never change, and no balance goes below zero."""

import re
import threading
from collections import Counter

import pytest
from django.db import Error, connection, connections, transaction
from django.db.models import Sum

from points import ledger
from points.ledger import Amount
from points.models import (
    Balance,
    Category,
    Entry,
    EntryKind,
    Epoch,
    IdempotencyKey,
    Line,
    SystemAccount,
    Unit,
)
from points.seal import seal_pending
from tests.points.makers import earn, make_account, make_epoch

pytestmark = pytest.mark.django_db


def move(source: int, target: int, amount: int, *, key: str = "move", epoch: int = 1) -> Entry:
    return ledger.post(
        kind=EntryKind.USE,
        key=key,
        epoch=epoch,
        lines=[
            Amount(source, -amount, Category.SPENT),
            Amount(target, amount, Category.CREATOR),
        ],
        request={"from": int(source), "to": int(target), "amount": amount},
    )


def test_an_entry_moves_balances():
    make_epoch()
    person = make_account()
    entry = earn(person, 1500)
    assert ledger.balance(person) == 1500
    assert [(line.account_id, line.amount) for line in entry.lines.order_by("position")] == [
        (SystemAccount.ISSUANCE, -1500),
        (person, 1500),
    ]


def test_lines_that_do_not_balance_are_refused():
    make_epoch()
    person = make_account()
    with pytest.raises(ledger.LedgerError, match="does not balance"):
        ledger.post(
            kind=EntryKind.SETTLEMENT,
            key="unbalanced",
            epoch=1,
            lines=[
                Amount(SystemAccount.ISSUANCE, -10, Category.WORK),
                Amount(person, 11, Category.WORK),
            ],
            request={},
        )
    assert not Entry.objects.exists()
    assert ledger.balance(person) == 0


def test_each_unit_balances_by_itself():
    make_epoch()
    person = make_account()
    with pytest.raises(ledger.LedgerError, match="does not balance"):
        ledger.post(
            kind=EntryKind.CONVERSION,
            key="across units",
            epoch=1,
            lines=[
                Amount(SystemAccount.EMISSION, -10, Category.WORK, Unit.LAM_WEI),
                Amount(person, 10, Category.WORK),
            ],
            request={},
        )


@pytest.mark.parametrize("alone", ["on", "off"])
@pytest.mark.parametrize("whose", ["of another unit", "nobody's", "the platform's"])
def test_a_line_to_no_account_of_its_unit_is_refused(whose, alone):
    """Whether or not a close says that it posts alone."""
    make_epoch()
    person = make_account()
    account = {"nobody's": person + 5000, "the platform's": SystemAccount.BURNED}.get(whose, person)
    with transaction.atomic():
        sql(f"SET LOCAL points.alone = {alone}")
        with pytest.raises(ledger.LedgerError, match="no account of its unit"):
            ledger.post(
                kind=EntryKind.CONVERSION,
                key="wrong unit",
                epoch=1,
                lines=[
                    Amount(SystemAccount.EMISSION, -10, Category.WORK, Unit.LAM_WEI),
                    Amount(account, 10, Category.WORK, Unit.LAM_WEI),
                ],
                request={},
            )
    assert ledger.balance(person) == 0


def test_an_unknown_account_is_refused():
    make_epoch()
    with pytest.raises(ledger.LedgerError, match="no account"):
        move(SystemAccount.ISSUANCE, 987_654_321, 5)


def test_an_entry_that_moves_nothing_is_refused():
    make_epoch()
    with pytest.raises(ledger.LedgerError, match="moves nothing"):
        move(SystemAccount.ISSUANCE, make_account(), 0)


def test_spending_more_than_there_is_changes_nothing():
    make_epoch()
    poor, rich = make_account(), make_account()
    earn(poor, 100)
    with pytest.raises(ledger.InsufficientBalance):
        move(poor, rich, 101)
    assert (ledger.balance(poor), ledger.balance(rich)) == (100, 0)
    assert Entry.objects.count() == 1


def test_the_same_key_posts_once():
    make_epoch()
    person = make_account()
    first, again = earn(person, 5, key="once"), earn(person, 5, key="once")
    assert first == again
    assert ledger.balance(person) == 5


def test_the_same_key_for_another_request_is_refused():
    make_epoch()
    person = make_account()
    earn(person, 5, key="once")
    with pytest.raises(ledger.KeyConflict):
        earn(person, 6, key="once")
    assert ledger.balance(person) == 5


@pytest.mark.parametrize("number", [2, 7])
def test_only_the_epoch_in_progress_takes_entries(number):
    make_epoch()
    person = make_account()
    with pytest.raises(ledger.EpochNotInProgress):
        earn(person, 5, epoch=number)


def test_amounts_beyond_64_bits_are_exact():
    make_epoch()
    lam = ledger.lam_accounts(["0x" + "1" * 40])["0x" + "1" * 40]
    amount = 2**200 + 1
    ledger.post(
        kind=EntryKind.CONVERSION,
        key="big",
        epoch=1,
        lines=[
            Amount(SystemAccount.EMISSION, -amount, Category.ALLOCATED, Unit.LAM_WEI),
            Amount(lam, amount, Category.ALLOCATED, Unit.LAM_WEI),
        ],
        request={},
    )
    assert ledger.balance(lam) == amount


def sql(statement: str, *arguments: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, arguments)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_line SET amount = amount + 1",
        "UPDATE points_entry SET posted_at = now()",
        "UPDATE points_entry SET inputs = '{}'",
        "UPDATE points_seal SET chain = digest",
        "UPDATE points_account SET user_id = NULL",
        "DELETE FROM points_line",
        "DELETE FROM points_entry",
        "DELETE FROM points_seal",
        "DELETE FROM points_account",
        "DELETE FROM points_epoch",
        "TRUNCATE points_line",
        "TRUNCATE points_seal",
        "TRUNCATE points_entry CASCADE",
        "TRUNCATE points_allocation",
        "TRUNCATE points_epoch CASCADE",
        "UPDATE points_balance SET amount = 10",
        "DELETE FROM points_balance",
        "INSERT INTO points_balance (account_id, unit, amount) VALUES (1, 1, 5)",
        "UPDATE points_epoch SET policy_hash = 'x'",
        "UPDATE points_epoch SET salt = ''",
    ],
)
def test_the_journal_is_only_appended_to(statement):
    make_epoch()
    person = make_account()
    earn(person, 5)
    seal_pending()
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(Error, match="points:"):
        sql(statement)
    assert ledger.balance(person) == 5
    assert Line.objects.count() == 2


def insert_entry(identifier: int, *, lines: int = 2, epoch: int = 1) -> None:
    sql(
        "INSERT INTO points_entry (id, kind, epoch_id, posted_at, inputs, line_count, salt, digest)"
        " VALUES (%s, 'use', %s, now(), '{}', %s, '', %s)",
        identifier,
        epoch,
        lines,
        identifier.to_bytes(32, "big"),
    )


def insert_lines(entry: int, *amounts: int, first_position: int = 0, epoch: int = 1) -> None:
    values = ", ".join(
        f"({entry}, {first_position + n}, {SystemAccount.ISSUANCE}, 1, 1, {epoch}, {amount})"
        for n, amount in enumerate(amounts)
    )
    sql(
        "INSERT INTO points_line "
        f"(entry_id, position, account_id, unit, category, epoch_number, amount) VALUES {values}"
    )


def test_an_entry_without_its_lines_is_refused():
    make_epoch()
    with pytest.raises(Error, match="all of its lines"):
        insert_entry(5)


def test_lines_cannot_be_added_to_an_entry_later():
    make_epoch()
    entry = earn(make_account(), 5)
    for position in (0, 2):
        with pytest.raises(Error, match=re.compile("line_once|lines do not match")):
            insert_lines(entry.pk, -7, 7, first_position=position)


def test_lines_without_an_entry_are_refused():
    make_epoch()
    with pytest.raises(Error, match="lines do not match"):
        insert_lines(4711, -7, 7)


def test_the_application_role_only_reads_and_appends():
    make_epoch()
    person = make_account()
    with transaction.atomic():
        sql("SET LOCAL ROLE lam_app")
        earn(person, 5)
        seal_pending()
        for statement in (
            "UPDATE points_line SET amount = 1",
            "DELETE FROM points_entry",
            "TRUNCATE points_seal",
            "UPDATE points_balance SET amount = 1",
            "ALTER TABLE points_line DISABLE TRIGGER ALL",
            "SET session_replication_role = replica",
            "DELETE FROM points_epoch",
        ):
            with pytest.raises(Error, match=re.compile("permission denied|must be owner")):
                sql(statement)
        sql("RESET ROLE")
    assert ledger.balance(person) == 5


def test_posting_takes_the_same_queries_besides_the_insert_for_one_and_for_many_lines(
    django_assert_num_queries,
):
    make_epoch()
    people = [make_account() for _ in range(6)]
    # Codes of accounts and the epoch's secret are read once.
    for person in people:
        earn(person, 1)
    for count in (1, 6):
        lines = [Amount(each, 2, Category.REFERRAL) for each in people[:count]]
        with django_assert_num_queries(4):
            ledger.post(
                kind=EntryKind.SETTLEMENT,
                key=f"of {count}",
                epoch=1,
                lines=[Amount(SystemAccount.ISSUANCE, -2 * count, Category.WORK), *lines],
                request={},
            )


def in_threads(count: int, work) -> list[object]:
    """Run `work(n)` at once in many threads, each with a connection; results or exceptions."""
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def run(n: int) -> None:
        try:
            start.wait()
            results[n] = work(n)
        except Exception as error:
            results[n] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def errors(results: list[object]) -> Counter[str]:
    return Counter(type(each).__name__ for each in results if isinstance(each, Exception))


@pytest.mark.django_db(transaction=True)
def test_forty_writers_on_the_same_accounts_neither_deadlock_nor_overdraw():
    make_epoch()
    people = [make_account() for _ in range(4)]
    for person in people:
        earn(person, 1000)

    def shuffle(n: int) -> None:
        for step in range(5):
            source, target = people[(n + step) % 4], people[(n * 3 + step + 1) % 4]
            if source == target:
                target = people[(n + step + 2) % 4]
            try:
                move(source, target, 97, key=f"{n}/{step}")
            except ledger.InsufficientBalance:
                continue

    assert not errors(in_threads(40, shuffle))
    balances = list(Balance.objects.values_list("amount", flat=True))
    assert sum(balances) == 4000
    assert min(balances) >= 0
    for balance in Balance.objects.all():
        lines = Line.objects.filter(account=balance.account_id)
        assert lines.aggregate(sum=Sum("amount"))["sum"] == balance.amount
    assert sum(Line.objects.values_list("amount", flat=True)) == 0


@pytest.mark.django_db(transaction=True)
def test_one_key_from_32_writers_is_one_entry():
    make_epoch()
    person = make_account()
    results = in_threads(32, lambda n: earn(person, 7, key="same").pk)
    assert not errors(results)
    assert len(set(results)) == 1
    assert ledger.balance(person) == 7
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_balance_is_spent_once_by_32_writers():
    make_epoch()
    person, other = make_account(), make_account()
    earn(person, 100)
    results = in_threads(32, lambda n: move(person, other, 10, key=str(n)))
    assert errors(results) == {"InsufficientBalance": 22}
    assert (ledger.balance(person), ledger.balance(other)) == (0, 100)


def test_after_the_close_the_next_epoch_is_in_progress():
    epoch = make_epoch()
    assert ledger.lock_epoch() == (1, epoch)
    Epoch.objects.filter(pk=1).update(
        closing_at=epoch.opened_at,
        closed_at=epoch.opened_at,
        ledger_root="0x" + "0" * 64,
        root="0x" + "0" * 64,
        bundle_hash="0x" + "0" * 64,
    )
    assert ledger.lock_epoch() == (2, None)
    with pytest.raises(ledger.EpochNotInProgress):
        earn(make_account(), 5, epoch=1)


@pytest.mark.django_db(transaction=True)
def test_many_parts_go_in_together_or_not_at_all(monkeypatch):
    monkeypatch.setattr(ledger, "LINES_PER_STATEMENT", 4)
    make_epoch()
    people = [make_account() for _ in range(7)]

    def drafts(last: int) -> list[ledger.Draft]:
        amounts = [5] * (len(people) - 1) + [last]
        return [
            ledger.Draft(
                kind=EntryKind.CARRY,
                key=f"{last}:{person}",
                epoch=1,
                lines=[
                    Amount(SystemAccount.ISSUANCE, -amount, Category.WORK),
                    Amount(person, amount, Category.WORK),
                ],
                request={},
            )
            for person, amount in zip(people, amounts, strict=True)
        ]

    with pytest.raises(ledger.InsufficientBalance):
        ledger.post_many(drafts(-5))
    assert not Entry.objects.exists()
    ids = ledger.post_many(drafts(5))
    assert list(Entry.objects.order_by("pk").values_list("pk", flat=True)) == ids
    assert [ledger.balance(person) for person in people] == [5] * 7


def uses_of_prepared_postings() -> dict[str, int]:
    """How often each prepared form of the statement was run on this connection, by its name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, generic_plans + custom_plans FROM pg_prepared_statements"
            " WHERE statement LIKE '%INSERT INTO points_entry%'"
        )
        return dict(cursor.fetchall())


def test_the_statement_of_a_posting_is_prepared_once_and_used_again():
    make_epoch()
    account = make_account()
    earn(account, 5)
    before = uses_of_prepared_postings()
    earn(account, 5)
    after = uses_of_prepared_postings()
    assert before.keys() == after.keys()
    assert sum(after.values()) == sum(before.values()) + 1
