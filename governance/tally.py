"""Recompute a poll without us: `python -m governance.tally BUNDLE [--rpc URL] [--hash HASH]`.

BUNDLE is the folder of an unpacked bundle. Needs neither Django nor a database. Offline it checks
every file, signature, power and total, the powers by account and storage proofs under the hash of
one block. With a node it also checks that the chain has that block and that the token itself gives
these powers, and asks the contract wallets whose ballots are otherwise only attested.

Prints what is found and ends with 0; with 1 when anything differs, with 2 when it cannot be read.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chain import recovery
from chain.abi import contract
from chain.proofs import InvalidProof, decode_header
from chain.rpc import ChainError, Rpc
from governance.ballots import (
    Ballot,
    InvalidBallot,
    InvalidRules,
    Rules,
    check_ballot,
    digest,
    latest,
    parse_rules,
    signed_by_key,
)
from governance.counting import Outcome, count
from governance.poll_bundle import Bundle, BundleError, outcome_document, read
from governance.powers import Storage, VotingPower, power_in

# Every mismatch beyond these is only counted.
SHOWN = 20


@dataclass
class Findings:
    """What was recomputed and everything that differs from what the bundle says."""

    hash: str = ""
    rules: Rules | None = None
    outcome: Outcome | None = None
    voters: int = 0
    attested: list[str] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)

    def differs(self, what: str) -> None:
        """Note a mismatch."""
        self.mismatches.append(what)


def check(path: Path, *, rpc: Rpc | None = None, expected_hash: str = "") -> Findings:
    """Recompute a bundle. Raises BundleError when it cannot be read, ChainUnavailable."""
    bundle = read(path)
    found = Findings(hash=bundle.hash)
    for name in bundle.altered:
        found.differs(f"{name} does not have the hash that the manifest states")
    if expected_hash and expected_hash.lower() != bundle.hash:
        found.differs(f"the bundle's hash is {bundle.hash}, not {expected_hash}")
    try:
        rules = found.rules = parse_rules(bundle.rules)
    except InvalidRules as error:
        found.differs(f"rules.json: {error}")
        return found
    if bundle.manifest.get("poll") != rules.poll:
        found.differs(f"the manifest names another poll than these rules, which are {rules.poll}")
    counted = _counted(rules, bundle.ballots, found)
    _check_powers(rules, bundle, counted, found)
    if rpc is not None:
        _check_chain(rules, bundle, counted, found, rpc)
    _count(rules, bundle, counted, found)
    return found


def _counted(rules: Rules, ballots: Sequence[Ballot], found: Findings) -> list[Ballot]:
    """The ballots that count; every invalid one is a mismatch."""
    valid = []
    for ballot in ballots:
        try:
            check_ballot(rules, ballot)
        except InvalidBallot as error:
            found.differs(f"a ballot of {ballot.voter}: {error}")
            continue
        if not ballot.attested and not signed_by_key(rules, ballot):
            found.differs(f"a ballot of {ballot.voter} is not signed by that key")
            continue
        valid.append(ballot)
    try:
        counted = latest(valid)
    except InvalidBallot as error:
        found.differs(str(error))
        return []
    found.attested = sorted(voter for voter, ballot in counted.items() if ballot.attested)
    return [counted[voter] for voter in sorted(counted)]


def _check_powers(rules: Rules, bundle: Bundle, counted: Sequence[Ballot], found: Findings) -> None:
    """Each power against its proof, and nobody's missing."""
    voters = [power.voter for power in bundle.powers]
    if voters != sorted(set(voters)):
        found.differs("powers.json does not list each voter once, in order")
    for voter in {ballot.voter for ballot in counted} - set(voters):
        found.differs(f"powers.json lacks {voter}")
    try:
        block = decode_header(bundle.header)
        stated = bundle.manifest.get("block")
        if stated != {"number": block.number, "hash": block.hash}:
            found.differs(f"the manifest's block is not the header's, {block.hash}")
        if block.timestamp <= rules.power_at:
            found.differs(f"block {block.number} is not after {rules.power_at}")
        storage = Storage(block, bundle.nodes, rules.token)
    except InvalidProof as error:
        found.differs(f"proofs.json: {error}")
        return
    for power in bundle.powers:
        try:
            proven = power_in(storage.read, power.voter, power.checkpoint, rules.power_at)
        except InvalidProof as error:
            found.differs(f"the power of {power.voter} is not proven: {error}")
            continue
        if proven != power:
            found.differs(f"{power.voter} has {proven.power_wei} wei by proof, not as stated")


def _check_chain(
    rules: Rules, bundle: Bundle, counted: Sequence[Ballot], found: Findings, rpc: Rpc
) -> None:
    """What only a node can say."""
    rpc.require_chain(rules.chain_id)
    try:
        block = decode_header(bundle.header)
    except InvalidProof:
        return
    header, final = rpc.header(block.number), rpc.header("finalized")
    if header is None or header.hash != block.hash:
        found.differs(f"the chain has no block {block.number} with hash {block.hash}")
        return
    if final is None or final.number < block.number:
        found.differs(f"block {block.number} is not final yet")
    _ask_token(rules, bundle.powers, found, rpc)
    for ballot in counted:
        if ballot.attested and not recovery.verify(
            address=ballot.voter,
            digest=digest(rules, ballot),
            signature=ballot.signature,
            rpc=rpc,
        ):
            found.differs(f"the wallet {ballot.voter} does not accept the signature of its ballot")


def _ask_token(rules: Rules, powers: Sequence[VotingPower], found: Findings, rpc: Rpc) -> None:
    token = contract("LAMToken")
    data = [
        "0x" + token.encode_call("getPastVotes", power.voter, rules.power_at).hex()
        for power in powers
    ]
    calls = [("eth_call", ({"to": rules.token, "data": each}, "latest")) for each in data]
    for power, answer in zip(powers, rpc.batch(calls), strict=True):
        wei = int(answer, 16) if len(answer) == 66 else -1
        if wei != power.power_wei:
            found.differs(f"the token gives {power.voter} {wei} wei, not {power.power_wei}")


def _count(rules: Rules, bundle: Bundle, counted: Sequence[Ballot], found: Findings) -> None:
    powers = {power.voter: power.power_wei for power in bundle.powers}
    found.voters = len(counted)
    found.outcome = tally(rules, counted, powers)
    attested = sum(powers.get(voter, 0) for voter in found.attested)
    document = outcome_document(found.outcome, voters=len(counted), attested_wei=attested)
    if document != bundle.result:
        found.differs("result.json is not what the ballots add up to")


def tally(rules: Rules, counted: Sequence[Ballot], powers: dict[str, int]) -> Outcome:
    """The outcome of ballots that count, by the voters' powers in wei."""
    pairs = ((ballot.choice, powers.get(ballot.voter, 0)) for ballot in counted)
    return count(rules.method, len(rules.options), pairs)


def _print(found: Findings, *, asked_node: bool) -> None:
    print(f"bundle    {found.hash}")
    if found.rules and found.outcome:
        print(f"poll      {found.rules.poll}\n          {found.rules.title}")
        print(f"voters    {found.voters}, {found.outcome.power_wei} wei")
        for number, option in enumerate(found.rules.options):
            mark = "*" if number in found.outcome.winners else " "
            print(f"        {mark} {found.outcome.totals_wei[number]:>30} wei  {option}")
        for number, round_ in enumerate(found.outcome.rounds, 1):
            out = "" if round_.struck_out is None else found.rules.options[round_.struck_out]
            print(f"round {number:>3} {[str(e) for e in round_.totals_wei]} out: {out or '-'}")
    if found.attested:
        how = "confirmed by the node" if asked_node else "attested only, not checked offline"
        print(f"contract wallets: {len(found.attested)} ballots, {how}")
    for line in found.mismatches[:SHOWN]:
        print(f"MISMATCH  {line}")
    if len(found.mismatches) > SHOWN:
        print(f"          and {len(found.mismatches) - SHOWN} more")
    print(f"{len(found.mismatches)} mismatches")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and print; the process' exit code."""
    parser = argparse.ArgumentParser(prog="governance.tally", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of an unpacked bundle")
    parser.add_argument("--rpc", metavar="URL", help="a node of the chain")
    parser.add_argument("--hash", default="", help="the hash that was published for the poll")
    parser.add_argument("--json", action="store_true", help="print mismatches as JSON only")
    given = parser.parse_args(arguments)
    rpc = Rpc(given.rpc) if given.rpc else None
    try:
        found = check(given.bundle, rpc=rpc, expected_hash=given.hash)
    except (BundleError, ChainError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps({"hash": found.hash, "mismatches": found.mismatches}))
    else:
        _print(found, asked_node=rpc is not None)
    return 1 if found.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
