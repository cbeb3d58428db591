"""Anyone can redo the result of a poll from its bundle; every forgery is found."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from eth_account import Account

from chain.rpc import ChainUnavailable, Rpc
from config.environment import BASE_DIR
from governance import poll_bundle, powers, tally
from governance.counting import Method
from governance.poll_models import Poll
from governance.powers import capture
from tests.governance.balloting import bundle_of, publish, vote
from tests.governance.conftest import LAM


@pytest.fixture
def bundle(assembly, open_poll, settings) -> Path:
    """A published poll with two voters, one of whom changed their mind."""
    poll = open_poll(Method.WEIGHTED)
    vote(poll, assembly.holders[0], [1, 2, 3])
    vote(poll, assembly.holders[1], [1, 0, 0])
    vote(poll, assembly.holders[1], [0, 1, 1])
    return bundle_of(publish(assembly, poll), settings)


def run(*arguments: str) -> subprocess.CompletedProcess:
    """The command in a Python that has no Django and no database driver."""
    blocked = (
        "import runpy, sys\n"
        "for name in ('django', 'psycopg', 'celery', 'rest_framework'): sys.modules[name] = None\n"
        "sys.argv[0] = 'governance.tally'\n"
        "runpy.run_module('governance.tally', run_name='__main__')\n"
    )
    command = [sys.executable, "-c", blocked, *arguments]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def test_the_command_recomputes_without_django_or_database(assembly, bundle) -> None:
    poll = Poll.objects.get()
    done = run(str(bundle), "--hash", poll.bundle_hash)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 mismatches" in done.stdout
    assert poll.id in done.stdout
    done = run(str(bundle), "--rpc", assembly.chain.url)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(str(bundle), "--hash", "0x" + "1" * 64)
    assert done.returncode == 1
    done = run(str(bundle / "nothing"))
    assert done.returncode == 2
    assert "cannot be read" in done.stderr


def forge(bundle: Path, name: str, change) -> None:
    """Change a file and the manifest's hash of it, as a forger would."""
    path = bundle / name
    value = json.loads(path.read_bytes())
    changed = change(value)
    value = value if changed is None else changed
    content = poll_bundle.canonical_json(value)
    path.write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        if entry["name"] == name:
            entry["sha256"] = poll_bundle.digest_bytes(content)
    (bundle / "manifest.json").write_bytes(poll_bundle.canonical_json(manifest))


def put(position: int, **fields):
    return lambda rows: rows[position].update(fields)


def without(position: int):
    return lambda rows: rows[:position] + rows[position + 1 :]


FORGERIES = {
    "a choice": ("ballots.json", put(0, choice=[9, 9, 9])),
    "a time": ("ballots.json", lambda rows: rows[0].update(issued_at=rows[0]["issued_at"] + 1)),
    "ballots left out": ("ballots.json", lambda rows: rows[-1:]),
    "a ballot twice": ("ballots.json", lambda rows: [*rows, rows[0]]),
    "a signature": ("ballots.json", put(0, signature="0x" + "11" * 65)),
    "a power": ("powers.json", put(0, power_wei=str(61 * LAM))),
    "a checkpoint": ("powers.json", put(0, checkpoint=None)),
    "a later checkpoint": ("powers.json", put(0, checkpoint=7)),
    "a delegate": ("powers.json", put(0, delegate="")),
    "a voter without power": ("powers.json", without(1)),
    "a node left out": ("proofs.json", lambda v: v.update(nodes=v["nodes"][:-1])),
    "no nodes": ("proofs.json", lambda v: v.update(nodes=[])),
    "a header": ("proofs.json", lambda v: v.update(header=v["header"][:-2] + "01")),
    "a total": ("result.json", lambda v: v.update(power_wei="1")),
    "a winner": ("result.json", lambda v: v.update(winners=[])),
    "a question": ("rules.json", lambda v: v.update(title="Which shape?")),
    "a time of power": ("rules.json", lambda v: v.update(power_at=v["power_at"] - 1000)),
    "a method": ("rules.json", lambda v: v.update(method="single")),
    "an unknown method": ("rules.json", lambda v: v.update(method="loudest")),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_bundle_is_found_out(bundle, name) -> None:
    forge(bundle, *FORGERIES[name])
    assert tally.check(bundle).mismatches


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ballots.json", put(0, voter="nobody")),
        ("ballots.json", lambda rows: rows[0].update(voter=rows[0]["voter"].lower())),
        ("ballots.json", put(0, choice="all")),
        ("ballots.json", put(0, issued_at=True)),
        ("ballots.json", lambda rows: {}),
        ("powers.json", put(0, checkpoint=-1)),
        ("powers.json", put(0, power_wei="many")),
        ("proofs.json", lambda v: v.update(nodes=["0xzz"])),
        ("proofs.json", lambda v: []),
    ],
)
def test_a_malformed_bundle_is_no_bundle(bundle, name, change) -> None:
    forge(bundle, name, change)
    with pytest.raises(poll_bundle.BundleError, match=name):
        tally.check(bundle)


def test_a_file_that_was_changed_or_is_missing_is_named(bundle) -> None:
    (bundle / "rules.json").write_bytes((bundle / "rules.json").read_bytes() + b"\n")
    assert "rules.json" in tally.check(bundle).mismatches[0]
    (bundle / "rules.json").unlink()
    with pytest.raises(poll_bundle.BundleError, match=r"rules\.json"):
        tally.check(bundle)


def test_a_block_that_the_chain_does_not_have_is_found_out(assembly, bundle, monkeypatch) -> None:
    assembly.chain.rpc("anvil_reorg", 20, [])
    found = tally.check(bundle, rpc=assembly.rpc)
    assert any("the chain has no block" in line for line in found.mismatches)


def test_a_block_that_could_still_change_is_found_out(assembly, bundle, monkeypatch) -> None:
    header = Rpc.header
    proven = json.loads((bundle / "manifest.json").read_bytes())["block"]["number"]
    earlier = header(assembly.rpc, proven - 1)
    monkeypatch.setattr(
        Rpc, "header", lambda rpc, at="latest": earlier if at == "finalized" else header(rpc, at)
    )
    found = tally.check(bundle, rpc=assembly.rpc)
    assert found.mismatches == [f"block {proven} is not final yet"]


def test_the_archive_holds_the_same_bytes_and_unpacks_to_a_bundle(bundle, tmp_path) -> None:
    shutil.unpack_archive(poll_bundle.archive(bundle), tmp_path)
    assert tally.check(tmp_path / bundle.name).hash == Poll.objects.get().bundle_hash
    first = poll_bundle.archive(bundle).read_bytes()
    (bundle / "bundle.zip").unlink()
    assert poll_bundle.archive(bundle).read_bytes() == first


def test_proofs_hold_for_every_history_of_checkpoints(assembly, monkeypatch) -> None:
    """Who never had votes, who had them later, once, often, and gave them all away."""
    first, second, third = assembly.holders
    stranger = Account.create().address
    times = []
    for number in range(6):
        assembly.call(first, "LAMToken", "transfer", third.address, LAM * (number + 1))
        assembly.chain.advance(7)
        times.append(assembly.rpc.header().timestamp)
    assembly.call(second, "LAMToken", "delegate", third.address)
    assembly.chain.advance(7)
    assembly.chain.mine(5)
    number = assembly.rpc.header().number - 3
    voters = [first.address, second.address, third.address, stranger]
    for at in (1, *times):
        found = capture(
            assembly.rpc,
            token=assembly.chain.address("LAMToken"),
            voters=voters,
            at=at,
            block_number=number,
        )
        for power in found.powers:
            past = assembly.read("LAMToken", "getPastVotes", power.voter, at)
            assert power.power_wei == past
    # However the slots are asked for, the proofs are the same.
    monkeypatch.setattr(powers, "PROOF_SLOTS_MAX", 3)
    in_parts = capture(
        assembly.rpc,
        token=assembly.chain.address("LAMToken"),
        voters=voters,
        at=at,
        block_number=number,
    )
    assert in_parts == found
    # Not of the block's own second either: a later block may share it.
    for at in (assembly.rpc.header(number).timestamp, times[-1] + 10**6):
        with pytest.raises(ChainUnavailable, match="not after"):
            capture(
                assembly.rpc,
                token=assembly.chain.address("LAMToken"),
                voters=voters,
                at=at,
                block_number=number,
            )
