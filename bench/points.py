"""Measures trees, the ledger and the close of an epoch: `python -m bench.points [--full]`.

Starts a PostgreSQL of its own (durable) and writes bench/results/points.json: the parts asked for
anew, the others as they were, each with the command and commit it is of. Ratios within one run are
what counts; the bare inserts go into tables of the same columns and indexes without triggers.
"""

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context

import numpy as np
import psycopg

from bench import points_close, report
from bench.database import database
from bench.report import ROOT, Figure, figure
from config import embedded
from points.merkle import MerkleTree, Value, checksum_addresses

PARTS = ("trees", "single", "bulk", "close")
WRITERS = 8
WARM_UP = 50
PEER = """
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { readFileSync } from 'node:fs';
const values = JSON.parse(readFileSync(0, 'utf8'));
const start = process.cpuUsage();
const tree = StandardMerkleTree.of(values, ['address', 'uint256'], { sortLeaves: false });
const used = process.cpuUsage(start);
console.log(JSON.stringify({ root: tree.root, seconds: (used.user + used.system) / 1e6 }));
"""


def values_of(count: int) -> list[Value]:
    """Random leaves."""
    addresses = checksum_addresses(
        np.frombuffer(secrets.token_bytes(20 * count), np.uint8).reshape(-1, 20)
    )
    return [Value(address, (n + 1) * 10**18) for n, address in enumerate(addresses)]


def trees(leaves: int, peer_leaves: int) -> list[Figure]:
    """CPU seconds of a tree, microseconds of a proof, and the npm package on fewer leaves."""
    MerkleTree.of(values_of(2))
    values = values_of(leaves)
    start = time.process_time()
    tree = MerkleTree.of(values)
    built = time.process_time() - start
    start = time.process_time()
    for n in range(2000):
        tree.proof(n * 7919 % leaves)
    proof = (time.process_time() - start) / 2000
    few = values[:peer_leaves]
    answer = subprocess.run(
        ["node", "--input-type=module", "-e", PEER],
        input=json.dumps([[v.account, str(v.cumulative_wei)] for v in few]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    peer = json.loads(answer.stdout)
    start = time.process_time()
    ours = MerkleTree.of(few)
    small = time.process_time() - start
    if ours.root != peer["root"]:
        raise SystemExit("the npm package has another root")
    faster = peer["seconds"] / small
    return [
        figure(f"tree of {leaves:,} leaves", built, "s CPU", at_most=3),
        figure("proof from the array", proof * 1e6, "us", at_most=20),
        figure(f"faster than npm, {peer_leaves:,} leaves", faster, "times", at_least=50),
    ]


BARE = """
CREATE TABLE bare_entry (LIKE points_entry INCLUDING ALL);
CREATE TABLE bare_line (LIKE points_line INCLUDING ALL);
CREATE TABLE copied_entry (LIKE points_entry INCLUDING ALL);
CREATE TABLE copied_key (LIKE points_idempotencykey INCLUDING ALL);
CREATE TABLE copied_line (LIKE points_line INCLUDING ALL);
"""
BARE_INSERT = """
WITH e AS (
    INSERT INTO bare_entry (kind, epoch_id, posted_at, inputs, line_count, salt, digest)
    VALUES ('use', 1, now(), '{}', 2, %s, %s) RETURNING id)
INSERT INTO bare_line (entry_id, position, account_id, unit, category, epoch_number, amount)
SELECT e.id, n, n, 1, 1, 1, 2 * n - 1 FROM e, generate_series(0, 1) n
"""


def per_second(seconds: float, work: Callable[[], None]) -> float:
    """Calls of `work` a second by eight writers at once, in processes as the service has."""
    from django.db import connections

    # No connection is shared by two processes.
    connections.close_all()
    forking = get_context("fork")
    ready, counts = forking.Barrier(WRITERS), forking.Array("q", WRITERS)

    def run(writer: int) -> None:
        for _ in range(WARM_UP):
            work()
        ready.wait()
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            work()
            counts[writer] += 1

    writers = [forking.Process(target=run, args=(n,)) for n in range(WRITERS)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
        if each.exitcode:
            raise SystemExit("a writer failed")
    return sum(counts) / seconds


def single(seconds: float, accounts: list[int]) -> list[Figure]:
    """Entries a second, one a transaction, against a bare insert of an entry and two lines."""
    from django.db import connection

    from points import ledger
    from points.models import Category, EntryKind, SystemAccount

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(BARE_INSERT, [b"", secrets.token_bytes(32)])

    def posted() -> None:
        ledger.post_many(
            [
                ledger.Draft(
                    kind=EntryKind.CARRY,
                    key=secrets.token_hex(12),
                    epoch=1,
                    lines=[
                        ledger.Amount(SystemAccount.ISSUANCE, -5, Category.WORK),
                        ledger.Amount(accounts[secrets.randbelow(len(accounts))], 5, Category.WORK),
                    ],
                    request={},
                )
            ]
        )

    # As in a worker that has been up for a while: a person's account is read at their first entry.
    ledger.account_codes(accounts)
    plain, ours = per_second(seconds, bare), per_second(seconds, posted)
    return [
        figure(
            f"one entry a transaction, {WRITERS} writers",
            ours,
            "entries/s",
            peer="bare insert of the same rows",
            peer_value=plain,
        ),
        figure("the same as a share of the bare insert", ours / plain, "", at_least=0.6),
    ]


COPIED = {
    "copied_entry": "points_entry",
    "copied_key": "points_idempotencykey",
    "copied_line": "points_line",
}


def bulk(entries: int, accounts: list[int]) -> list[Figure]:
    """Seconds of `post_many`, against COPY of the same rows into tables without triggers."""
    from django.db import connection, transaction

    from points import ledger
    from points.models import Category, EntryKind, SystemAccount

    drafts = [
        ledger.Draft(
            kind=EntryKind.CARRY,
            key=secrets.token_hex(12),
            epoch=1,
            lines=[
                ledger.Amount(SystemAccount.ISSUANCE, -5, Category.WORK),
                ledger.Amount(accounts[n % len(accounts)], 5, Category.WORK),
            ],
            request={},
        )
        for n in range(entries)
    ]
    start = time.perf_counter()
    with transaction.atomic():
        first = ledger.post_many(drafts)[0]
    ours = time.perf_counter() - start
    copied = 0.0
    with transaction.atomic(), connection.cursor() as cursor:
        for copied_to, table in COPIED.items():
            key = "id" if copied_to == "copied_entry" else "entry_id"
            query = f"COPY (SELECT * FROM {table} WHERE {key} >= {first}) TO STDOUT"
            with cursor.copy(query) as copy:
                rows = [bytes(row) for row in copy]
            start = time.perf_counter()
            with cursor.copy(f"COPY {copied_to} FROM STDIN") as copy:
                for at in range(0, len(rows), 1000):
                    copy.write(b"".join(rows[at : at + 1000]))
            copied += time.perf_counter() - start
    return [
        figure(f"{entries:,} entries in bulk", ours, "s", peer="COPY", peer_value=copied),
        figure("the rate as a share of COPY's", copied / ours, "", at_least=0.5),
    ]


def adopt_genesis() -> None:
    """Policy and release as the projection of the Registry's first events records them."""
    from django.utils import timezone

    from contributions.models import Adoption, Kind
    from contributions.policy_document import load_policy
    from lam_core.release import load_release

    for kind, document_hash in (
        (Kind.REWARD_POLICY, load_policy().hash),
        (Kind.VERIFIER_RELEASE, load_release("rules-1").hash),
    ):
        Adoption.objects.create(
            kind=kind,
            hash=document_hash,
            effective_epoch=0,
            by="0x" + "1" * 40,
            block_number=1,
            block_hash="0x" + secrets.token_hex(32),
            log_index=0,
            transaction_hash="0x" + secrets.token_hex(32),
            adopted_at=timezone.now(),
            adoptable=True,
        )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--npm-leaves", type=int, default=40_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--full", action="store_true", help="close 10k, 100k and 1M accounts")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    given = parser.parse_args()
    if given.full:
        given.accounts = [10_000, 100_000, 1_000_000]
    command = " ".join(["python -m bench.points", *sys.argv[1:]])
    made_on = report.environment(("numba", "numpy", "psycopg"))
    parts = {}
    if "trees" in given.parts:
        parts["trees"] = trees(given.leaves, given.npm_leaves)
    if ledger_parts := [each for each in given.parts if each != "trees"]:
        with database("points") as (_, postgres):
            parts |= measure(given, ledger_parts, postgres)
    report.write_parts("points", command=command, made_on=made_on, parts=parts, order=PARTS)


def measure(
    given: argparse.Namespace, parts: list[str], postgres: embedded.Postgres
) -> dict[str, list[Figure]]:
    """The figures of the parts that need a ledger."""
    owner = postgres.url(embedded.OWNER_ROLE)
    with psycopg.connect(owner) as connection:
        connection.execute(BARE.encode())
    adopt_genesis()
    from points import epochs, ledger
    from tests.factories import make_user

    epochs.open_next()
    users = [make_user().pk for _ in range(500)]
    accounts = list(ledger.personal_accounts(users).values())
    found = {}
    if "single" in parts:
        found["single"] = single(given.seconds, accounts)
    if "bulk" in parts:
        found["bulk"] = bulk(given.entries, accounts)
    epochs.close(1)
    if "close" in parts:
        closed = [each for count in given.accounts for each in points_close.close(owner, count)]
        found["close"] = closed + points_close.endpoints()
    return found


if __name__ == "__main__":
    main()
