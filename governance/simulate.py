"""Simulations of proposals and drafts: asked for once per proposal and block, run by the worker."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import celery
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import User
from chain.anvil import forked
from chain.rpc import ChainError, Rpc
from governance import carry_out, drafts
from governance.models import Power, Proposal
from governance.people_models import ProposalDraft, Simulation
from governance.propose import Call, ProposalError
from governance.rehearsal import rehearse

WAITING = Simulation.Progress.WAITING
TASK = "governance.tasks.simulate"
CALL_SECONDS = 30
DELEGATES_ASKED = 50
RUN_SECONDS = 120


class NothingToRun(LookupError):
    """There is no proposal and no shared draft with this id."""


def latest(proposal_id: int) -> Simulation | None:
    """The last simulation that was asked for."""
    return Simulation.objects.filter(proposal=proposal_id).order_by("-block_number").first()


def request(*, proposal_id: int, user: User | None = None) -> Simulation:
    """Ask for a run at the head of the chain; the one there is for that block, if there is one.

    Raises NothingToRun, ChainError. The row's creator queues the work, on commit.
    """
    calls_of(proposal_id)
    block = int(Rpc(settings.ETH_RPC_URL).call("eth_blockNumber"), 16)
    row, created = Simulation.objects.get_or_create(
        proposal=proposal_id, block_number=block, defaults={"requested_by": user}
    )
    if created:
        transaction.on_commit(lambda: _queue(row.pk))
    return row


def _queue(simulation_id: int) -> None:
    # By name, as the task's module imports this one.
    celery.current_app.send_task(TASK, args=[simulation_id], retry=False)


def request_missing() -> int:
    """Ask for a run of every proposal that never had one, and queue lost ones; returns how many."""
    seen = Simulation.objects.filter(proposal=OuterRef("pk"))
    missing = Proposal.objects.filter(~Exists(seen), executed_at=None, canceled_at=None)
    for proposal in missing:
        request(proposal_id=proposal.pk)
    late = timezone.now() - timedelta(seconds=2 * RUN_SECONDS)
    lost = Simulation.objects.filter(progress=WAITING, requested_at__lt=late)
    for row in lost:
        _queue(row.pk)
    return len(missing) + len(lost)


def run(simulation_id: int) -> None:
    """Do what was asked for; a run that is over stays as it is."""
    row = Simulation.objects.get(pk=simulation_id)
    if row.progress != WAITING:
        return
    try:
        result = _rehearsed(row)
    except (ChainError, NothingToRun) as error:
        give_up(simulation_id, str(error))
        return
    _finish(simulation_id, progress=Simulation.Progress.DONE, result=result)


def give_up(simulation_id: int, why: str) -> None:
    """It could not be run; the reason shows."""
    _finish(simulation_id, progress=Simulation.Progress.FAILED, failure=why)


def _finish(simulation_id: int, **fields: Any) -> None:
    waiting = Simulation.objects.filter(pk=simulation_id, progress=WAITING)
    waiting.update(finished_at=timezone.now(), **fields)


def _rehearsed(row: Simulation) -> dict[str, object]:
    greatest = Power.objects.filter(is_current=True, votes_wei__gt=0).order_by("-votes_wei")
    delegates = list(greatest.values_list("delegate", flat=True)[:DELEGATES_ASKED])
    calls = calls_of(row.proposal)
    url: str = settings.ETH_RPC_URL
    with forked(url, block=row.block_number, timeout_seconds=CALL_SECONDS) as fork:
        return rehearse(fork, calls=calls, delegates=delegates).document()


def calls_of(proposal_id: int) -> Sequence[Call]:
    """The calls of a proposal or of a shared draft. Raises NothingToRun."""
    if proposal := Proposal.objects.filter(pk=proposal_id).first():
        return carry_out.as_draft(proposal).calls
    shared = ProposalDraft.objects.filter(proposal=proposal_id, shared_at__isnull=False)
    if draft := shared.first():
        try:
            return drafts.built(draft).calls
        except ProposalError as error:
            raise NothingToRun(f"The draft cannot be built now: {error}") from error
    raise NothingToRun("There is no proposal and no shared draft with this id.")
