"""A durable PostgreSQL of a benchmark's own, migrated, with Django set up on it."""

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from config import embedded
from config.garbage import COLLECT_AFTER


@contextmanager
def database(name: str) -> Iterator[tuple[Path, embedded.Postgres]]:
    """The running server and a folder to work in; both are gone afterwards."""
    prefix = f"bench-{name}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        postgres = embedded.Postgres(folder / "postgres", embedded.free_port())
        postgres.start()
        try:
            _set_up(folder, postgres)
            yield folder, postgres
        finally:
            postgres.stop()


def _set_up(folder: Path, postgres: embedded.Postgres) -> None:
    os.environ |= {
        "LAM_DATA_DIR": str(folder / "data"),
        "DATABASE_URL": postgres.url(),
        "DATABASE_OWNER_URL": postgres.url(embedded.OWNER_ROLE),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_ALLOWED_HOSTS": "testserver",
        "LAM_LOG_LEVEL": "WARNING",
    }
    django.setup()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    # As in the service's workers.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
