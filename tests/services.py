"""Starts the real services of a test run, once, before Django reads its settings.

The controller starts PostgreSQL and the broker and hands their addresses to the xdist workers
through the environment; each worker has its own database and starts its own node when asked.
"""

import atexit
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config import embedded


def _start() -> None:
    folder = tempfile.TemporaryDirectory(prefix="action-model-test-", ignore_cleanup_errors=True)
    root = Path(folder.name)
    root.chmod(0o755)
    atexit.register(folder.cleanup)
    os.environ["LAM_DATA_DIR"] = str(root / "data")
    postgres = embedded.Postgres(root / "postgres", embedded.free_port(), durable=False)
    broker = embedded.Broker(root / "broker", embedded.free_port())
    for service in (postgres, broker):
        service.start()
        atexit.register(service.stop)
    # Tests create databases, so they connect as the owner; what the application's role may do is
    # tested with SET ROLE.
    os.environ["DATABASE_URL"] = postgres.url(embedded.OWNER_ROLE)
    os.environ["CELERY_BROKER_URL"] = broker.url
    os.environ["LAM_TEST_SERVICES"] = str(os.getpid())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Before pytest-django loads the settings."""
    if "LAM_TEST_SERVICES" not in os.environ:
        _start()
    elif "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["LAM_DATA_DIR"] += f"-{os.environ['PYTEST_XDIST_WORKER']}"
    return (yield)
