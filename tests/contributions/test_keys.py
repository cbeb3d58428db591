"""The key store."""

import multiprocessing
import os
import stat
import time
import uuid
from pathlib import Path

import pytest

from contributions import keys


def files(settings, pattern="??/*.json"):
    return sorted(Path(settings.KEY_STORE_DIR).glob(pattern))


def test_a_key_is_made_once_and_read_back(settings):
    workflow = uuid.uuid4()
    key = keys.create(contributor_id=7, workflow_id=workflow)
    assert len(key) == 32
    assert keys.create(contributor_id=7, workflow_id=workflow) == key
    assert keys.read(contributor_id=7, workflow_id=workflow) == key


def test_a_missing_key_is_a_named_error():
    workflow = uuid.uuid4()
    with pytest.raises(keys.MissingKey, match=str(workflow)):
        keys.read(contributor_id=7, workflow_id=workflow)


def test_nobody_else_may_read_the_files(settings):
    keys.create(contributor_id=7, workflow_id=uuid.uuid4())
    (path,) = files(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_many_keys_are_read_at_once_and_missing_ones_left_out():
    known = [(contributor, uuid.uuid4()) for contributor in (1, 1, 257)]
    made = {w: keys.create(contributor_id=c, workflow_id=w) for c, w in known}
    assert keys.read_many([*known, (1, uuid.uuid4()), (9, uuid.uuid4())]) == made


def test_destroying_one_key_leaves_the_others_and_no_copy_of_it(settings):
    gone, kept = uuid.uuid4(), uuid.uuid4()
    destroyed = keys.create(contributor_id=7, workflow_id=gone)
    other = keys.create(contributor_id=7, workflow_id=kept)
    (path,) = files(settings)
    with path.open("rb") as before:
        assert keys.destroy(contributor_id=7, workflow_id=gone)
        # Whoever still holds the replaced file open finds its blocks wiped.
        assert set(before.read()) == {0}
    assert not keys.destroy(contributor_id=7, workflow_id=gone)
    with pytest.raises(keys.MissingKey):
        keys.read(contributor_id=7, workflow_id=gone)
    assert keys.read(contributor_id=7, workflow_id=kept) == other
    for file in Path(settings.KEY_STORE_DIR).rglob("*"):
        if file.is_file():
            assert destroyed.hex() not in file.read_text()


def test_file_and_folder_are_synced_before_a_key_is_handed_out(monkeypatch, settings):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(stat.S_IFMT(os.fstat(fd).st_mode)) or real(fd)
    )
    keys.create(contributor_id=7, workflow_id=uuid.uuid4())
    assert {stat.S_IFREG, stat.S_IFDIR} <= set(synced)


def test_a_crash_before_the_rename_leaves_the_old_keys(monkeypatch, settings):
    first = uuid.uuid4()
    key = keys.create(contributor_id=7, workflow_id=first)

    def crash(*_):
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(OSError, match="power cut"):
            keys.create(contributor_id=7, workflow_id=uuid.uuid4())
    assert keys.read(contributor_id=7, workflow_id=first) == key
    assert keys.create(contributor_id=7, workflow_id=uuid.uuid4())
    assert files(settings, "??/*.new") == []


def test_a_damaged_file_is_refused_and_not_overwritten(settings):
    keys.create(contributor_id=7, workflow_id=uuid.uuid4())
    (path,) = files(settings)
    path.write_text("{")
    for attempt in (keys.read, keys.create, keys.destroy):
        with pytest.raises(keys.DamagedKeyFile):
            attempt(contributor_id=7, workflow_id=uuid.uuid4())
    assert path.read_text() == "{"


def _write_keys(folder, ids):
    from django.conf import settings

    settings.KEY_STORE_DIR = folder
    for workflow in ids:
        keys.create(contributor_id=7, workflow_id=workflow)


def test_writers_at_once_lose_no_key(settings):
    context = multiprocessing.get_context("fork")
    groups = [[uuid.uuid4() for _ in range(20)] for _ in range(4)]
    writers = [
        context.Process(target=_write_keys, args=(settings.KEY_STORE_DIR, ids)) for ids in groups
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    everything = [(7, workflow) for ids in groups for workflow in ids]
    assert len(keys.read_many(everything)) == 80


def test_readers_meet_whole_files_only(settings):
    kept = uuid.uuid4()
    key = keys.create(contributor_id=7, workflow_id=kept)
    context = multiprocessing.get_context("fork")
    writer = context.Process(
        target=_write_keys, args=(settings.KEY_STORE_DIR, [uuid.uuid4() for _ in range(150)])
    )
    writer.start()
    reads = 0
    while writer.is_alive():
        assert keys.read(contributor_id=7, workflow_id=kept) == key
        reads += 1
    writer.join()
    assert reads > 10


def test_only_old_keys_without_a_row_are_swept():
    with_row, orphan = uuid.uuid4(), uuid.uuid4()
    for workflow in (with_row, orphan):
        keys.create(contributor_id=300, workflow_id=workflow)

    def rows_of(ids):
        return {with_row} & set(ids)

    assert keys.sweep(rows_of=rows_of) == 0
    assert keys.sweep(rows_of=rows_of, now=time.time() + 2 * keys.SWEEP_AGE_SECONDS) == 1
    assert keys.read(contributor_id=300, workflow_id=with_row)
    with pytest.raises(keys.MissingKey):
        keys.read(contributor_id=300, workflow_id=orphan)
