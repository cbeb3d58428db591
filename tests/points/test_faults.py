"""PostgreSQL, the worker and the publisher killed again and again while epochs close and publish.

Writers post all the while, an epoch lasts a few seconds. Afterwards nothing is lost or doubled,
each root is on chain once, and the journal closed again without any disturbance gives the same
bundles, byte for byte.
"""

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eth_account import Account

from chain.abi import contract
from chain.deploy import deploy
from chain.parameters import GenesisDocument
from config import embedded, environment
from config.genesis import development_parameters, document_uri
from lam_core.canonical import content_hash
from tests.conftest import ETHER
from tests.points.fault_roles import DOCUMENT

PEOPLE = 300
WRITERS = 2
SERVICES = ("PostgreSQL", "worker", "publisher")
# A kill waits for one of these to be true, and then for up to half a second.
MOMENTS = {
    "any": "SELECT true",
    "close": "SELECT count(*) > 0 FROM points_epoch WHERE closing_at < now() AND closed_at IS NULL",
    "publish": "SELECT count(*) > 0 FROM chain_intent WHERE state IN ('pending', 'assigned')",
}


class Installation:
    """A PostgreSQL, a node with the contracts, a worker, a publisher and writers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.node = embedded.Anvil(
            folder / "anvil",
            embedded.free_port(),
            environment.BASE_DIR,
            block_seconds=None,
            persistent=False,
        )
        self.ended = threading.Event()
        self.mining = threading.Thread(target=self._mine)
        self.postgres = embedded.Postgres(folder / "postgres", embedded.free_port())
        self.services: dict[str, subprocess.Popen[str]] = {}
        self.writers: list[subprocess.Popen[str]] = []

    def start_all(self) -> None:
        """From nothing to a running loop."""
        self.node.start()
        self.postgres.start()
        self.manifest = self._deploy()
        self.mining.start()
        accounts = json.dumps(self.outcome("prepare", str(PEOPLE))["accounts"])
        self.writers = [self.start("load", accounts, str(n)) for n in range(WRITERS)]
        self.services = {name: self.start(name) for name in ("worker", "publisher")}

    def _mine(self) -> None:
        """Five blocks a second, so that what is sent is soon final."""
        while not self.ended.wait(0.2):
            embedded.rpc(self.node.url, "evm_mine")

    def _deploy(self) -> dict[str, Any]:
        keys = self.data / "keys"
        keys.mkdir(parents=True, mode=0o700)
        parameters = development_parameters(
            publisher=self._key(keys / "publisher"), guardian=self._key(keys / "guardian")
        )
        own = content_hash(DOCUMENT)
        policy = GenesisDocument(content_hash=own, uri=document_uri(own))
        deployer = Account.create()
        self._fund(deployer.address)
        return deploy(
            self.node.url,
            deployer.key,
            dataclasses.replace(parameters, policy=policy),
            manifest_path=self.data / "deployment.json",
        )

    def _key(self, path: Path) -> str:
        account = Account.create()
        path.touch(mode=0o600)
        path.write_text(account.key.hex())
        self._fund(account.address)
        return account.address

    def _fund(self, address: str) -> None:
        embedded.rpc(self.node.url, "anvil_setBalance", address, hex(1000 * ETHER))

    def start(self, *role: str, **variables: str) -> subprocess.Popen[str]:
        """A role's process; its errors go into a log."""
        given = {
            "LAM_DATA_DIR": str(self.data),
            "DATABASE_URL": self.postgres.url(embedded.OWNER_ROLE),
            "ETH_RPC_URL": self.node.url,
            "CHAIN_POLL_SECONDS": "0.2",
        }
        with (self.folder / f"{role[0]}.log").open("a") as log:
            return subprocess.Popen(
                embedded.python("-m", "tests.points.fault_roles", *role),
                cwd=environment.BASE_DIR,
                env={**os.environ, **given, **variables},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def outcome(self, *role: str, **variables: str) -> dict[str, Any]:
        """What a role that ends came to."""
        return self._outcome(self.start(*role, **variables))

    def _outcome(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, self.logs()
        found: dict[str, Any] = json.loads(output)
        return found

    def logs(self) -> str:
        """The end of every role's log."""
        return "\n".join(
            f"{path.name}:\n{path.read_text()[-2000:]}" for path in self.folder.glob("*.log")
        )

    def wait_for(self, question: str) -> None:
        """Until the first row of a query is true; PostgreSQL may be on its way."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), self.connection() as connection:
                while time.monotonic() < deadline:
                    row = connection.execute(question.encode()).fetchone()
                    if row and row[0]:
                        return
                    time.sleep(0.01)
        raise AssertionError(f"it never came to {question}\n{self.logs()}")

    def connection(self) -> psycopg.Connection[Any]:
        """As the owner."""
        return psycopg.connect(self.postgres.url(embedded.OWNER_ROLE), autocommit=True)

    def kill(self, service: str) -> None:
        """End a service at once, and start it again."""
        if service == "PostgreSQL":
            assert self.postgres.process
            assert self.postgres.process.child
            pid = self.postgres.process.child.pid
            for each in (pid, *children(pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            self.postgres.process.child.wait()
            self.postgres.start()
        else:
            end(self.services[service])
            (self.data / f"ready-{service}").unlink()
            self.services[service] = self.start(service)

    def wait_until_ready(self, service: str) -> None:
        """Until it works again; PostgreSQL does when it has started."""
        deadline = time.monotonic() + 120
        while service != "PostgreSQL" and not (self.data / f"ready-{service}").exists():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def finish(self) -> Counter[str]:
        """The writers stop, then the epochs; what was given to whom, when all of it is on chain."""
        (self.data / "stop-load").touch()
        given: Counter[str] = Counter()
        for writer in self.writers:
            given.update(self._outcome(writer)["given"])
        (self.data / "stop-epochs").touch()
        self.wait_for(
            "SELECT (SELECT max(number) FROM points_epoch) = "
            "(SELECT max(epoch_number) FROM points_rootactivation)"
        )
        for process in self.services.values():
            end(process)
        return given

    def close_again(self) -> tuple[dict[str, str], Path]:
        """Bundle hashes by epoch of the same journal in a copy, and where its bundles are."""
        with psycopg.connect(
            self.postgres.url(embedded.OWNER_ROLE, "postgres"), autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE copy TEMPLATE {embedded.DATABASE}".encode())
        bundles = self.folder / "undisturbed"
        url = self.postgres.url(embedded.OWNER_ROLE, "copy")
        return self.outcome("rebuild", DATABASE_URL=url, LAM_BUNDLES_DIR=str(bundles)), bundles

    def logs_of(self, name: str, event: str) -> list[dict[str, Any]]:
        """Every log of an event that the node has."""
        where = {
            "address": self.manifest["contracts"][name]["address"],
            "topics": [contract(name).event(event).topic0],
            "fromBlock": "0x0",
        }
        found = embedded.rpc(self.node.url, "eth_getLogs", where)
        assert isinstance(found, list)
        return found

    def stop(self) -> None:
        """End what still runs."""
        for process in (*self.services.values(), *self.writers):
            end(process)
        self.ended.set()
        if self.mining.is_alive():
            self.mining.join()
        self.postgres.stop()
        self.node.stop()


def end(process: subprocess.Popen[str]) -> None:
    """At once, and without a trace."""
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    for parent in (tmp_path, *list(tmp_path.parents)[:3]):
        parent.chmod(0o755)
    made = Installation(tmp_path)
    try:
        made.start_all()
        yield made
    finally:
        made.stop()


def disturb(installation: Installation, kills: int) -> None:
    """Kill the services in turn at random moments of the close and of the publication."""
    chance = random.Random(kills)
    for number in range(kills):
        service = SERVICES[number % len(SERVICES)]
        installation.wait_until_ready(service)
        installation.wait_for(MOMENTS[chance.choice(sorted(MOMENTS))])
        time.sleep(chance.uniform(0, 0.5))
        installation.kill(service)


def expect_everything_once(installation: Installation, given: Counter[str]) -> None:
    """Nobody's points are lost or doubled, no root is on chain twice."""
    books = installation.outcome("books")
    assert books["differences"] == []
    assert books["held"] == {}
    assert books["allocated"] == {account: n for account, n in given.items() if n}
    assert set(books["states"].values()) == {"active", "final"}
    for name, event in (
        ("LAMToken", "EmissionMinted"),
        ("RewardsDistributor", "RootSubmitted"),
        ("RewardsDistributor", "RootActivated"),
    ):
        assert len(installation.logs_of(name, event)) == len(books["epochs"]), event
    hashes, bundles = installation.close_again()
    assert hashes == books["epochs"]
    for file in sorted(bundles.glob("epoch-*/*")):
        kept = installation.data / "bundles" / file.relative_to(bundles)
        assert kept.read_bytes() == file.read_bytes(), file


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_whatever_dies_the_same_bundle_is_on_chain_once(installation: Installation, kills: int):
    disturb(installation, kills)
    expect_everything_once(installation, installation.finish())
