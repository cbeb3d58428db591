"""Gas of the contracts' verbs, from receipts of a real node: `python -m bench.gas`.

A tree of 65,536 leaves (16 siblings a proof), LAM with votes, claims to balances that are empty on
the first and not on the later one. Writes bench/results/gas.json.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.abi import contract
from chain.deploy import DeploymentParameters, GenesisDocument, deploy
from chain.rpc import Rpc
from config import embedded, environment

LEAVES = 65_536
BATCH = 100
ETHER_WEI = 10**18
POLICY = "0x" + "11" * 32
RESULTS = Path(__file__).parent / "results" / "gas.json"


def _account(index: int) -> LocalAccount:
    """The same accounts in every run, so that calldata and figures are the same."""
    return Account.from_key(hashlib.sha256(f"bench {index}".encode()).digest())


def _stranger(index: int) -> str:
    return to_checksum_address(hashlib.sha256(f"stranger {index}".encode()).digest()[:20])


class Tree:
    """OpenZeppelin's StandardMerkleTree, unsorted leaves."""

    def __init__(self, values: Sequence[tuple[str, int]]) -> None:
        self.values = values
        leaves = [keccak(keccak(encode(["address", "uint256"], value))) for value in values]
        self.nodes = [b""] * (len(values) - 1) + leaves[::-1]
        for i in reversed(range(len(values) - 1)):
            self.nodes[i] = keccak(b"".join(sorted(self.nodes[2 * i + 1 : 2 * i + 3])))

    def claim(self, index: int) -> list[Any]:
        """Arguments of `claim`."""
        at, proof = 2 * len(self.values) - 2 - index, []
        while at > 0:
            proof.append(self.nodes[at - 1 if at % 2 == 0 else at + 1])
            at = (at - 1) // 2
        return [*self.values[index], self.nodes[0], proof]

    def claim_many(self, first: int, count: int) -> list[Any]:
        """Arguments of `claimMany`."""
        high = 2 * len(self.values) - 2 - first
        low = position = high - count + 1
        proof = []
        while low > 0:
            proof += [self.nodes[low - 1]] if low % 2 == 0 else []
            proof += [self.nodes[high + 1]] if high % 2 == 1 else []
            low, high = (low - 1) // 2, (high - 1) // 2
        run = [list(value) for value in self.values[first : first + count]]
        return [run, position, self.nodes[0], proof]


@dataclass
class Bench:
    """The deployed contracts and who acts on them."""

    rpc: Rpc
    manifest: dict[str, Any]
    founder: LocalAccount

    def send(self, sender: LocalAccount, name: str, function: str, *arguments: Any) -> int:
        """Gas used by a transaction that must succeed."""
        data = contract(name).encode_call(function, *arguments)
        transaction = {
            "type": 2,
            "chainId": self.manifest["chain_id"],
            "nonce": self.rpc.nonce(sender.address),
            "to": self.manifest["contracts"][name]["address"],
            "value": 0,
            "data": "0x" + data.hex(),
            "gas": 20_000_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        }
        sent = self.rpc.send_raw(bytes(sender.sign_transaction(transaction).raw_transaction))
        while (receipt := self.rpc.receipt(sent)) is None:
            time.sleep(0.01)
        if not receipt.succeeded:
            raise RuntimeError(f"{name}.{function} reverted")
        return receipt.gas_used

    def publish(self, epoch: int, values: Sequence[tuple[str, int]]) -> tuple[Tree, int, int]:
        """Publish and activate; the tree and the gas of both."""
        self.send(self.founder, "LAMToken", "mintEmission", epoch)
        tree, total = Tree(values), sum(amount for _, amount in values)
        header = [epoch, tree.nodes[0], total, [total, 0, 0], POLICY, POLICY, POLICY]
        submitted = self.send(self.founder, "RewardsDistributor", "submitRoot", header)
        self.rpc.call("evm_increaseTime", 2)
        activated = self.send(self.founder, "RewardsDistributor", "activate")
        return tree, submitted, activated

    def delegation(self, account: LocalAccount) -> list[Any]:
        """A delegation of the account to itself, signed (ERC-5805)."""
        header = self.rpc.header("latest")
        assert header is not None
        message = {"delegatee": account.address, "nonce": 0, "expiry": header.timestamp + 3600}
        domain = {
            "name": "Action Model",
            "version": "1",
            "chainId": self.manifest["chain_id"],
            "verifyingContract": self.manifest["contracts"]["LAMToken"]["address"],
        }
        fields = {"delegatee": "address", "nonce": "uint256", "expiry": "uint256"}
        types = {"Delegation": [{"name": name, "type": kind} for name, kind in fields.items()]}
        signed = account.sign_message(encode_typed_data(domain, types, message)).signature
        return [*message.values(), signed[64], signed[:32], signed[32:64]]


def _values(people: Sequence[LocalAccount], epoch: int) -> list[tuple[str, int]]:
    addresses: list[str] = [person.address for person in people]
    addresses += [_stranger(i) for i in range(LEAVES - len(people))]
    return [(each, epoch * (3 * ETHER_WEI + 10**9 * i)) for i, each in enumerate(addresses)]


def measure(bench: Bench, people: Sequence[LocalAccount]) -> dict[str, int]:
    """Gas by verb; a batch's is per leaf."""
    founder, (first, own, _helped, delegating) = bench.founder, people
    name, results = "RewardsDistributor", {}
    tree, results["submitRoot"], results["activate first"] = bench.publish(1, _values(people, 1))
    # The first claim of all writes slots that every later one finds warm in state.
    bench.send(first, name, "claim", *tree.claim(0))
    results["claim first"] = bench.send(own, name, "claim", *tree.claim(1))
    results["claim for another first"] = bench.send(founder, name, "claim", *tree.claim(2))
    batch = tree.claim_many(1000, BATCH)
    results["claimMany first"] = bench.send(founder, name, "claimMany", *batch) // BATCH
    signed = bench.delegation(delegating)
    arguments = [*tree.claim(3), signed]
    results["claimAndDelegate first"] = bench.send(founder, name, "claimAndDelegate", *arguments)
    tree, _, results["activate later"] = bench.publish(2, _values(people, 2))
    results["claim later"] = bench.send(own, name, "claim", *tree.claim(1))
    batch = tree.claim_many(1000, BATCH)
    results["claimMany later"] = bench.send(founder, name, "claimMany", *batch) // BATCH
    results["claim later delegated"] = bench.send(delegating, name, "claim", *tree.claim(3))
    return results


def main() -> None:
    """Deploy on a node of its own, measure, write and print."""
    people = [_account(i) for i in range(1, 5)]
    founder = _account(0)
    genesis = GenesisDocument(content_hash=POLICY, uri="bench")
    parameters = DeploymentParameters(
        publisher=founder.address, guardian=founder.address, policy=genesis, verifier=genesis
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
            for account in (founder, *people):
                embedded.rpc(anvil.url, "anvil_setBalance", account.address, hex(10**21))
            manifest_path = Path(folder) / "deployment.json"
            manifest = deploy(anvil.url, founder.key, parameters, manifest_path=manifest_path)
            results = measure(Bench(Rpc(anvil.url), manifest, founder), people)
        finally:
            anvil.stop()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for verb, gas in results.items():
        print(f"{verb:28}{gas:>10,}")


if __name__ == "__main__":
    main()
