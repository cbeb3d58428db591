"""Queueing and executing what passed: anyone can, and the relayer does it for who asks."""

from accounts.models import User
from chain.models import Intent
from governance.models import Proposal, RelayedCall
from governance.propose import Call, Draft
from governance.relay import relay


def as_draft(proposal: Proposal) -> Draft:
    """The proposal as it was made, whose id must come out again."""
    calls = [
        Call(call.target, call.value_wei, bytes(call.calldata)) for call in proposal.calls.all()
    ]
    return Draft(tuple(calls), proposal.description)


def queue(*, user: User, proposal: Proposal) -> Intent:
    """Have the relayer queue a succeeded proposal in the timelock. Raises NotRelayed."""
    return _carry_out(user, proposal, RelayedCall.Kind.QUEUE)


def execute(*, user: User, proposal: Proposal) -> Intent:
    """Have the relayer execute a queued proposal once its delay is over. Raises NotRelayed."""
    return _carry_out(user, proposal, RelayedCall.Kind.EXECUTE)


def _carry_out(user: User, proposal: Proposal, kind: RelayedCall.Kind) -> Intent:
    return relay(
        user=user,
        kind=kind,
        contract="LAMGovernor",
        calldata=as_draft(proposal).call_to(kind.value),
        purpose=f"{kind.value} proposal {proposal.pk}",
        about=str(proposal.pk),
    )
