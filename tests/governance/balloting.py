"""Polls that are opened, answered and published, for the tests of polls and of their recount."""

from pathlib import Path

from eth_account.messages import encode_typed_data

from accounts.models import Wallet
from governance import poll_bundle, polls, tasks
from governance.ballots import Ballot, typed_data
from governance.poll_models import Poll, PollBallot
from tests.factories import make_user

OPTIONS = ["Red", "Green", "Blue"]


def person_of(account):
    """A signed-in person whose wallet the account is."""
    known = Wallet.objects.filter(address=account.address).first()
    if known:
        return known.user
    user = make_user(wallet=False)
    Wallet.objects.create(user=user, address=account.address, is_primary=True)
    return user


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


def publish(assembly, poll: Poll) -> Poll:
    """Let its time pass and have the scheduler's task do the rest."""
    assembly.chain.advance(400)
    assembly.follow()
    tasks.publish_polls()
    poll.refresh_from_db()
    return poll


def bundle_of(poll: Poll, settings) -> Path:
    return poll_bundle.path_of(settings.BUNDLES_DIR, poll.bundle_hash)
