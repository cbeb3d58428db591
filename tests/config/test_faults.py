"""Every service killed in the middle of the loop, one run after the other on one installation.

Each run ends by saying which service died and leaves nothing behind that runs; the next goes on.
The last ends without a difference, with everything done once.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.config.test_run import finish, start

pytestmark = pytest.mark.slow

# Which service is killed, and the moment: the first row of the query is true.
MOMENTS = [
    ("web", "SELECT count(*) > 3 FROM contributions_workflow"),
    ("worker", "SELECT count(*) > 6 FROM contributions_workflow"),
    ("PostgreSQL", "SELECT count(*) > 2 FROM contributions_verdict"),
    ("broker", "SELECT count(*) > 9 FROM contributions_workflow"),
    ("scheduler", "SELECT count(*) > 0 FROM points_epoch WHERE closing_at IS NOT NULL"),
    ("PostgreSQL", "SELECT count(*) > 0 FROM points_epoch WHERE closed_at IS NOT NULL"),
    ("anvil", "SELECT count(*) > 0 FROM points_claim"),
    ("chain", "SELECT count(*) > 0 FROM governance_proposal"),
    ("anvil", "SELECT count(*) > 1 FROM points_epoch"),
    ("web", "SELECT count(*) > 0 FROM marketplace_automation"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    for parent in (folder, *list(folder.parents)[:3]):
        parent.chmod(0o755)
    return folder / "data"


def pids_when(data: Path, process: subprocess.Popen[str], question: str) -> dict[str, int]:
    """The services' process ids, as soon as the moment has come."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        try:
            services = json.loads((data / "services.json").read_text())
            url = services["environment"]["DATABASE_OWNER_URL"]
            with psycopg.connect(url, autocommit=True) as connection:
                while not _is_so(connection, question):
                    assert process.poll() is None, process.communicate()[0]
                    assert time.monotonic() < deadline, question
                    time.sleep(0.02)
            pids: dict[str, int] = json.loads((data / "services.json").read_text())["pids"]
        except (FileNotFoundError, ValueError, KeyError, psycopg.OperationalError):
            time.sleep(0.1)
            continue
        if "scheduler" in pids:
            return pids
    raise AssertionError(f"it never came to {question}")


def _is_so(connection: psycopg.Connection[Any], question: str) -> bool:
    try:
        row = connection.execute(question.encode()).fetchone()
    except psycopg.errors.UndefinedTable:  # not migrated yet
        return False
    return bool(row and row[0])


def of_installation(data: Path) -> Iterator[int]:
    """Every process that runs with this data folder."""
    mark = f"LAM_DATA_DIR={data}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found = mark in (folder / "environ").read_bytes().split(b"\0")
            zombie = b") Z " in (folder / "stat").read_bytes()
        except OSError:
            continue
        if found and not zombie:
            yield int(folder.name)


def nothing_runs(data: Path) -> bool:
    deadline = time.monotonic() + 20
    while list(of_installation(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not list(of_installation(data))


def test_the_loop_survives_the_sudden_death_of_every_service(data: Path):
    out = data.parent / "out.json"
    arguments = ("--demo", "--exit", "--json", str(out))
    for service, question in MOMENTS:
        process = start(data, *arguments)
        os.kill(pids_when(data, process, question)[service], signal.SIGKILL)
        output = finish(process)
        assert process.returncode == 1, output
        assert f"{service} ended" in output
        assert nothing_runs(data), service
    process = start(data, *arguments)
    output = finish(process)
    assert process.returncode == 0, output
    summary = json.loads(out.read_text())
    assert summary["reconciliation_differences"] == []
    expect_everything_once(data, summary)


def expect_everything_once(data: Path, summary: dict[str, Any]) -> None:
    """As an installation of its own comes to whose loop ran through."""
    smooth = data.parent / "smooth.json"
    process = start(data.parent / "smooth", "--demo", "--exit", "--json", str(smooth))
    output = finish(process)
    assert process.returncode == 0, output
    expected = json.loads(smooth.read_text())
    for name in ("contributors", "recordings_imported", "verified", "rejected_by_reason", "bots"):
        assert summary[name] == expected[name], name
    assert summary["points_total"] == expected["points_total"]
    assert summary["proposal"]["state"] == "executed"
    assert [e["number"] for e in summary["epochs"]] == [e["number"] for e in expected["epochs"]]
    for name in ("claims", "uses", "withdrawn"):
        assert summary[name] == expected[name], name
