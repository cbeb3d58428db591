"""Rebuilding projections from the stored logs, to prove that the live tables hold nothing else."""

from collections import Counter
from collections.abc import Iterator

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model

from chain.deployment import deployment
from chain.models import Chain, Cursor
from chain.projection import Projection

Row = tuple[str, ...]


def differences(projection: Projection, *, keep: bool) -> list[str]:
    """Rows that only the live tables (-) or only the rebuilt ones (+) hold.

    The chain's row is locked, so that both see the same finalized logs. With `keep` the rebuilt
    rows stay; otherwise everything is as before.
    """
    with transaction.atomic():
        chain_id = deployment().chain_id
        Chain.objects.select_for_update().filter(chain_id=chain_id).first()
        projection()
        live = _rows(projection)
        for label in reversed(projection.tables):
            _clear(apps.get_model(label))
        Cursor.objects.filter(chain_id=chain_id, name=projection.name).delete()
        projection()
        rebuilt = _rows(projection)
        transaction.set_rollback(not keep)
    return [f"- {row}" for row in live - rebuilt] + [f"+ {row}" for row in rebuilt - live]


def _clear(model: type[Model]) -> None:
    # Plain SQL: rows of other tables that point here keep pointing at the rebuilt ones.
    with connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{model._meta.db_table}"')  # noqa: S608


def _rows(projection: Projection) -> Counter[Row]:
    return Counter(row for label in projection.tables for row in _table_rows(label, projection))


def _table_rows(label: str, projection: Projection) -> Iterator[Row]:
    model = apps.get_model(label)
    fields = [f.attname for f in model._meta.concrete_fields if f.name not in projection.ignored]
    for values in model._default_manager.values_list(*fields).iterator():
        pairs = zip(fields, values, strict=True)
        yield (label, *(f"{field}={_plain(value)}" for field, value in pairs))


def _plain(value: object) -> str:
    return bytes(value).hex() if isinstance(value, memoryview | bytes) else repr(value)
