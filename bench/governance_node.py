"""Figures of governance that need our contracts on a node: adoptions, and proofs of powers."""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from eth_utils.address import to_checksum_address

from bench.report import Figure, figure
from chain.abi import contract
from chain.contracts import read
from chain.deploy import deploy
from chain.proofs import array_slot
from chain.rpc import Rpc
from config import embedded, environment
from config.genesis import development_parameters

POLL_SECONDS = 0.5
REWARD_POLICY = 0  # The kind of document.
MAY_ADOPT_POLICIES = 5  # The capability.
TOO_LONG_SECONDS = 600


@contextmanager
def deployed(folder: Path) -> Iterator[Rpc]:
    """A node with our contracts, which settings and processes started from here find."""
    from django.conf import settings

    node = embedded.Anvil(
        folder, embedded.free_port(), environment.BASE_DIR, block_seconds=None, persistent=False
    )
    node.start()
    try:
        deployer = Account.create()
        _fund(node.url, deployer.address)
        parameters = development_parameters(
            publisher=Account.create().address, guardian=Account.create().address
        )
        manifest = folder / "deployment.json"
        deploy(node.url, deployer.key, parameters, manifest_path=manifest)
        settings.ETH_RPC_URL, settings.DEPLOYMENT_PATH = node.url, manifest
        os.environ |= {"ETH_RPC_URL": node.url, "LAM_DEPLOYMENT": str(manifest)}
        yield Rpc(node.url)
    finally:
        node.stop()


def _fund(url: str, address: str) -> None:
    embedded.rpc(url, "anvil_setBalance", address, hex(10**24))


def adoption(rpc: Rpc, times: int) -> list[Figure]:
    """From the block that makes an adoption final to the adopted document, by the real process."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "chain_sync"],
        cwd=environment.BASE_DIR,
        env={**os.environ, "CHAIN_POLL_SECONDS": str(POLL_SECONDS)},
    )
    try:
        spent = [_adopt(rpc, number) for number in range(times + 1)]
    finally:
        process.terminate()
        process.wait()
    # The first also waits for the process to start and to take the deployment in.
    slowest, middle = max(spent[1:]), statistics.median(spent[1:])
    return [
        figure(
            f"final adoption to adopted document, worst of {times}, polled every {POLL_SECONDS} s",
            slowest,
            "s",
            at_most=POLL_SECONDS + 1,
        ),
        figure("the same, median", middle, "s"),
    ]


def _adopt(rpc: Rpc, number: int) -> float:
    from contributions import policy
    from contributions.models import Adoption
    from contributions.policy_document import load_policy

    document = policy.register_document({**load_policy().document, "name": f"policy {number}"})
    holder = read(rpc, "Handover", "holder", MAY_ADOPT_POLICIES)
    _fund(rpc.url, holder)
    embedded.rpc(rpc.url, "anvil_impersonateAccount", holder)
    data = contract("Registry").encode_call("adopt", REWARD_POLICY, document.hash, "/x", number + 2)
    call = {"from": holder, "to": _address("Registry"), "data": "0x" + data.hex()}
    embedded.rpc(rpc.url, "eth_sendTransaction", call)
    # Anywhere between two polls.
    time.sleep(random.random() * POLL_SECONDS)
    embedded.rpc(rpc.url, "anvil_mine", "0x3")
    started = time.perf_counter()
    adopted = Adoption.objects.filter(hash=document.hash, adoptable=True)
    while not adopted.exists():
        if time.perf_counter() - started > TOO_LONG_SECONDS:
            raise SystemExit("the adoption was not taken in")
        time.sleep(0.005)
    return time.perf_counter() - started


def _address(name: str) -> str:
    from chain.deployment import deployment

    return deployment().address(name)


def proofs(rpc: Rpc, voters: int) -> list[Figure]:
    """The capture of a poll's powers: read, proven by the node, checked; a second a voter."""
    from governance import powers

    token = _address("LAMToken")
    at = _now(rpc)
    addresses = [to_checksum_address((10**40 + n).to_bytes(20, "big")) for n in range(voters)]
    writes = []
    for n, voter in enumerate(addresses):
        length = powers._length_slot(voter)
        word = (n + 1) * 10**18 << powers.KEY_BITS | at
        writes += [(length, 1), (array_slot(length, 0), word)]
        writes += [(powers._delegate_slot(voter), int(voter, 16))]
    rpc.batch(
        [
            ("anvil_setStorageAt", (token, "0x" + slot.hex(), "0x" + word.to_bytes(32).hex()))
            for slot, word in writes
        ]
    )
    embedded.rpc(rpc.url, "evm_increaseTime", 10)
    embedded.rpc(rpc.url, "anvil_mine", "0x3")
    head = rpc.header("latest")
    assert head is not None
    started = time.perf_counter()
    rpc.call("eth_getProof", token, ["0x" + writes[0][0].hex()], hex(head.number))
    one = time.perf_counter() - started
    started = time.perf_counter()
    captured = powers.capture(rpc, token=token, voters=addresses, at=at, block_number=head.number)
    spent = time.perf_counter() - started
    written = {voter: (n + 1) * 10**18 for n, voter in enumerate(addresses)}
    if {each.voter: each.power_wei for each in captured.powers} != written:
        raise SystemExit("the powers are not what was written")
    return [
        figure(f"powers of {voters:,} voters captured with proofs", voters / spent, "voters/s"),
        figure(f"one eth_getProof among {voters:,} voters", one * 1000, "ms"),
    ]


def _now(rpc: Rpc) -> int:
    header = rpc.header("latest")
    assert header is not None
    return header.timestamp
