"""The supervisor and the loop, from the command line, on the project's own samples."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import embedded, environment

# Variables of the test run that would point the supervisor at other services.
FOREIGN = ("DATABASE_URL", "CELERY_BROKER_URL", "ETH_RPC_URL", "LAM_TEST_SERVICES")


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    variables = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    variables["LAM_DATA_DIR"] = str(data)
    # A machine without a network: nothing is fetched, the samples are used.
    variables["LAM_RECORDINGS_REPOSITORY"] = str(data / "no-such-repository")
    command = [sys.executable, "-m", "config.run", "--port", str(embedded.free_port())]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=environment.BASE_DIR,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=400)
    return output


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("installation")
    for parent in (folder, *list(folder.parents)[:3]):
        parent.chmod(0o755)
    return folder / "data"


@pytest.fixture(scope="module")
def loop(data: Path) -> dict:
    out = data.parent / "out.json"
    process = start(data, "--demo", "--exit", "--json", str(out))
    output = finish(process)
    assert process.returncode == 0, output
    return json.loads(out.read_text())


def test_the_loop_ends_without_a_difference(loop: dict):
    assert loop["reconciliation_differences"] == []
    assert [epoch["number"] for epoch in loop["epochs"]] == [1, 2]
    assert all(epoch["tx_hash"] for epoch in loop["epochs"])


def test_samples_are_labelled_and_pass_under_the_demonstration_release_alone(loop: dict):
    assert loop["source"] == "sample"
    assert loop["verified"] > 0


def test_bots_are_paid_nothing(loop: dict):
    assert loop["bots"]["submitted"] > 0
    assert loop["bots"]["paid"] == 0


def test_lam_is_claimed_in_every_way(loop: dict):
    assert all(loop["claims"][kind] > 0 for kind in ("own_wallet", "on_behalf", "by_signature"))


def test_the_second_epoch_pays_by_the_policy_that_was_voted(loop: dict):
    assert loop["proposal"]["state"] == "executed"
    assert loop["policy_before"] != loop["policy_after"]
    assert [e["policy_hash"] for e in loop["epochs"]] == [
        loop["policy_before"],
        loop["policy_after"],
    ]


def test_the_model_shows_tasks_that_nobody_scripted(loop: dict):
    shown = loop["model"]
    assert 0 < shown["done"] <= shown["tried"], shown
    assert "Nobody recorded" in Path(shown["page"]).read_text()
    assert list(Path(shown["page"]).parent.glob("*/000.png"))
    assert "model" not in loop["seconds"]


def test_another_run_resumes_and_doubles_nothing(data: Path, loop: dict):
    out = data.parent / "again.json"
    process = start(data, "--demo", "--exit", "--json", str(out))
    output = finish(process)
    assert process.returncode == 0, output
    again = json.loads(out.read_text())
    for document in (loop, again):
        document.pop("seconds")
        document.pop("recordings_refused")
        document.pop("model")
    assert again == loop


def test_when_a_service_dies_everything_stops_and_says_which(data: Path, loop: dict):
    process = start(data)
    services = data / "services.json"
    deadline = time.monotonic() + 90
    while not services.exists() or "web" not in services.read_text():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    pids = json.loads(services.read_text())["pids"]
    second = start(data)
    assert "already running" in finish(second)
    os.kill(pids["anvil"], signal.SIGKILL)
    output = finish(process)
    assert process.returncode == 1
    assert "anvil ended" in output
    assert not services.exists()
    for pid in pids.values():
        assert not Path(f"/proc/{pid}").exists() or pid == os.getpid()


def test_bad_arguments_name_what_is_wrong(data: Path):
    process = start(data, "--demo", "--recordings", "/no/such/folder")
    assert "there is no folder /no/such/folder" in finish(process)
    process = start(data, "--frobnicate")
    assert "--frobnicate" in finish(process)
