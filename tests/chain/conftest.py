"""A node with one small contract that logs what it is told; real blocks, real reorgs."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain import abi, keys
from chain.rpc import Rpc
from config import embedded

SAID = "0x" + keccak(text="Said(uint256)").hex()
# Logs its calldata as Said(uint256); without calldata it reverts.
RUNTIME = bytes.fromhex("3615602e57365f5f377f" + SAID[2:] + "365fa1005b5f5ffd")
CREATION = bytes.fromhex(f"60{len(RUNTIME):02x}600a5f3960{len(RUNTIME):02x}5ff3") + RUNTIME
EMITTER_ABI = [
    {
        "type": "event",
        "name": "Said",
        "inputs": [{"name": "word", "type": "uint256", "indexed": False}],
    }
]


@dataclass(frozen=True)
class Emitter:
    """The contract, the node it is on, and an account that pays."""

    url: str
    address: str
    payer: str

    @property
    def client(self) -> Rpc:
        return Rpc(self.url)

    def rpc(self, method: str, *params: object) -> object:
        return embedded.rpc(self.url, method, *params)

    def say(self, word: int) -> str:
        """Log one word in a block of its own."""
        call = {"from": self.payer, "to": self.address, "data": "0x" + word.to_bytes(32).hex()}
        return mined(self.url, call)["transactionHash"]

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def finalize(self) -> None:
        self.mine(3)

    def reorg(self, depth: int) -> None:
        """Replace the last `depth` blocks by empty ones; their transactions are gone."""
        self.rpc("anvil_reorg", depth, [])

    def fund(self, address: str) -> None:
        self.rpc("anvil_setBalance", address, hex(10**20))


def mined(url: str, call: dict[str, str]) -> dict:
    """Send from an account the node plays, and wait for the block."""
    sent = embedded.rpc(url, "eth_sendTransaction", call)
    for _ in range(200):
        receipt = embedded.rpc(url, "eth_getTransactionReceipt", sent)
        if isinstance(receipt, dict):
            return receipt
        time.sleep(0.01)
    raise AssertionError(f"{sent} was not mined")


@pytest.fixture
def emitter(node: embedded.Anvil, settings, tmp_path, monkeypatch) -> Iterator[Emitter]:
    """A fresh deployment that settings point at; undone on the node afterwards."""
    snapshot = embedded.rpc(node.url, "evm_snapshot")
    payer = Account.create().address
    embedded.rpc(node.url, "anvil_setBalance", payer, hex(10**20))
    embedded.rpc(node.url, "anvil_impersonateAccount", payer)
    receipt = mined(node.url, {"from": payer, "data": "0x" + CREATION.hex()})
    address = to_checksum_address(receipt["contractAddress"])
    manifest = {
        "chain_id": 31337,
        "block_number": int(receipt["blockNumber"], 16),
        "contracts": {"Emitter": {"address": address}},
    }
    (tmp_path / "abi").mkdir()
    artifact = {"contractName": "Emitter", "abi": EMITTER_ABI, "bytecode": "0x"}
    (tmp_path / "abi" / "Emitter.json").write_text(json.dumps(artifact))
    monkeypatch.setattr(abi, "ABI_DIR", tmp_path / "abi")
    abi.all_errors.cache_clear()
    settings.ETH_RPC_URL = node.url
    settings.DEPLOYMENT_PATH = tmp_path / "deployment.json"
    settings.DEPLOYMENT_PATH.write_text(json.dumps(manifest))
    settings.PROJECTIONS = []
    yield Emitter(node.url, address, payer)
    abi.all_errors.cache_clear()
    embedded.rpc(node.url, "evm_revert", snapshot)


@pytest.fixture
def relayer(emitter: Emitter) -> str:
    """A funded key of the service."""
    account = keys.create("relayer")
    emitter.fund(account.address)
    return account.address
