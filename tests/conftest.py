"""Fixtures every test may use: the node, a deployed chain, private folders."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import expect

from config import embedded, environment

ETHER = 10**18
# A slow machine is no failure.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")
expect.set_options(timeout=30_000)


@pytest.fixture(autouse=True, scope="session")
def journal_survives_flush() -> Iterator[None]:
    """Between transactional tests Django truncates all tables, which the journal refuses.

    The test run's superuser may switch the triggers off for that one statement; the ledger's own
    accounts, made by a migration, are put back.
    """
    flush = DatabaseOperations.execute_sql_flush
    accounts = import_module("points.migrations.0002_journal").SYSTEM_ACCOUNTS

    def flush_all(operations: DatabaseOperations, statements: list[str]) -> None:
        off = "SET session_replication_role = replica"
        flush(operations, [off, *statements, "RESET session_replication_role", accounts])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_all)
        yield


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, settings) -> None:
    """Key store, keys and bundles of one test are nobody else's."""
    settings.KEY_STORE_DIR = tmp_path / "keystore"
    settings.KEYS_DIR = tmp_path / "keys"
    settings.BUNDLES_DIR = tmp_path / "bundles"


@pytest.fixture(scope="session")
def node(tmp_path_factory) -> Iterator[embedded.Anvil]:
    """A real anvil that mines on every transaction; one per xdist worker."""
    anvil = embedded.Anvil(
        tmp_path_factory.mktemp("anvil"),
        embedded.free_port(),
        environment.BASE_DIR,
        block_seconds=None,
        persistent=False,
    )
    anvil.start()
    yield anvil
    anvil.stop()


@dataclass(frozen=True)
class Chain:
    """A node with the contracts deployed: `rpc(method, *params)` reaches its development calls."""

    url: str
    manifest: dict
    deployer: LocalAccount

    def rpc(self, method: str, *params: object) -> object:
        return embedded.rpc(self.url, method, *params)

    def address(self, name: str) -> str:
        return self.manifest["contracts"][name]["address"]

    def fund(self, address: str, wei: int = 100 * ETHER) -> None:
        self.rpc("anvil_setBalance", address, hex(wei))

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def finalize(self) -> None:
        """Everything mined so far becomes final (two blocks later)."""
        self.mine(3)

    def advance(self, seconds: int) -> None:
        """Move the node's clock and mine a block at the new time."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()


@pytest.fixture(scope="session")
def deployed(node: embedded.Anvil, tmp_path_factory) -> Chain:
    """The contracts, deployed once per worker with the development parameters."""
    from chain.deploy import deploy
    from config.genesis import development_parameters

    deployer = Account.create()
    embedded.rpc(node.url, "anvil_setBalance", deployer.address, hex(1000 * ETHER))
    parameters = development_parameters(
        publisher=KEYS["publisher"].address, guardian=KEYS["guardian"].address
    )
    path = tmp_path_factory.mktemp("deployment") / "deployment.json"
    manifest = deploy(node.url, deployer.key, parameters, manifest_path=path)
    chain = Chain(node.url, manifest, deployer)
    for account in KEYS.values():
        chain.fund(account.address)
    return chain


# Random per run: never a well-known development key.
KEYS = {name: Account.create() for name in ("publisher", "relayer", "guardian", "operator")}


@pytest.fixture
def chain(deployed: Chain, settings, tmp_path: Path) -> Iterator[Chain]:
    """The deployed chain as the service sees it; whatever the test does to it is undone."""
    settings.ETH_RPC_URL = deployed.url
    settings.DEPLOYMENT_PATH = tmp_path / "deployment.json"
    settings.DEPLOYMENT_PATH.write_text(json.dumps(deployed.manifest))
    settings.KEYS_DIR.mkdir(mode=0o700, exist_ok=True)
    for name, account in KEYS.items():
        path = settings.KEYS_DIR / name
        path.touch(mode=0o600)
        path.write_text(account.key.hex())
    snapshot = deployed.rpc("evm_snapshot")
    yield deployed
    deployed.rpc("evm_revert", snapshot)
