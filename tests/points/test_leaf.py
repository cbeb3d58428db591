"""A leaf commits to every part of an entry, and opening one part tells nothing of the others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points import epochs, leaf, ledger
from points.models import Category, Entry, Epoch
from tests.factories import make_user
from tests.points.makers import adopt_genesis, settled_work

PARTS = st.lists(st.text(max_size=20), min_size=1, max_size=6)
SALT = st.binary(min_size=16, max_size=16)


def leaf_of(parts: list[str], salt: bytes) -> bytes:
    committed = leaf.commitments(parts, salt)
    return leaf.leaf_of(kind="use", epoch=3, posted_at="2026-01-01T00:00:00", committed=committed)


@given(PARTS, SALT, st.data())
def test_any_altered_part_or_salt_is_another_leaf(parts, salt, data):
    at = data.draw(st.integers(0, len(parts) - 1))
    altered = [*parts[:at], parts[at] + "1", *parts[at + 1 :]]
    assert leaf_of(altered, salt) != leaf_of(parts, salt)
    assert leaf_of(parts, salt[::-1] + b"1") != leaf_of(parts, salt)
    assert leaf_of([*parts, parts[-1]], salt) != leaf_of(parts, salt)


@given(PARTS, SALT, st.data())
def test_one_part_is_opened_by_its_own_salt_alone(parts, salt, data):
    at = data.draw(st.integers(0, len(parts) - 1))
    own = leaf.part_salts(salt, len(parts))[at]
    assert leaf.commitment(own, parts[at]) == leaf.commitments(parts, salt)[at]
    salts = leaf.part_salts(salt, len(parts))
    assert len(set(salts)) == len(parts)
    assert salt not in salts


def test_a_line_is_committed_to_as_canonical_json():
    text = leaf.line_text("points:7", "millipoints", "work", -30)
    assert json.loads(text) == ["points:7", "millipoints", "work", "-30"]
    assert json.dumps(json.loads(text), separators=(",", ":")) == text


@pytest.mark.django_db
def test_no_entry_of_work_can_be_found_from_its_workflow_by_the_epochs_secret(operator):
    adopt_genesis()
    from_key = settled_work_of_an_open_epoch(operator)
    entry = Entry.objects.get()
    assert bytes(entry.salt) != from_key
    assert len(bytes(entry.salt)) == leaf.SALT_BYTES


def settled_work_of_an_open_epoch(operator) -> bytes:
    """What the salt would be if it followed from the workflow."""
    epochs.open_next()
    settled_work(make_user(), operator)
    known = Entry.objects.get().idempotency
    return ledger.salt_of(bytes(Epoch.objects.get().salt), known.key)


@pytest.mark.django_db
def test_a_stored_entry_has_the_leaf_of_its_parts(operator):
    adopt_genesis()
    settled_work_of_an_open_epoch(operator)
    entry = Entry.objects.get()
    lines = list(entry.lines.order_by("position"))
    codes = ledger.account_codes(each.account_id for each in lines)
    coded = [(codes[each.account_id], each.unit, each.category, each.amount) for each in lines]
    parts = ledger.entry_parts(entry.inputs, coded)
    assert f'"{Category.WORK.name.lower()}"' in parts[1]
    committed = leaf.commitments(parts, bytes(entry.salt))
    assert bytes(entry.digest) == leaf.leaf_of(
        kind=entry.kind,
        epoch=entry.epoch_id,
        posted_at=ledger.timestamp(entry.posted_at),
        committed=committed,
    )
