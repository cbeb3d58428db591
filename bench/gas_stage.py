"""A node of its own, contracts on it, and gas from receipts: what bench/gas.py measures on."""

import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.abi import ABI_DIR, Contract, contract
from chain.deploy import created, deploy
from chain.parameters import DeploymentParameters, GenesisDocument
from chain.rpc import Rpc
from config import embedded, environment
from points.keccak import Bytes
from points.merkle import MerkleTree, Value

ROOT = ABI_DIR.parent.parent
UNISWAP = ROOT / "node_modules/@uniswap/merkle-distributor/build/MerkleDistributor.json"
POLICY = "0x" + "11" * 32
GAS_LIMIT = 20_000_000


def account(index: int) -> LocalAccount:
    """The same accounts in every run, so that calldata and figures are the same."""
    return Account.from_key(hashlib.sha256(f"bench {index}".encode()).digest())


def stranger(index: int) -> str:
    """An address without a key."""
    return to_checksum_address(hashlib.sha256(f"stranger {index}".encode()).digest()[:20])


def uniswap_leaf(index: int, value: tuple[str, int]) -> bytes:
    """A leaf of Uniswap's distributor: keccak of the packed index, account and amount."""
    owner, amount = value
    return keccak(index.to_bytes(32, "big") + bytes.fromhex(owner[2:]) + amount.to_bytes(32, "big"))


class Tree:
    """A tree of (account, sum) with the arguments of claims under it."""

    def __init__(
        self,
        values: Sequence[tuple[str, int]],
        leaf: Callable[[int, tuple[str, int]], bytes] | None = None,
    ) -> None:
        self.values = values
        self._tree = (
            MerkleTree.of([Value(*value) for value in values])
            if leaf is None
            else MerkleTree.of_leaves(_rows(leaf(i, value) for i, value in enumerate(values)))
        )
        self.root = self._tree.root
        self.proof = self._tree.proof

    def claim(self, index: int) -> list[Any]:
        """Arguments of `claim`."""
        return [*self.values[index], self.root, self.proof(index)]

    def claim_many(self, first: int, count: int) -> list[Any]:
        """Arguments of `claimMany`."""
        proof = self._tree.range_proof(first, count)
        run = [list(value) for value in self.values[first : first + count]]
        return [run, proof.position, self.root, proof.siblings]


def _rows(leaves: Iterator[bytes]) -> Bytes:
    return np.frombuffer(b"".join(leaves), np.uint8).reshape(-1, 32)


def benchmark_contracts(folder: Path) -> dict[str, Contract]:
    """What ours are compared with, by the same settings; Uniswap's as its package has it."""
    script = ABI_DIR.parent / "script" / "export_abi.mjs"
    subprocess.run(["node", str(script), "--benchmarks", "--out", str(folder)], check=True)
    artifacts = {path.stem: json.loads(path.read_text()) for path in folder.iterdir()}
    artifacts["MerkleDistributor"] = json.loads(UNISWAP.read_text())
    return {
        name: Contract(name, each["abi"], "0x" + each["bytecode"].removeprefix("0x"))
        for name, each in artifacts.items()
    }


@dataclass
class Stage:
    """The node, addresses by name, and who deployed and publishes."""

    rpc: Rpc
    chain_id: int
    founder: LocalAccount
    addresses: dict[str, str]
    extra: dict[str, Contract]

    def abi(self, name: str) -> Contract:
        """Of a contract of ours or of one to compare with; `plain NAME` is another instance."""
        return self.extra.get(name) or contract(name.removeprefix("plain "))

    def send(self, sender: LocalAccount, name: str, function: str, *arguments: Any) -> int:
        """Gas used by a transaction that must succeed."""
        data = self.abi(name).encode_call(function, *arguments)
        return self._send(sender, self.addresses[name], data, f"{name}.{function}")

    def create(self, name: str, *arguments: Any) -> str:
        """Deploy a contract by the founder; its address."""
        self.addresses[name] = created(self.founder.address, self.rpc.nonce(self.founder.address))
        self._send(self.founder, None, self.abi(name).encode_constructor(*arguments), name)
        return self.addresses[name]

    def read(self, name: str, function: str, *arguments: Any) -> Any:
        """What a view answers."""
        data = self.abi(name).encode_call(function, *arguments)
        answer = self.rpc.read(to=self.addresses[name], data=data)
        return self.abi(name).decode_result(function, answer, len(arguments))

    def wait(self, seconds: int) -> None:
        """Let time pass, in a block of its own."""
        self.rpc.call("evm_increaseTime", seconds)
        self.rpc.call("evm_mine")

    def now(self) -> int:
        """Unix time of the last block."""
        header = self.rpc.header("latest")
        assert header is not None
        return header.timestamp

    def sign(
        self,
        who: LocalAccount,
        domain: tuple[str, str],
        kind: str,
        fields: dict[str, tuple[str, Any]],
    ) -> bytes:
        """An EIP-712 signature; the domain's name and contract, fields by type and value."""
        name, at = domain
        domain_data = {
            "name": name,
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.addresses[at],
        }
        types = {kind: [{"name": field, "type": each} for field, (each, _) in fields.items()]}
        message = {field: value for field, (_, value) in fields.items()}
        return bytes(who.sign_message(encode_typed_data(domain_data, types, message)).signature)

    def _send(self, sender: LocalAccount, to: str | None, data: bytes, what: str) -> int:
        transaction = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self.rpc.nonce(sender.address),
            "value": 0,
            "data": "0x" + data.hex(),
            "gas": GAS_LIMIT,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        } | ({"to": to} if to else {})
        sent = self.rpc.send_raw(bytes(sender.sign_transaction(transaction).raw_transaction))
        while (receipt := self.rpc.receipt(sent)) is None:
            time.sleep(0.01)
        if not receipt.succeeded:
            raise RuntimeError(f"{what} reverted")
        return receipt.gas_used


@contextmanager
def stage(people: Sequence[LocalAccount]) -> Iterator[Stage]:
    """The deployed contracts on a node of their own, which ends with the block."""
    founder = account(0)
    genesis = GenesisDocument(content_hash=POLICY, uri="bench")
    parameters = DeploymentParameters(
        publisher=founder.address,
        guardian=founder.address,
        policy=genesis,
        verifier=genesis,
        objection_period_seconds=30,
    )
    with tempfile.TemporaryDirectory() as folder:
        anvil = embedded.Anvil(
            Path(folder) / "anvil",
            embedded.free_port(),
            environment.BASE_DIR,
            block_seconds=None,
            persistent=False,
        )
        anvil.start()
        try:
            for each in (founder, *people):
                embedded.rpc(anvil.url, "anvil_setBalance", each.address, hex(10**21))
            manifest = deploy(
                anvil.url, founder.key, parameters, manifest_path=Path(folder) / "deployment.json"
            )
            addresses = {name: each["address"] for name, each in manifest["contracts"].items()}
            extra = benchmark_contracts(Path(folder) / "benchmarks")
            yield Stage(Rpc(anvil.url), manifest["chain_id"], founder, addresses, extra)
        finally:
            anvil.stop()
