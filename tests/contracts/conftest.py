"""A chain with freshly deployed contracts and short words to act on it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.abi import contract, revert_reason
from chain.deploy import deploy
from chain.parameters import DeploymentParameters, GenesisDocument
from chain.rpc import Receipt, Reverted, Rpc
from config import embedded

ETHER = 10**18
POLICY = GenesisDocument(content_hash="0x" + "11" * 32, uri="/api/v1/policies/genesis")
VERIFIER = GenesisDocument(content_hash="0x" + "22" * 32, uri="lam_core/rules-1.json")


class Refused(Exception):
    """A transaction reverted; the message is the contract's error."""


@dataclass(frozen=True)
class Stage:
    """The node, the contracts on it and the people who act."""

    rpc: Rpc
    manifest: dict[str, Any]
    deployer: LocalAccount
    publisher: LocalAccount
    guardian: LocalAccount

    def address(self, name: str) -> str:
        return self.manifest["contracts"][name]["address"]

    def read(self, name: str, function: str, *arguments: Any) -> Any:
        abi = contract(name)
        data = self.rpc.read(to=self.address(name), data=abi.encode_call(function, *arguments))
        return abi.decode_result(function, data, len(arguments))

    def send(self, sender: LocalAccount, name: str, function: str, *arguments: Any) -> Receipt:
        """Send a transaction that must succeed. Raises Refused with the contract's error."""
        data = contract(name).encode_call(function, *arguments)
        to = self.address(name)
        try:
            gas = self.rpc.estimate_gas(sender=sender.address, to=to, data=data) * 3 // 2
        except Reverted as error:
            raise Refused(revert_reason(error.data)) from error
        transaction = {
            "type": 2,
            "chainId": self.manifest["chain_id"],
            "nonce": self.rpc.nonce(sender.address, "pending"),
            "to": to,
            "value": 0,
            "data": "0x" + data.hex(),
            "gas": gas,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        }
        raw = bytes(sender.sign_transaction(transaction).raw_transaction)
        receipt = self._mined(self.rpc.send_raw(raw))
        assert receipt.succeeded
        return receipt

    def _mined(self, transaction_hash: str) -> Receipt:
        # The node answers before its block is there.
        deadline = time.monotonic() + 20
        while (receipt := self.rpc.receipt(transaction_hash)) is None:
            assert time.monotonic() < deadline, f"{transaction_hash} was not mined"
            time.sleep(0.01)
        return receipt

    def advance(self, seconds: int) -> None:
        self.rpc.call("evm_increaseTime", seconds)
        self.rpc.call("evm_mine")

    def fund(self, *accounts: LocalAccount) -> None:
        for account in accounts:
            self.rpc.call("anvil_setBalance", account.address, hex(100 * ETHER))


def parameters(publisher: str, guardian: str, **changes: Any) -> DeploymentParameters:
    return DeploymentParameters(
        publisher=publisher, guardian=guardian, policy=POLICY, verifier=VERIFIER, **changes
    )


@pytest.fixture
def fresh(node: embedded.Anvil) -> Iterator[embedded.Anvil]:
    """The node as it was before the test, afterwards."""
    snapshot = embedded.rpc(node.url, "evm_snapshot")
    yield node
    embedded.rpc(node.url, "evm_revert", snapshot)


@pytest.fixture
def stage(fresh: embedded.Anvil, tmp_path: Path) -> Stage:
    deployer, publisher, guardian = (Account.create() for _ in range(3))
    for account in (deployer, publisher, guardian):
        embedded.rpc(fresh.url, "anvil_setBalance", account.address, hex(100 * ETHER))
    manifest = deploy(
        fresh.url,
        deployer.key,
        parameters(publisher.address, guardian.address),
        manifest_path=tmp_path / "deployment.json",
    )
    return Stage(Rpc(fresh.url), manifest, deployer, publisher, guardian)
