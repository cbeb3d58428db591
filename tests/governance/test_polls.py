"""Polls: who may open and vote, which ballot counts, and that anyone can redo the result."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from eth_account import Account
from eth_account.messages import encode_typed_data

from accounts.models import Wallet
from chain.rpc import ChainUnavailable
from chain.signatures import typed_data_digest
from config.environment import BASE_DIR
from governance import poll_bundle, polls, tally, tasks
from governance.ballots import Ballot, InvalidBallot, InvalidRules, digest, typed_data
from governance.counting import Method
from governance.poll_models import Poll, PollBallot
from governance.polls import BallotRefused, PollError, PowersDiffer
from governance.powers import capture
from tests.factories import make_user
from tests.governance.conftest import LAM, Assembly
from tests.governance.test_signed import ACCEPTED, WALLET_CODE, give_votes

OPTIONS = ["Red", "Green", "Blue"]


def person_of(account):
    """A signed-in person whose wallet the account is."""
    known = Wallet.objects.filter(address=account.address).first()
    if known:
        return known.user
    user = make_user(wallet=False)
    Wallet.objects.create(user=user, address=account.address, is_primary=True)
    return user


@pytest.fixture
def open_poll(assembly):
    """Opens a poll of the first holder; five minutes unless told otherwise."""

    def make(method: Method = Method.SINGLE, **fields) -> Poll:
        asked = {"title": "Which colour?", "options": OPTIONS, "duration_seconds": 300, **fields}
        return polls.open_poll(user=person_of(assembly.holders[0]), method=method, **asked)

    return make


def signed(poll: Poll, account, choice, issued_at: int | None = None, **fields) -> Ballot:
    """A ballot as a wallet signs it."""
    issued_at = polls.next_second(poll, account.address) if issued_at is None else issued_at
    voter = fields.pop("voter", account.address)
    data = typed_data(polls.rules_of(poll), voter=voter, choice=choice, issued_at=issued_at)
    data["message"]["issuedAt"] = issued_at
    signature = bytes(account.sign_message(encode_typed_data(full_message=data)).signature)
    return Ballot(voter, tuple(choice), issued_at, fields.pop("signature", signature))


def vote(poll: Poll, account, choice, **fields) -> PollBallot:
    return polls.cast(poll=poll, ballot=signed(poll, account, choice, **fields))


def publish(assembly: Assembly, poll: Poll) -> Poll:
    """Let its time pass and have the scheduler's task do the rest."""
    assembly.chain.advance(400)
    assembly.follow()
    tasks.publish_polls()
    poll.refresh_from_db()
    return poll


def bundle_of(poll: Poll, settings) -> Path:
    return poll_bundle.path_of(settings.BUNDLES_DIR, poll.bundle_hash)


def test_the_scheduler_publishes_polls(settings) -> None:
    scheduled = settings.CELERY_BEAT_SCHEDULE["publish-polls"]["task"]
    assert scheduled == tasks.publish_polls.name


def test_the_digest_is_the_one_every_wallet_signs(assembly, open_poll) -> None:
    for method, choice in ((Method.SINGLE, [2]), (Method.WEIGHTED, [1, 0, 2**32 - 1])):
        poll = open_poll(method)
        ballot = signed(poll, assembly.holders[1], choice)
        rules = polls.rules_of(poll)
        data = typed_data(rules, voter=ballot.voter, choice=choice, issued_at=ballot.issued_at)
        data["message"]["issuedAt"] = ballot.issued_at
        assert digest(rules, ballot) == typed_data_digest(data)


@pytest.mark.parametrize(
    ("method", "choices", "totals", "winners"),
    [
        (Method.SINGLE, ([0], [1], [1]), [60, 40, 0], [0]),
        (Method.APPROVAL, ([0], [1, 2], [0, 1]), [70, 40, 30], [0]),
        (Method.RANKED, ([2, 1], [1], [0, 1]), [10, 30, 60], [2]),
        (Method.WEIGHTED, ([1, 1, 2], [0, 1, 0], [1, 0, 0]), [25, 45, 30], [1]),
    ],
)
def test_a_poll_is_opened_answered_published_and_recomputed(
    assembly, open_poll, settings, method, choices, totals, winners
) -> None:
    poll = open_poll(method)
    for account, choice in zip(assembly.holders, choices, strict=True):
        vote(poll, account, choice)
    expected = tuple(each * LAM for each in totals)
    assert polls.interim(poll).totals_wei == expected
    poll = publish(assembly, poll)
    assert poll.result["totals_wei"] == [str(each) for each in expected]
    assert poll.result["winners"] == winners
    path = bundle_of(poll, settings)
    found = tally.check(path, rpc=assembly.rpc, expected_hash=poll.bundle_hash)
    assert found.mismatches == []
    assert (found.hash, found.outcome.totals_wei) == (poll.bundle_hash, expected)
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash == poll.bundle_hash
    assert [each.name for each in settings.BUNDLES_DIR.iterdir()] == [path.name]


def test_power_is_what_it_was_whatever_happens_afterwards(assembly, open_poll, settings) -> None:
    first, second, third = assembly.holders
    poll = open_poll()
    for _ in range(3):
        assembly.call(first, "LAMToken", "transfer", third.address, 10 * LAM)
        assembly.chain.advance(2)
    assembly.call(second, "LAMToken", "delegate", third.address)
    assembly.follow()
    vote(poll, first, [0])
    vote(poll, second, [1])
    poll = publish(assembly, poll)
    assert poll.result["totals_wei"] == [str(60 * LAM), str(30 * LAM), "0"]
    found = poll_bundle.read(bundle_of(poll, settings))
    delegates = {power.voter: power.delegate for power in found.powers}
    assert delegates == {first.address: first.address, second.address: third.address}
    assert tally.check(bundle_of(poll, settings), rpc=assembly.rpc).mismatches == []


def test_power_may_be_counted_as_of_an_earlier_time(assembly, open_poll) -> None:
    before = assembly.rpc.header(assembly.rpc.header().number).timestamp
    assembly.chain.advance(10)
    assembly.call(assembly.holders[0], "LAMToken", "transfer", assembly.holders[2].address, LAM)
    assembly.chain.advance(10)
    assembly.follow()
    poll = open_poll(power_at=before)
    assert vote(poll, assembly.holders[0], [0]).power_wei == 60 * LAM
    assert vote(open_poll(), assembly.holders[0], [0]).power_wei == 59 * LAM
    with pytest.raises(InvalidRules, match="already final"):
        open_poll(power_at=before + 10**6)
    with pytest.raises(BallotRefused, match="no votes"):
        vote(open_poll(power_at=5), assembly.holders[0], [0])


def test_the_latest_ballot_counts_and_the_earlier_ones_stay_on_record(
    assembly, open_poll, settings
) -> None:
    voter = assembly.holders[1]
    poll = open_poll()
    vote(poll, voter, [0])
    vote(poll, voter, [1])
    last = vote(poll, voter, [2])
    assert polls.interim(poll).totals_wei == (0, 0, 30 * LAM)
    assert PollBallot.objects.filter(is_latest=True).get() == last
    poll = publish(assembly, poll)
    assert poll.result["totals_wei"] == ["0", "0", str(30 * LAM)]
    assert poll.result["voters"] == 1
    assert len(poll_bundle.read(bundle_of(poll, settings)).ballots) == 3
    assert tally.check(bundle_of(poll, settings)).mismatches == []


def test_an_earlier_ballot_handed_in_again_changes_nothing(assembly, open_poll) -> None:
    voter = assembly.holders[1]
    poll = open_poll()
    first = signed(poll, voter, [0])
    stored = polls.cast(poll=poll, ballot=first)
    vote(poll, voter, [1])
    assert polls.cast(poll=poll, ballot=first) == stored
    assert polls.interim(poll).totals_wei == (0, 30 * LAM, 0)
    older = signed(poll, voter, [2], issued_at=first.issued_at)
    with pytest.raises(BallotRefused, match="later ballot"):
        polls.cast(poll=poll, ballot=older)
    assert PollBallot.objects.count() == 2


def test_a_ballot_counts_for_its_poll_its_choice_and_its_voter_alone(assembly, open_poll) -> None:
    voter, other = assembly.holders[1], assembly.holders[2]
    poll, another = open_poll(), open_poll(title="Another question")
    good = signed(poll, voter, [0])
    hostile = [
        (another, good),
        (poll, Ballot(voter.address, (1,), good.issued_at, good.signature)),
        (poll, Ballot(voter.address, (0,), good.issued_at + 1, good.signature)),
        (poll, Ballot(other.address, (0,), good.issued_at, good.signature)),
        (poll, Ballot(voter.address, (0,), good.issued_at, b"")),
        (poll, Ballot(voter.address, (0,), good.issued_at, b"\0" * 65)),
        (poll, signed(poll, other, [0], voter=voter.address)),
    ]
    for target, ballot in hostile:
        with pytest.raises(BallotRefused, match="signature"):
            polls.cast(poll=target, ballot=ballot)
    assert not PollBallot.objects.exists()


def test_a_ballot_that_does_not_fit_names_the_field(assembly, open_poll) -> None:
    poll = open_poll()
    voter = assembly.holders[1]
    for choice in ([], [3], [0, 1]):
        with pytest.raises(InvalidBallot, match=r"^choice"):
            vote(poll, voter, choice)
    for second in (poll.opens_at - 1, poll.closes_at, 0):
        with pytest.raises(InvalidBallot, match=r"^issued_at"):
            vote(poll, voter, [0], issued_at=second)
    with pytest.raises(BallotRefused, match="has not reached"):
        vote(poll, voter, [0], issued_at=poll.closes_at - 1)


def test_who_had_no_votes_takes_no_part(assembly, open_poll) -> None:
    with pytest.raises(BallotRefused, match="no votes"):
        vote(open_poll(), Account.create(), [0])


def test_late_ballots_are_refused_and_an_open_poll_is_not_closed(assembly, open_poll) -> None:
    poll = open_poll()
    ballot = signed(poll, assembly.holders[1], [0])
    with pytest.raises(PollError, match="still open"):
        polls.close(poll)
    with pytest.raises(PollError, match="not closed"):
        polls.publish(poll)
    assembly.chain.advance(301)
    assembly.follow()
    with pytest.raises(BallotRefused, match="closed"):
        polls.cast(poll=poll, ballot=ballot)
    assert publish(assembly, poll).result["voters"] == 0


def test_a_poll_closed_meanwhile_takes_nothing_in(assembly, open_poll) -> None:
    poll = open_poll()
    ballot = signed(poll, assembly.holders[1], [0])
    # The row that a request has read may be older than the closing.
    Poll.objects.update(closed_at="2030-01-01T00:00:00Z")
    with pytest.raises(BallotRefused, match="closed"):
        polls.cast(poll=poll, ballot=ballot)


def test_a_vote_is_changed_only_so_often(assembly, open_poll, monkeypatch) -> None:
    monkeypatch.setattr(polls, "CHANGES_MAX", 2)
    poll = open_poll()
    for number in range(3):
        vote(poll, assembly.holders[1], [number])
    with pytest.raises(BallotRefused, match="at most 2 times"):
        vote(poll, assembly.holders[1], [0])


def test_opening_takes_votes_and_ends(assembly, open_poll, settings) -> None:
    settings.POLLS_OPEN_MAX = 2
    user = person_of(assembly.holders[1])
    asked = {"options": OPTIONS, "method": Method.SINGLE, "duration_seconds": 300}
    with pytest.raises(PollError, match="votes"):
        polls.open_poll(user=make_user(), title="?", **asked)
    with pytest.raises(PollError, match="wallet"):
        polls.open_poll(user=make_user(wallet=False), title="?", **asked)
    first = polls.open_poll(user=user, title="1", **asked)
    assert polls.open_poll(user=user, title="1", **asked) == first
    polls.open_poll(user=user, title="2", **asked)
    with pytest.raises(PollError, match="open polls"):
        polls.open_poll(user=user, title="3", **asked)
    assembly.chain.advance(400)
    assembly.follow()
    polls.open_poll(user=user, title="3", **asked)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"options": ["one"]}, "options"),
        ({"options": ["one", "one"]}, "options"),
        ({"options": ["one", ""]}, "options"),
        ({"options": [str(n) for n in range(21)]}, "options"),
        ({"duration_seconds": 59}, "duration_seconds"),
        ({"duration_seconds": 10**9}, "duration_seconds"),
        ({"body": "\ud800"}, "body"),
        ({"body": "a\0b"}, "body"),
    ],
)
def test_rules_that_cannot_be_name_the_field(open_poll, fields, field) -> None:
    with pytest.raises(InvalidRules) as error:
        open_poll(**fields)
    assert error.value.field == field
    assert not Poll.objects.exists()


def test_a_wallet_contract_votes_and_is_attested_until_a_node_is_asked(
    assembly, open_poll, settings
) -> None:
    wallet = Account.create().address
    assembly.chain.rpc("anvil_setCode", wallet, WALLET_CODE)
    give_votes(assembly, wallet)
    assembly.chain.mine(3)
    assembly.follow()
    poll = open_poll()
    second = polls.next_second(poll, wallet)
    with pytest.raises(BallotRefused, match="signature"):
        polls.cast(poll=poll, ballot=Ballot(wallet, (1,), second, b"\0" * 32))
    row = polls.cast(poll=poll, ballot=Ballot(wallet, (1,), second, ACCEPTED))
    assert row.attested
    vote(poll, assembly.holders[1], [0])
    poll = publish(assembly, poll)
    assert poll.result["attested_wei"] == str(5 * LAM)
    path = bundle_of(poll, settings)
    assert tally.check(path).attested == [wallet]
    assert tally.check(path, rpc=assembly.rpc).mismatches == []
    assembly.chain.rpc("anvil_setCode", wallet, "0x600160e01b5f5260205ff3")
    found = tally.check(path, rpc=assembly.rpc)
    assert [wallet in line for line in found.mismatches] == [True]


def test_powers_that_the_chain_does_not_prove_are_never_published(assembly, open_poll) -> None:
    poll = open_poll()
    vote(poll, assembly.holders[1], [0])
    PollBallot.objects.update(power_wei=31 * LAM)
    assembly.chain.advance(400)
    assembly.follow()
    poll = polls.close(poll)
    with pytest.raises(PowersDiffer):
        polls.publish(poll)
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash == ""
    PollBallot.objects.update(power_wei=30 * LAM)
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash


def test_a_node_that_is_away_delays_the_result(assembly, open_poll, settings) -> None:
    poll = open_poll()
    assembly.chain.advance(400)
    assembly.follow()
    url, settings.ETH_RPC_URL = settings.ETH_RPC_URL, "http://127.0.0.1:9"
    tasks.publish_polls()
    poll.refresh_from_db()
    assert poll.closed_at
    assert not poll.bundle_hash
    settings.ETH_RPC_URL = url
    tasks.publish_polls()
    assert Poll.objects.get().bundle_hash


@pytest.mark.parametrize(
    "change",
    [
        {"bundle_hash": "0x" + "1" * 64},
        {"result": {}},
        {"block_number": 5},
        {"closes_at": 0},
        {"method": "loudest"},
        {"author": "nobody"},
    ],
)
def test_rows_that_make_no_sense_are_impossible(open_poll, change) -> None:
    open_poll()
    with pytest.raises(IntegrityError), transaction.atomic():
        Poll.objects.update(**change)


# The bundle as a stranger gets it.


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


def test_the_archive_holds_the_same_bytes_and_unpacks_to_a_bundle(bundle, tmp_path) -> None:
    shutil.unpack_archive(poll_bundle.archive(bundle), tmp_path)
    assert tally.check(tmp_path / bundle.name).hash == Poll.objects.get().bundle_hash
    first = poll_bundle.archive(bundle).read_bytes()
    (bundle / "bundle.zip").unlink()
    assert poll_bundle.archive(bundle).read_bytes() == first


def test_proofs_hold_for_every_history_of_checkpoints(assembly) -> None:
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
    with pytest.raises(ChainUnavailable, match="not after"):
        capture(
            assembly.rpc,
            token=assembly.chain.address("LAMToken"),
            voters=voters,
            at=times[-1] + 10**6,
            block_number=number,
        )
