"""The embedded services: real servers that end with their parent and keep what they were given."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from config import embedded, environment

ORPHAN = """
import sys, time
from pathlib import Path
from config import embedded
service = embedded.{service}
service.start()
print(service.process.child.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    "service",
    [
        "Postgres(Path(sys.argv[1]), embedded.free_port(), durable=False)",
        "Broker(Path(sys.argv[1]), embedded.free_port())",
        "Anvil(Path(sys.argv[1]), embedded.free_port(), Path.cwd(), persistent=False)",
    ],
)
def test_a_service_dies_with_a_supervisor_that_was_killed(tmp_path: Path, service: str):
    tmp_path.chmod(0o755)
    code = ORPHAN.format(service=service)
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=environment.BASE_DIR,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 20
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_the_application_role_reads_and_appends_but_owns_nothing(tmp_path: Path):
    postgres = embedded.Postgres(tmp_path / "postgres", embedded.free_port(), durable=False)
    tmp_path.chmod(0o755)
    postgres.start()
    try:
        with psycopg.connect(postgres.url(embedded.OWNER_ROLE), autocommit=True) as owner:
            owner.execute("CREATE TABLE work (id int)")
        with psycopg.connect(postgres.url(), autocommit=True) as application:
            application.execute("INSERT INTO work VALUES (1)")
            assert application.execute("SELECT id FROM work").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("DROP TABLE work")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("CREATE TABLE mine (id int)")
    finally:
        postgres.stop()


def test_what_was_committed_is_there_after_postgresql_was_killed(tmp_path: Path):
    tmp_path.chmod(0o755)
    postgres = embedded.Postgres(tmp_path / "postgres", embedded.free_port())
    postgres.start()
    with psycopg.connect(postgres.url(embedded.OWNER_ROLE)) as connection:
        connection.execute("CREATE TABLE work AS SELECT 7 AS id")
    assert postgres.process is not None
    assert postgres.process.child is not None
    postgres.process.child.kill()
    postgres.process.child.wait()
    postgres.start()
    try:
        with psycopg.connect(postgres.url(embedded.OWNER_ROLE)) as connection:
            assert connection.execute("SELECT id FROM work").fetchone() == (7,)
    finally:
        postgres.stop()


def timestamp(node: embedded.Anvil, block: str) -> int:
    header = embedded.rpc(node.url, "eth_getBlockByNumber", block, False)
    assert isinstance(header, dict)
    return int(header["timestamp"], 16)


def test_the_node_keeps_its_chain_and_its_moved_clock_over_a_restart(tmp_path: Path):
    node = embedded.Anvil(tmp_path, embedded.free_port(), environment.BASE_DIR, block_seconds=1)
    node.start()
    genesis = embedded.rpc(node.url, "eth_getBlockByNumber", "0x0", False)
    embedded.rpc(node.url, "evm_increaseTime", 100_000)
    node.mine_by_the_clock()
    embedded.rpc(node.url, "anvil_mine", "0x3")
    ahead = timestamp(node, "latest")
    time.sleep(2.5)  # The state is written every second.
    node.stop()
    node.start()
    try:
        assert embedded.rpc(node.url, "eth_getBlockByNumber", "0x0", False) == genesis
        assert ahead < timestamp(node, "latest") < ahead + 60
        # The final block's state can be asked about at once.
        assert embedded.rpc(node.url, "eth_getBalance", "0x" + "0" * 40, "finalized")
    finally:
        node.stop()


def kill(node: embedded.Anvil) -> None:
    assert node.process is not None
    assert node.process.child is not None
    node.process.child.kill()
    node.process.child.wait()


def test_what_was_final_is_there_after_the_node_was_killed(tmp_path: Path):
    node = embedded.Anvil(tmp_path, embedded.free_port(), environment.BASE_DIR)
    node.start()
    (sender,) = embedded.rpc(node.url, "eth_accounts")
    node.mine_by_the_clock()
    try:
        for _ in range(3):
            sent = embedded.rpc(node.url, "eth_sendTransaction", {"from": sender, "to": sender})
            while (receipt := embedded.rpc(node.url, "eth_getTransactionReceipt", sent)) is None:
                time.sleep(0.05)
            while number(node, "finalized") < int(receipt["blockNumber"], 16):
                time.sleep(0.05)
            final = number(node, "finalized")
            kill(node)
            node.start()
            node.mine_by_the_clock()
            assert number(node, "latest") >= final
            assert embedded.rpc(node.url, "eth_getTransactionReceipt", sent) == receipt
    finally:
        node.stop()


def number(node: embedded.Anvil, block: str) -> int:
    header = embedded.rpc(node.url, "eth_getBlockByNumber", block, False)
    assert isinstance(header, dict)
    return int(header["number"], 16)


def test_a_node_killed_while_it_wrote_its_state_goes_on_from_the_last_whole_one(tmp_path: Path):
    node = embedded.Anvil(tmp_path, embedded.free_port(), environment.BASE_DIR)
    node.start()
    embedded.rpc(node.url, "anvil_mine", "0x5")
    while not (tmp_path / "state.json").exists() or number_on_disk(tmp_path) < 5:
        time.sleep(0.1)
    node.keep_state()
    kill(node)
    whole = (tmp_path / "state.json").read_bytes()
    (tmp_path / "state.json").write_bytes(whole[: len(whole) // 2])
    node.keep_state()  # What is cut off is not kept.
    node.start()
    assert number(node, "latest") >= 5
    kill(node)
    (tmp_path / "state.json").write_bytes(b"{")
    (tmp_path / "state.kept").unlink()
    with pytest.raises(embedded.ServiceError, match=r"state\.json was cut off"):
        node.start()


def number_on_disk(folder: Path) -> int:
    try:
        return int(json.loads((folder / "state.json").read_text())["best_block_number"])
    except ValueError:
        return 0


def test_a_service_that_cannot_start_says_which_and_why(tmp_path: Path):
    taken = embedded.Broker(tmp_path / "one", embedded.free_port())
    taken.start()
    try:
        second = embedded.Broker(tmp_path / "two", taken.port)
        second._answers = lambda: False  # type: ignore[method-assign]
        with pytest.raises(embedded.ServiceError, match=r"broker did not start.*\n.*"):
            second.start()
    finally:
        taken.stop()
