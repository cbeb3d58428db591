"""Polls: open, cast, close, publish. Off chain and gasless; recomputable by anyone.

Time is the chain's, by its blocks: what opened, what is late and what is closed can be seen by
anyone who follows the same chain, and no clock of ours decides it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import wallets
from accounts.models import User
from chain import signatures
from chain.clock import clock
from chain.deployment import deployment
from chain.models import Chain
from chain.rpc import ChainError, Rpc
from governance import poll_bundle
from governance.ballots import Ballot, InvalidRules, Rules, check_ballot, digest, parse_rules
from governance.counting import Method, Outcome, count
from governance.poll_models import Poll, PollBallot
from governance.powers import Capture, capture
from governance.state import power_wei
from governance.tally import tally

DURATION_MIN_SECONDS, DURATION_MAX_SECONDS = 60, 30 * 24 * 3600
# A wallet may sign for a second that the last block has not reached.
LEEWAY_SECONDS = 120
CHANGES_MAX = 20

logger = logging.getLogger(__name__)


class PollError(Exception):
    """What was asked cannot be; the message says why, for people."""


class BallotRefused(PollError):
    """The ballot is well formed and signed for this poll, and is not taken in."""


class PowersDiffer(PollError):
    """The chain proves other powers than those followed here; nothing is published."""


def rules_of(poll: Poll) -> Rules:
    """The rules, whose hash is the poll's name."""
    return parse_rules(poll.rules)


def open_poll(
    *,
    user: User,
    title: str,
    options: Sequence[str],
    method: Method,
    duration_seconds: int,
    body: str = "",
    power_at: int | None = None,
) -> Poll:
    """Open a poll from the chain's time of now on; votes count as of the second before its last
    final block, or of an earlier `power_at`. Within the second of a block they could still change:
    chains with blocks faster than their clock have several of one second.

    Raises InvalidRules, and PollError when the author has no votes or too many open polls.
    """
    if not DURATION_MIN_SECONDS <= duration_seconds <= DURATION_MAX_SECONDS:
        raise InvalidRules(
            "duration_seconds",
            f"A poll is open for {DURATION_MIN_SECONDS} to {DURATION_MAX_SECONDS} seconds.",
        )
    now = clock()
    if power_at is None:
        power_at = max(0, now.final - 1)
    if power_at >= now.final:
        raise InvalidRules("power_at", "Votes count as of a time that is already final.")
    ours = deployment()
    author = _author(user, now.final - 1)
    rules = Rules(
        chain_id=ours.chain_id,
        token=ours.address("LAMToken"),
        author=author,
        title=title,
        body=body,
        options=tuple(options),
        method=method,
        opens_at=now.head,
        closes_at=now.head + duration_seconds,
        power_at=power_at,
    )
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        # The same poll by the same author in the same second is the same poll.
        if not Poll.objects.filter(pk=rules.poll).exists():
            _require_few_open(author, now.head)
        poll, _ = Poll.objects.get_or_create(
            pk=rules.poll,
            defaults={
                "rules": rules.document,
                "author": author,
                "title": title,
                "method": method,
                "opens_at": rules.opens_at,
                "closes_at": rules.closes_at,
                "power_at": rules.power_at,
            },
        )
    return poll


def _author(user: User, at: int) -> str:
    try:
        author = wallets.primary(user)
    except wallets.NoWallet:
        raise PollError("Only who has signed in with a wallet can open a poll.") from None
    if power_wei(author, at) < settings.POLL_POWER_WEI:
        raise PollError(f"To open a poll takes {settings.POLL_POWER_WEI} wei of votes.")
    return author


def _require_few_open(author: str, head: int) -> None:
    if Poll.objects.filter(author=author, closes_at__gt=head).count() >= settings.POLLS_OPEN_MAX:
        raise PollError(f"You already have {settings.POLLS_OPEN_MAX} open polls.")


def next_second(poll: Poll, voter: str) -> int:
    """The second a voter's next ballot is signed for: the chain's, after that of an earlier one."""
    earlier = poll.ballots.filter(voter=voter, is_latest=True).first()
    return max(clock().head, earlier.issued_at + 1 if earlier else poll.opens_at)


def cast(*, poll: Poll, ballot: Ballot, rpc: Rpc | None = None) -> PollBallot:
    """Take in a signed ballot; the same one again is harmless. Who hands it in does not matter.

    Raises InvalidBallot naming the field, BallotRefused (late, no votes, signed by somebody else,
    older than the voter's last), and ChainUnavailable when a contract wallet cannot be asked.
    """
    rules = rules_of(poll)
    check_ballot(rules, ballot)
    signed = digest(rules, ballot)
    if same := PollBallot.objects.filter(digest="0x" + signed.hex()).first():
        return same
    head = clock().head
    if poll.closed_at or head >= poll.closes_at:
        raise BallotRefused("The poll is closed.")
    if ballot.issued_at > head + LEEWAY_SECONDS:
        raise BallotRefused("The ballot is signed for a time that the chain has not reached.")
    power = power_wei(ballot.voter, poll.power_at)
    if power == 0:
        raise BallotRefused("This address had no votes when the poll counts them.")
    by_key = signatures.recover(signed, ballot.signature) == ballot.voter
    if not by_key and not signatures.verify(
        address=ballot.voter, digest=signed, signature=ballot.signature, rpc=rpc
    ):
        raise BallotRefused("The signature is not the voter's, or signs something else.")
    return _store(poll, ballot, signed, attested=not by_key, power=power)


def _store(poll: Poll, ballot: Ballot, signed: bytes, *, attested: bool, power: int) -> PollBallot:
    with transaction.atomic():
        if _lock_shared(poll, ballot.voter):
            raise BallotRefused("The poll is closed.")
        mine = PollBallot.objects.filter(poll=poll, voter=ballot.voter)
        last = mine.filter(is_latest=True).first()
        if last and last.digest == "0x" + signed.hex():
            return last
        if last and last.issued_at >= ballot.issued_at:
            raise BallotRefused("A later ballot of this voter is already there.")
        if mine.count() > CHANGES_MAX:
            raise BallotRefused(f"A vote is changed at most {CHANGES_MAX} times.")
        mine.filter(is_latest=True).update(is_latest=False)
        return PollBallot.objects.create(
            poll=poll,
            voter=ballot.voter,
            choice=list(ballot.choice),
            issued_at=ballot.issued_at,
            signature=ballot.signature,
            digest="0x" + signed.hex(),
            attested=attested,
            power_wei=power,
        )


def _lock_shared(poll: Poll, voter: str) -> bool:
    """Keep the poll from being closed, and the voter's other ballots waiting, until we are done.

    Returns whether it is closed already.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [poll.pk + voter])
        cursor.execute(
            "SELECT closed_at IS NOT NULL FROM governance_poll WHERE id = %s FOR SHARE", [poll.pk]
        )
        (closed,) = cursor.fetchone()
    return bool(closed)


def due() -> list[Poll]:
    """Polls whose time is over by final blocks and whose result is not published."""
    final = clock().final
    found = Poll.objects.filter(bundle_hash="", closes_at__lte=final, power_at__lt=final)
    return list(found.order_by("closes_at"))


def publish_due() -> None:
    """Close polls whose time is over and publish their results; one that fails spares the rest."""
    for poll in due():
        try:
            publish(close(poll))
        except (ChainError, PollError) as error:
            logger.error("poll %s is not published: %s", poll.pk, error)


def close(poll: Poll) -> Poll:
    """Take in no further ballot. Raises PollError while final blocks have not reached the end."""
    if clock().final < poll.closes_at:
        raise PollError("The poll is still open by the chain's final blocks.")
    with transaction.atomic():
        locked = Poll.objects.select_for_update().get(pk=poll.pk)
        if locked.closed_at is None:
            locked.closed_at = timezone.now()
            locked.save(update_fields=["closed_at"])
    return locked


def publish(poll: Poll, *, rpc: Rpc | None = None) -> Poll:
    """Prove the powers at the last final block, count, write the bundle and store its hash.

    Done once; again it changes nothing. Raises PollError before `close`, PowersDiffer, and
    ChainUnavailable, after any of which it can be tried again.
    """
    if poll.bundle_hash:
        return poll
    if poll.closed_at is None:
        raise PollError("The poll is not closed.")
    rules = rules_of(poll)
    rows = list(poll.ballots.order_by("voter", "issued_at"))
    final = Chain.objects.get(chain_id=rules.chain_id).finalized_number
    captured = capture(
        rpc or Rpc(settings.ETH_RPC_URL),
        token=rules.token,
        voters=sorted({row.voter for row in rows}),
        at=rules.power_at,
        block_number=final,
    )
    result = _result(rules, rows, captured)
    bundle_hash, _ = poll_bundle.write(
        Path(settings.BUNDLES_DIR),
        rules=rules,
        ballots=[as_ballot(row) for row in rows],
        capture=captured,
        result=result,
    )
    with transaction.atomic():
        locked = Poll.objects.select_for_update().get(pk=poll.pk)
        if not locked.bundle_hash:
            locked.bundle_hash, locked.result = bundle_hash, result
            locked.block_number = captured.block.number
            locked.save(update_fields=["bundle_hash", "result", "block_number"])
    return locked


def as_ballot(row: PollBallot) -> Ballot:
    """A stored ballot as it was signed."""
    return Ballot(row.voter, tuple(row.choice), row.issued_at, bytes(row.signature), row.attested)


def _result(rules: Rules, rows: Sequence[PollBallot], captured: Capture) -> dict[str, Any]:
    powers = {each.voter: each.power_wei for each in captured.powers}
    counted = [row for row in rows if row.is_latest]
    for row in counted:
        if powers[row.voter] != row.power_wei:
            raise PowersDiffer(
                f"{row.voter} has {powers[row.voter]} wei by proof and {row.power_wei} wei here"
            )
    attested = sum(row.power_wei for row in counted if row.attested)
    outcome = tally(rules, [as_ballot(row) for row in counted], powers)
    return poll_bundle.outcome_document(outcome, voters=len(counted), attested_wei=attested)


def interim(poll: Poll) -> Outcome:
    """The outcome if the poll were closed with the ballots there are."""
    rules = rules_of(poll)
    rows = poll.ballots.filter(is_latest=True).values_list("choice", "power_wei")
    pairs = ((tuple(choice), wei) for choice, wei in rows.iterator())
    return count(rules.method, len(rules.options), pairs)
