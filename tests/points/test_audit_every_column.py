"""Whatever column of a money table is altered, whichever row is missing or added, the audit names.

On books with every usual kind of event: work, referrals, withdrawal, carried points, an epoch on
chain, claims by the wallet and by signature.
"""

import contextlib
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.db import DataError, IntegrityError, connection, models, transaction
from eth_account.messages import encode_typed_data

from accounts import referrals
from chain.abi import contract
from chain.deployment import deployment
from chain.models import Log
from chain.rebuild import differences
from contributions import withdraw
from points import audit, claims, epochs, rewards, seal
from points.chain_models import (
    Claim,
    EmissionLimit,
    RelayedClaim,
    RootActivation,
    RootSubmission,
    RootVeto,
)
from points.models import (
    Account,
    Allocation,
    Balance,
    CapUsage,
    Entry,
    Epoch,
    IdempotencyKey,
    Leaf,
    Line,
    Seal,
)
from tests.conftest import Chain
from tests.factories import key_of, make_user
from tests.points.makers import adopt_genesis, settled_work
from tests.points.onchain import follow, publish_until, send, stranger

pytestmark = pytest.mark.django_db

# Each with the rows that are tried: one, or one of each kind of thing the table holds.
TABLES: dict[type[models.Model], str] = {
    Account: "kind",
    Balance: "amount > 0",
    Epoch: "",
    Entry: "kind",
    Line: "unit",
    IdempotencyKey: "left(key, 7)",
    CapUsage: "kind",
    Seal: "",
    Leaf: "",
    Allocation: "epoch_id",
    RootSubmission: "",
    RootActivation: "",
    RootVeto: "",
    EmissionLimit: "",
    Claim: "",
    RelayedClaim: "",
}
# Models of the app that hold no money.
EXCLUDED: dict[type[models.Model], str] = {}
ROW_ID = "only the row's own number, which nothing refers to"
UNCHECKED = {
    **{
        (model, "id"): ROW_ID
        for model in (
            Line, Allocation, CapUsage, RootSubmission, RootActivation, RootVeto, EmissionLimit,
            Claim, RelayedClaim,
        )
    },
    (Epoch, "opened_at"): "no amount follows from it",
    (Epoch, "closed_at"): "no amount follows from it; when it began to close is in the bundle",
    (RelayedClaim, "requested_at"): "counts relays of a day, not money",
}  # fmt: skip
# How to alter a column so that it stays well formed, by its type.
ALTERED = {
    "smallint": "3 - {c}",
    "integer": "{c} + 1",
    "bigint": "coalesce({c}, 0) + 100",
    "numeric": "{c} + 1",
    "boolean": "NOT {c}",
    "character varying": "CASE WHEN {c} = '' THEN 'x' ELSE reverse({c}) END",
    "timestamp with time zone": "coalesce({c}, now()) + interval '1 second'",
    "jsonb": "CASE jsonb_typeof({c}) WHEN 'array' THEN {c} || '[1]' "
    "ELSE {c} || '{{\"altered\": 1}}' END",
    "uuid": "gen_random_uuid()",
    "bytea": "set_byte({c}, 0, (get_byte({c}, 0) + 1) % 256)",
}
# What the audit calls a row, in SQL: its table and key; a missing one has no number any more, only
# what it was about. A line goes by its entry, whose digest is over all of its lines.
EVENT = "ARRAY['{0} of log ' || log_index || ' in block ' || block_hash, '{0} ' || id]"
NAMES: dict[type[models.Model], str] = {
    Account: "'account ' || id",
    Balance: "'balance ' || account_id",
    Epoch: "'epoch ' || number",
    Entry: "'entry ' || id",
    Line: "'entry ' || entry_id",
    IdempotencyKey: "'idempotency key ' || entry_id",
    CapUsage: "kind || ' cap of user ' || user_id || ' in ' || period",
    Seal: "'seal ' || position",
    Leaf: "'leaf ' || index",
    Allocation: "ARRAY['allocation ' || id, "
    "'allocation of account ' || points_account_id || ' in epoch ' || epoch_id]",
    RelayedClaim: "ARRAY['relayed claim ' || id, 'relayed claim of intent ' || intent_id]",
    **{
        model: EVENT.format(model._meta.verbose_name)
        for model in (RootSubmission, RootActivation, RootVeto, EmissionLimit, Claim)
    },
}
SPECIAL = {(Entry, "reverses_id"): "id"}
COPY = "INSERT INTO {table} SELECT {columns} FROM {table} ORDER BY 1 LIMIT 1"
# Columns that an added row must have of its own, so that no constraint refuses it.
ADDED: dict[type[models.Model], dict[str, str]] = {
    Account: {"id": "5001", "kind": "'owed'", "unit": "1", "name": "''", "user_id": "{user}"},
    Balance: {"account_id": "5002", "amount": "7"},
    Epoch: {"number": "90"},
    Entry: {"id": "900000", "digest": "'\\x02'", "reverses_id": "NULL"},
    Line: {"id": "900000", "position": "90"},
    IdempotencyKey: {"entry_id": "900000", "key": "'new'", "workflow_id": "NULL"},
    CapUsage: {"id": "900000", "period": "5"},
    Seal: {"position": "(SELECT max(position) + 1 FROM points_seal)", "entry_id": "900000"},
    Leaf: {"index": "(SELECT max(index) + 1 FROM points_leaf)", "account_id": "1"},
    Allocation: {"id": "900000", "epoch_id": "3"},
    **{
        model: {"id": "900000", "log_index": "90"}
        for model in (RootSubmission, RootActivation, RootVeto, EmissionLimit, Claim)
    },
    RelayedClaim: {"id": "900000", "intent_id": "900000"},
}


def claimed(chain: Chain, person: Any) -> None:
    """By the person's own wallet."""
    proof = claims.proof(epoch=Epoch.objects.get(pk=1), address=key_of(person).address)
    given = (proof.address, proof.cumulative_wei, proof.root, proof.proof)
    assert send(chain, key_of(person), "RewardsDistributor", "claim", *given).succeeded


def relayed(person: Any) -> None:
    """By a signature."""
    data = claims.typed_data(
        user=person, account=key_of(person).address, recipient=stranger().address
    )
    signed = key_of(person).sign_message(encode_typed_data(full_message=data)).signature
    message = data["message"]
    claims.relay(
        user=person,
        account=message["account"],
        recipient=message["recipient"],
        cumulative_wei=int(message["cumulative"]),
        nonce=int(message["nonce"]),
        deadline=int(message["deadline"]),
        signature=bytes(signed),
    )


def also_logged(owner: str, name: str, indexed: list[Any], plain: list[Any]) -> None:
    """As if the chain had told of this too, in the first block that told of anything."""
    event, beside = contract(owner).event(name), Log.objects.order_by("pk")[0]
    words = [event.indexed.encode(indexed)[at : at + 32] for at in range(0, 32 * len(indexed), 32)]
    Log.objects.create(
        chain_id=beside.chain_id,
        block=beside.block,
        block_hash=beside.block_hash,
        block_number=beside.block_number,
        log_index=80 + len(indexed),
        transaction_hash=beside.transaction_hash,
        transaction_index=0,
        address=deployment().address(owner),
        topic0=event.topic0,
        topics=["0x" + word.hex() for word in words],
        data=event.plain.encode(plain),
    )
    assert len(differences(claims.project, keep=True)) == 1


@pytest.fixture
def books(chain: Chain, operator, settings) -> None:
    settings.PROJECTIONS = ["points.claims.project"]
    adopt_genesis()
    referrer, one, two, unpaid = make_user(), make_user(), make_user(), make_user(wallet=False)
    referrals.record(referred=one, referrer=referrer)
    epochs.open_next()
    for person in (one, two, unpaid):
        settled_work(person, operator)
    epochs.close(1)
    publish_until(chain, 1)
    claimed(chain, one)
    relayed(two)
    follow(chain)
    epochs.open_next()
    settled_work(one, operator)
    gone = settled_work(two, operator)
    withdraw.withdraw(contributor=two, workflow_id=gone.verdict.workflow_id)
    rewards.reverse_withdrawn()
    epochs.close(2)
    epochs.open_next()
    settled_work(one, operator)
    seal.seal_pending()
    also_logged("LAMToken", "EmissionLimited", [50], [10**24])
    also_logged("RewardsDistributor", "RootVetoed", [9, "0x" + "77" * 32], ["0x" + "7" * 40])
    assert audit.run() == []


class Undo(Exception):
    pass


def unnamed(
    model: type[models.Model], statement: str, audit: ModuleType = audit, name: str = ""
) -> list[str]:
    """What the audit finds instead when no finding names the row that the statement changed.

    Nothing either when PostgreSQL refuses the statement all the same. As someone with the owner's
    rights, past the triggers; undone afterwards. An altered key names the row by both its keys.
    """
    found: list[str] = []
    names: set[str] = set()
    try:
        with contextlib.suppress(Undo), transaction.atomic(), connection.cursor() as cursor:
            before = named_rows(model, name)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(statement)
            assert cursor.rowcount == 1, statement
            cursor.execute("SET LOCAL session_replication_role = origin")
            names = {name for name, _ in before ^ named_rows(model, name)}
            found = [str(each) for each in audit.run()]
            raise Undo
    except (IntegrityError, DataError):
        return []
    named = [re.search(rf"\b{re.escape(name)}\b", each) for name in names for each in found]
    return [] if any(named) else [f"{statement}: {sorted(names)} not in {found}"]


def named_rows(model: type[models.Model], name: str = "") -> set[tuple[str, str]]:
    """All rows of a table as text, with what the audit calls them."""
    with connection.cursor() as cursor:
        named = f"unnest(ARRAY[]::text[] || ({name or NAMES[model]}))"
        cursor.execute(f"SELECT {named}, t::text FROM {model._meta.db_table} t")
        return set(cursor.fetchall())


def rows(model: type[models.Model]) -> Iterator[str]:
    """Conditions that each name one row: the first of every kind."""
    table, key = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        kinds = f"GROUP BY {TABLES[model]}" if TABLES[model] else ""
        cursor.execute(f"SELECT min({key}) FROM {table} {kinds}")
        for (pk,) in cursor.fetchall():
            yield f"{key} = {pk}"


def types(model: type[models.Model]) -> dict[str, str]:
    """SQL types of the columns, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = %s ORDER BY ordinal_position",
            [model._meta.db_table],
        )
        return dict(cursor.fetchall())


def test_every_model_of_the_app_is_a_money_table_or_excluded_for_a_reason():
    assert set(apps.get_app_config("points").get_models()) == TABLES.keys() | EXCLUDED.keys()


def test_every_altered_column_is_found(books):
    wrong = []
    for model in TABLES:
        table = model._meta.db_table
        for column, kind in types(model).items():
            if (model, column) in UNCHECKED:
                continue
            value = SPECIAL.get((model, column), ALTERED[kind].format(c=column))
            for row in rows(model):
                wrong += unnamed(model, f"UPDATE {table} SET {column} = {value} WHERE {row}")
    assert not wrong, "\n".join(wrong)


def test_every_missing_row_is_found(books):
    wrong = []
    for model in TABLES:
        for row in rows(model):
            wrong += unnamed(model, f"DELETE FROM {model._meta.db_table} WHERE {row}")
    assert not wrong, "\n".join(wrong)


def test_every_added_row_is_found(books):
    user, wrong = make_user().pk, []
    for model, given in ADDED.items():
        columns = (given.get(name, name).format(user=user) for name in types(model))
        wrong += unnamed(model, COPY.format(table=model._meta.db_table, columns=", ".join(columns)))
    assert not wrong, "\n".join(wrong)
