"""Measures following the chain and recounting polls: `python -m bench.governance [--events N …]`.

Starts a PostgreSQL (durable) and an anvil of its own and writes bench/results/governance.json.

- events: stored RPC answers are parsed, decoded and stored; events a second.
- anvil: the same from a real node by `chain.sync`, beside bare eth_getLogs of the same ranges;
  with logs proven by receipts, and with logs believed.
- projected: stored logs to the rows of governance.
- adoption, proofs: see bench.governance_node.
- ballots: signatures of EIP-712 ballots recovered and counted; powers summed exactly.
"""

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

import orjson
from coincurve import PrivateKey
from eth_utils.address import to_checksum_address

from bench import report
from bench.database import database
from bench.governance_node import adoption, deployed, proofs
from bench.report import Figure, figure
from chain.abi import contract
from chain.rpc import Rpc, parse_logs
from config import embedded, environment
from governance.ballots import Ballot, Rules, digest, keccak, latest, signed_by_key
from governance.counting import Method, count
from governance.tally import tally

TOKEN = "0x" + "11" * 20
LOGS_PER_BLOCK = 50


def answers(events: int, first: int, hashes: list[str]) -> bytes:
    """An eth_getLogs answer of DelegateVotesChanged events, as a node sends it."""
    topic0 = contract("LAMToken").event("DelegateVotesChanged").topic0
    logs = [
        {
            "address": TOKEN,
            "topics": [topic0, "0x" + "00" * 12 + secrets.token_hex(20)],
            "data": "0x" + ("00" * 20 + secrets.token_hex(12)) * 2,
            "blockNumber": hex(first + n // LOGS_PER_BLOCK),
            "blockHash": hashes[n // LOGS_PER_BLOCK],
            "transactionHash": "0x" + secrets.token_hex(32),
            "transactionIndex": "0x0",
            "logIndex": hex(n % LOGS_PER_BLOCK),
        }
        for n in range(events)
    ]
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": logs}).encode()


def events(total: int) -> list[Figure]:
    """Parse, decode and store, in windows of 5,000 events and one transaction each."""
    from django.db import transaction

    from chain import sync
    from chain.models import Block

    token, window = contract("LAMToken"), 5000
    seconds = {"parse": 0.0, "decode": 0.0, "store": 0.0}
    for first in range(0, total, window):
        blocks = [first // LOGS_PER_BLOCK + n for n in range(window // LOGS_PER_BLOCK)]
        hashes = ["0x" + secrets.token_hex(32) for _ in blocks]
        answer = answers(window, blocks[0], hashes)
        started = time.perf_counter()
        logs = parse_logs(orjson.loads(answer)["result"])
        parsed = time.perf_counter()
        for log in logs:
            token.decode_log(log.topics, log.data)
        decoded = time.perf_counter()
        with transaction.atomic():
            rows = Block.objects.bulk_create(
                Block(chain_id=1, number=number, hash=each, parent_hash=each, timestamp=number)
                for number, each in zip(blocks, hashes, strict=True)
            )
            sync._copy_logs(1, {row.hash: row.pk for row in rows}, logs)
        stored = time.perf_counter()
        seconds["parse"] += parsed - started
        seconds["decode"] += decoded - parsed
        seconds["store"] += stored - decoded
    named = {"parse, decode and store": sum(seconds.values()), **seconds}
    return [
        figure(name, total / spent, "events/s", at_least=None if name in seconds else 10_000)
        for name, spent in named.items()
    ]


def anvil(folder: Path, total: int) -> list[Figure]:
    """`chain.sync` from a real node, beside the bare calls for the same logs."""
    from django.conf import settings

    node = embedded.Anvil(
        folder, embedded.free_port(), environment.BASE_DIR, block_seconds=None, persistent=False
    )
    node.start()
    try:
        address = _busy_contract(node.url, total)
        settings.DEPLOYMENT_PATH.parent.mkdir(parents=True, exist_ok=True)
        manifest = {"chain_id": 31337, "block_number": 1}
        settings.DEPLOYMENT_PATH.write_text(
            json.dumps({**manifest, "contracts": {"LAMToken": {"address": address}}})
        )
        rpc = Rpc(node.url)
        head = rpc.header()
        assert head is not None
        started = time.perf_counter()
        query = {"address": [address], "fromBlock": "0x1", "toBlock": hex(head.number)}
        there = len(rpc.call("eth_getLogs", query))
        bare = there / (time.perf_counter() - started)
        believed = _followed(rpc, there, prove=False)
        proven = _followed(rpc, there, prove=True)
    finally:
        node.stop()
    peer = "bare eth_getLogs, not parsed"
    return [
        figure("followed from a node, proven", proven, "logs/s", peer=peer, peer_value=bare),
        figure("followed from a node, believed", believed, "logs/s", peer=peer, peer_value=bare),
    ]


def _followed(rpc: Rpc, there: int, *, prove: bool) -> float:
    """Logs a second, from nothing."""
    from django.conf import settings

    from chain.models import Block, Chain
    from chain.sync import sync

    Block.objects.all().delete()
    Chain.objects.all().delete()
    settings.CHAIN_PROVE_LOGS = prove
    started = time.perf_counter()
    stored = sync(rpc).logs
    spent = time.perf_counter() - started
    if stored != there:
        raise SystemExit(f"{there} logs were there and {stored} were stored")
    return stored / spent


def projected(total: int) -> Figure:
    """Stored changes of voting power to the rows of governance, in batches."""
    from django.conf import settings
    from django.utils import timezone

    from chain import sync
    from chain.models import Block, Chain
    from governance.models import Power
    from governance.project import project

    Block.objects.all().delete()
    Chain.objects.all().delete()
    blocks = list(range(1, total // LOGS_PER_BLOCK + 1))
    hashes = ["0x" + secrets.token_hex(32) for _ in blocks]
    rows = Block.objects.bulk_create(
        Block(chain_id=31337, number=number, hash=each, parent_hash=each, timestamp=number)
        for number, each in zip(blocks, hashes, strict=True)
    )
    logs = parse_logs(orjson.loads(answers(total, 1, hashes))["result"])
    sync._copy_logs(31337, {row.hash: row.pk for row in rows}, logs)
    last = {"height": blocks[-1], "height_hash": hashes[-1], "height_timestamp": blocks[-1]}
    final = {"finalized_number": blocks[-1], "finalized_hash": hashes[-1], "head": blocks[-1]}
    Chain.objects.create(chain_id=31337, synced_at=timezone.now(), **last, **final)
    names = ("LAMGovernor", "Registry")
    contracts = {
        name: {"address": to_checksum_address(f"0x{n:040x}")} for n, name in enumerate(names, 1)
    }
    manifest = {"chain_id": 31337, "block_number": 1}
    settings.DEPLOYMENT_PATH.parent.mkdir(parents=True, exist_ok=True)
    settings.DEPLOYMENT_PATH.write_text(
        json.dumps({**manifest, "contracts": {**contracts, "LAMToken": {"address": TOKEN}}})
    )
    started = time.perf_counter()
    taken = project()
    spent = time.perf_counter() - started
    if taken != total or Power.objects.count() != total:
        raise SystemExit(f"{total} logs were stored and {taken} projected")
    return figure("projected from stored logs", taken / spent, "logs/s")


def _busy_contract(url: str, total: int) -> str:
    """A contract that logs 200 times a call, called often enough; its address."""
    address, payer = to_checksum_address("0x" + "22" * 20), "0x" + "33" * 20
    # PUSH1 200; JUMPDEST; LOG1 of CALLDATA's place with topic 1; count down; loop.
    code = "0x60c85b600160205fa160019003806002575000"
    embedded.rpc(url, "anvil_setCode", address, code)
    embedded.rpc(url, "anvil_setBalance", payer, hex(10**24))
    embedded.rpc(url, "anvil_impersonateAccount", payer)
    for _ in range(total // 200):
        embedded.rpc(
            url, "eth_sendTransaction", {"from": payer, "to": address, "gas": hex(2_000_000)}
        )
    return address


def ballots(total: int) -> Figure:
    """Verify and count signed ballots, single-threaded; keys are made beforehand."""
    rules = Rules(1, TOKEN, TOKEN, "Which?", "", ("a", "b", "c"), Method.RANKED, 1, 10**6, 1)
    signed: list[Ballot] = []
    powers: dict[str, int] = {}
    for n in range(total):
        key = PrivateKey(keccak(n.to_bytes(32, "big")))
        voter = to_checksum_address(keccak(key.public_key.format(compressed=False)[1:])[12:])
        unsigned = Ballot(voter, (n % 3, (n + 1) % 3), 5, b"")
        raw = key.sign_recoverable(digest(rules, unsigned), hasher=None)
        signed.append(Ballot(voter, unsigned.choice, 5, raw[:64] + bytes([27 + raw[64]])))
        powers[voter] = (n + 1) * 10**18 + n
    started = time.perf_counter()
    if not all(signed_by_key(rules, each) for each in signed):
        raise SystemExit("a good signature was refused")
    outcome = tally(rules, list(latest(signed).values()), powers)
    spent = time.perf_counter() - started
    if outcome.power_wei != sum(powers.values()):
        raise SystemExit("the tally is not exact")
    return figure(f"{total:,} ballots verified and tallied", spent, "s", at_most=60)


def powers(total: int) -> Figure:
    """The tally of many random powers, against plain sums."""
    wei = [secrets.randbits(200) for _ in range(total)]
    started = time.perf_counter()
    outcome = count(Method.SINGLE, 2, (((n & 1,), each) for n, each in enumerate(wei)))
    spent = time.perf_counter() - started
    if outcome.totals_wei != (sum(wei[::2]), sum(wei[1::2])):
        raise SystemExit("the tally is not exact")
    return figure(f"{total:,} powers tallied exactly", spent, "s")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--logs", type=int, default=40_000)
    parser.add_argument("--projected", type=int, default=20_000)
    parser.add_argument("--adoptions", type=int, default=20)
    parser.add_argument("--voters", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument("--ballots", type=int, default=100_000)
    parser.add_argument("--powers", type=int, default=1_000_000)
    given = parser.parse_args()
    with database("governance") as (folder, _):
        measure(given, folder)


def _forget() -> None:
    """What was stored of chains that are gone."""
    from chain.models import Block, Chain, Cursor

    for model in (Block, Chain, Cursor):
        model.objects.all().delete()


def measure(given: argparse.Namespace, folder: Path) -> None:
    """All figures, into bench/results."""
    made_on = report.environment(("coincurve", "psycopg"))
    figures = events(given.events)
    figures += anvil(folder / "anvil", given.logs)
    figures.append(projected(given.projected))
    _forget()
    with deployed(folder / "deployed") as rpc:
        figures += adoption(rpc, given.adoptions)
        for voters in given.voters:
            figures += proofs(rpc, voters)
    figures += [ballots(given.ballots), powers(given.powers)]
    report.write(
        "governance",
        command=" ".join(["make bench-governance #", *sys.argv[1:]]).removesuffix(" #"),
        made_on=made_on,
        figures=figures,
    )


if __name__ == "__main__":
    main()
