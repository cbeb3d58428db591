"""Other forms of a bundle say what its files say, and are no part of its hash."""

import io
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pyarrow import parquet
from rest_framework.test import APIClient

from points import archive, bundle, epochs, mine, verify
from tests.factories import make_user
from tests.points.makers import adopt_genesis, closed_epoch

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed() -> Path:
    """A second epoch, in which one person is idle, one new and one without a wallet."""
    adopt_genesis()
    one, two = make_user(), make_user()
    closed_epoch((one, 30), (two, 10), (make_user(wallet=False), 5))
    closed_epoch((one, 31), (make_user(), 2**40))
    return bundle.path_of(django_settings.BUNDLES_DIR, 2)


def test_the_parquet_table_reads_back_equal_to_the_json(closed):
    answer = APIClient().get("/api/v1/epochs/2/allocations.parquet")
    table = parquet.read_table(io.BytesIO(b"".join(answer.streaming_content)))
    read = [
        bundle.Row(
            address=row["address"],
            leaf=row["leaf"],
            categories={name: row[name] for name in mine.REASONS if row[name]},
            millipoints=row["millipoints"],
            wei=int(row["wei"]),
            cumulative_wei=int(row["cumulative_wei"]),
        )
        for row in table.to_pylist()
    ]
    assert read == bundle.read_rows(closed)
    assert sorted(row.millipoints for row in read) == [0, 31, 2**40]


def test_a_table_of_an_epoch_nobody_worked_in_has_its_columns_and_no_row():
    adopt_genesis()
    epochs.open_next()
    epochs.close(1)
    path = archive.parquet_of(bundle.path_of(django_settings.BUNDLES_DIR, 1))
    table = parquet.read_table(path)
    assert (table.num_rows, table.column_names[:2]) == (0, ["address", "leaf"])


def test_what_lies_beside_the_bundle_is_no_part_of_it(closed):
    before = bundle.bundle_hash(closed)
    archive.of(closed)
    archive.parquet_of(closed)
    assert (closed / archive.PARQUET).exists()
    assert bundle.bundle_hash(closed) == before
    assert verify.verify(closed) == []


def test_a_form_of_a_missing_or_broken_bundle_leaves_nothing_behind(closed):
    (closed / "allocations.json").write_bytes(b'[{"leaf": 0}]')
    with pytest.raises(bundle.BundleError, match="row 0"):
        archive.parquet_of(closed)
    assert not list(closed.glob(f".{archive.PARQUET}*"))
    assert APIClient().get("/api/v1/epochs/2/allocations.parquet").status_code == 404
    with pytest.raises(bundle.BundleError):
        archive.parquet_of(closed / "nothing")
