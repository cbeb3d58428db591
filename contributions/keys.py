"""The key store: each workflow's own key, outside PostgreSQL, whose WAL and backups never forget.

One file per contributor under settings.KEY_STORE_DIR (mode 0600, folders 0700) holds a key per
workflow. A file is never changed in place: a new one is written, fsynced and renamed over it, and
the folder fsynced, so a crash leaves either the old or the new one. Destroying a key does the same
and then overwrites the replaced file's blocks. Writers of one contributor take a file lock;
readers take none, because a rename is atomic.

Keys are written before the row that needs them commits: a crash in between leaves a key without a
row, which `sweep` destroys; never a row without its key.
"""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings

KEY_BYTES = 32
SWEEP_AGE_SECONDS = 3_600.0
# A reader may open a file in the moment it is replaced and overwritten; it then reads again.
READ_ATTEMPTS = 5


class MissingKey(Exception):
    """The key store has no key for the workflow: its content can't be read by anyone."""

    def __init__(self, workflow_id: UUID) -> None:
        self.workflow_id = workflow_id
        super().__init__(f"The key of workflow {workflow_id} is not in the key store.")


class DamagedKeyFile(Exception):
    """A file of the key store can't be read; it is left as it is."""


# Per workflow: the key in hexadecimal and when it was made, in Unix seconds.
_Keys = dict[str, tuple[str, float]]


def create(*, contributor_id: int, workflow_id: UUID) -> bytes:
    """The workflow's key, made and on disk when this returns; the same key when asked again."""
    return create_many(contributor_id=contributor_id, workflow_ids=[workflow_id])[workflow_id]


def create_many(*, contributor_id: int, workflow_ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """As `create` for several workflows of one contributor, whose file is written once."""
    wanted = list(dict.fromkeys(workflow_ids))
    with _locked(contributor_id) as path:
        keys = _load(path)
        if missing := [each for each in wanted if str(each) not in keys]:
            now = time.time()
            keys |= {str(each): (secrets.token_hex(KEY_BYTES), now) for each in missing}
            _replace(path, keys)
        return {each: bytes.fromhex(keys[str(each)][0]) for each in wanted}


def read(*, contributor_id: int, workflow_id: UUID) -> bytes:
    """The workflow's key. Raises MissingKey."""
    found = read_many([(contributor_id, workflow_id)])
    if workflow_id not in found:
        raise MissingKey(workflow_id)
    return found[workflow_id]


def read_many(pairs: Iterable[tuple[int, UUID]]) -> dict[UUID, bytes]:
    """Keys of many (contributor id, workflow id), each file read once; missing ones left out."""
    by_contributor: defaultdict[int, list[UUID]] = defaultdict(list)
    for contributor_id, workflow_id in pairs:
        by_contributor[contributor_id].append(workflow_id)
    found = {}
    for contributor_id, workflow_ids in by_contributor.items():
        keys = _load(_path(contributor_id))
        for workflow_id in workflow_ids:
            if known := keys.get(str(workflow_id)):
                found[workflow_id] = bytes.fromhex(known[0])
    return found


def destroy(*, contributor_id: int, workflow_id: UUID) -> bool:
    """Destroy a workflow's key for good; False when there was none."""
    return bool(_destroy_where(contributor_id, lambda name, made: name == str(workflow_id)))


def sweep(*, rows_of: Callable[[list[UUID]], set[UUID]], now: float | None = None) -> int:
    """Destroy keys that no live row needs; returns how many.

    `rows_of` says which of the given workflows have a row with content. Keys younger than an hour
    are left, since the transaction they were made for may still commit.
    """
    before = (now or time.time()) - SWEEP_AGE_SECONDS
    destroyed = 0
    for path in sorted(Path(settings.KEY_STORE_DIR).glob("??/*.json")):
        old = [UUID(name) for name, (_, made) in _load(path).items() if made < before]
        orphans = {str(name) for name in set(old) - rows_of(old)} if old else set()
        if orphans:
            destroyed += _destroy_where(int(path.stem), lambda name, made, o=orphans: name in o)  # type: ignore[misc]
    return destroyed


def _destroy_where(contributor_id: int, unwanted: Callable[[str, float], bool]) -> int:
    with _locked(contributor_id) as path:
        keys = _load(path)
        kept = {name: entry for name, entry in keys.items() if not unwanted(name, entry[1])}
        if len(kept) < len(keys):
            _replace(path, kept)
        return len(keys) - len(kept)


def _path(contributor_id: int) -> Path:
    folder = Path(settings.KEY_STORE_DIR) / f"{contributor_id % 256:02x}"
    return folder / f"{contributor_id}.json"


@contextlib.contextmanager
def _locked(contributor_id: int) -> Iterator[Path]:
    path = _path(contributor_id)
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _fsync_folder(path.parent.parent)
    lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(lock)


def _load(path: Path) -> _Keys:
    for attempt in range(READ_ATTEMPTS):
        try:
            stored: dict[str, list[str | float]] = json.loads(path.read_bytes())
            return {name: (str(key), float(made)) for name, (key, made) in stored.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError):
            if attempt + 1 < READ_ATTEMPTS:
                time.sleep(0.002 * 2**attempt)
    raise DamagedKeyFile(f"The key file {path} can't be read.")


def _replace(path: Path, keys: _Keys) -> None:
    """Write the new file beside the old, put it in its place, and wipe what was there."""
    replaced = os.open(path, os.O_RDWR | os.O_CLOEXEC) if path.exists() else None
    temporary = path.with_suffix(".new")
    # Left by a crash; the lock makes it nobody's.
    temporary.unlink(missing_ok=True)
    _write(temporary, json.dumps(keys).encode())
    os.replace(temporary, path)
    _fsync_folder(path.parent)
    if replaced is not None:
        _wipe(replaced)


def _write(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)


def _wipe(file: int) -> None:
    # The name is gone; the blocks would stay readable on the device until reused.
    try:
        os.pwrite(file, b"\0" * os.fstat(file).st_size, 0)
        os.fsync(file)
    finally:
        os.close(file)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
