"""From finalized logs of the Governor, the token and the Registry to rows.

The only way into the engine for what a vote decided: `Registry.Adopted`, once final, calls
`contributions.policy.adopt`. Nothing else does.
"""

from collections.abc import Callable, Sequence

from chain.projection import DecodedLog, Projection
from contributions import policy
from governance.models import (
    Delegation,
    Power,
    Proposal,
    ProposalCall,
    QuorumNumerator,
    Supply,
    Support,
    Vote,
)

ZERO_ADDRESS = "0x" + "00" * 20
WORD_BYTES = 16


def _created(log: DecodedLog) -> None:
    values = log.arguments
    proposal = Proposal.objects.create(
        id=values["proposalId"],
        proposer=values["proposer"],
        description=values["description"].replace("\0", ""),
        vote_start=values["voteStart"],
        vote_end=values["voteEnd"],
        created_at=log.block_timestamp,
        block_number=log.block_number,
        transaction_hash=log.transaction_hash,
    )
    calls = zip(values["targets"], values["values"], values["calldatas"], strict=True)
    ProposalCall.objects.bulk_create(
        ProposalCall(
            proposal=proposal,
            position=position,
            target=target,
            value_wei=value_wei,
            calldata=bytes.fromhex(calldata[2:]),
        )
        for position, (target, value_wei, calldata) in enumerate(calls)
    )


def _change(log: DecodedLog, **fields: int | str) -> None:
    Proposal.objects.filter(pk=log.arguments["proposalId"]).update(**fields)


def _extended(log: DecodedLog) -> None:
    _change(log, extended_end=log.arguments["extendedDeadline"])


def _objections_opened(log: DecodedLog) -> None:
    start, end = log.arguments["start"], log.arguments["deadline"]
    _change(log, objection_start=start, objection_end=end)


def _queued(log: DecodedLog) -> None:
    _change(log, queued_at=log.block_timestamp, eta=log.arguments["etaSeconds"])


def _executed(log: DecodedLog) -> None:
    _change(
        log,
        executed_at=log.block_timestamp,
        execution_transaction_hash=log.transaction_hash,
    )


def _canceled(log: DecodedLog) -> None:
    _change(log, canceled_at=log.block_timestamp)


def _voted(log: DecodedLog) -> None:
    values = log.arguments
    against_wei, for_wei, abstain_wei = _split(log)
    Vote.objects.create(
        proposal_id=values["proposalId"],
        voter=values["voter"],
        support=values["support"],
        against_wei=against_wei,
        for_wei=for_wei,
        abstain_wei=abstain_wei,
        reason=values["reason"].replace("\0", ""),
        cast_at=log.block_timestamp,
        block_number=log.block_number,
        log_index=log.log_index,
        transaction_hash=log.transaction_hash,
    )


def _split(log: DecodedLog) -> tuple[int, int, int]:
    """Against, for and abstain in wei; a split vote packs three uint128 into its parameters."""
    support, weight = log.arguments["support"], log.arguments["weight"]
    if support == Support.SPLIT:
        packed = bytes.fromhex(log.arguments["params"][2:])
        parts = [packed[i : i + WORD_BYTES] for i in range(0, 3 * WORD_BYTES, WORD_BYTES)]
        return int.from_bytes(parts[0]), int.from_bytes(parts[1]), int.from_bytes(parts[2])
    return (
        weight if support == Support.AGAINST else 0,
        weight if support == Support.FOR else 0,
        weight if support == Support.ABSTAIN else 0,
    )


def _delegated(log: DecodedLog) -> None:
    values = log.arguments
    if values["toDelegate"] == ZERO_ADDRESS:
        Delegation.objects.filter(pk=values["delegator"]).delete()
        return
    Delegation.objects.update_or_create(
        delegator=values["delegator"],
        defaults={
            "delegate": values["toDelegate"],
            "since": log.block_timestamp,
            "block_number": log.block_number,
            "log_index": log.log_index,
        },
    )


def _powers_changed(logs: Sequence[DecodedLog]) -> None:
    """A delegation changes two powers and a transfer up to two: many at once, so in bulk."""
    latest = {log.arguments["delegate"]: log for log in logs}
    Power.objects.filter(delegate__in=latest, is_current=True).update(is_current=False)
    Power.objects.bulk_create(
        Power(
            delegate=log.arguments["delegate"],
            votes_wei=log.arguments["newVotes"],
            since=log.block_timestamp,
            block_number=log.block_number,
            log_index=log.log_index,
            is_current=latest[log.arguments["delegate"]] is log,
        )
        for log in logs
    )


def _transferred(log: DecodedLog) -> None:
    """Minting and burning change the supply; other transfers are none of governance's business."""
    values = log.arguments
    change = (values["from"] == ZERO_ADDRESS) - (values["to"] == ZERO_ADDRESS)
    if change == 0:
        return
    latest = Supply.objects.order_by("-block_number", "-log_index").first()
    Supply.objects.create(
        total_wei=(latest.total_wei if latest else 0) + change * values["value"],
        since=log.block_timestamp,
        block_number=log.block_number,
        log_index=log.log_index,
    )


def _numerator_changed(log: DecodedLog) -> None:
    QuorumNumerator.objects.create(
        numerator=log.arguments["newQuorumNumerator"],
        since=log.block_timestamp,
        block_number=log.block_number,
        log_index=log.log_index,
    )


HANDLERS: dict[str, Callable[[DecodedLog], None]] = {
    "LAMGovernor.ProposalCreated": _created,
    "LAMGovernor.ProposalExtended": _extended,
    "LAMGovernor.ObjectionPeriodOpened": _objections_opened,
    "LAMGovernor.ProposalQueued": _queued,
    "LAMGovernor.ProposalExecuted": _executed,
    "LAMGovernor.ProposalCanceled": _canceled,
    "LAMGovernor.VoteCast": _voted,
    "LAMGovernor.VoteCastWithParams": _voted,
    "LAMGovernor.QuorumNumeratorUpdated": _numerator_changed,
    "LAMToken.DelegateChanged": _delegated,
    "LAMToken.Transfer": _transferred,
}


BULK_HANDLERS = {"LAMToken.DelegateVotesChanged": _powers_changed}


def _take(log: DecodedLog) -> None:
    HANDLERS[log.qualified](log)


def _adopted(log: DecodedLog) -> None:
    policy.adopt(log)


# Whether a document could be adopted depends on what was known then; a rebuild may know more.
adoptions = Projection(
    name="governance.adoptions",
    events=("Registry.Adopted",),
    handler=_adopted,
    tables=("contributions.Adoption",),
    ignored=frozenset({"id", "adoptable", "reason"}),
)
project = Projection(
    name="governance",
    events=(*HANDLERS, *BULK_HANDLERS),
    handler=_take,
    bulk=BULK_HANDLERS,
    tables=tuple(
        f"governance.{each}"
        for each in (
            "Proposal",
            "ProposalCall",
            "Vote",
            "Delegation",
            "Power",
            "Supply",
            "QuorumNumerator",
        )
    ),
)
