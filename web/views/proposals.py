"""Proposals: what they would do, how the vote stands, one's own ballot, and making one."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chain.clock import clock
from chain.deployment import NotDeployed
from contributions.models import Adoption, Kind
from governance import discuss, statistics
from governance.carry_out import as_draft
from governance.decode import explain
from governance.models import Power, Proposal
from governance.propose import Call
from governance.state import State, Tally, state, tally
from governance.state import power_wei as power_at
from web import onchain, wording
from web.discussions import comments, html
from web.people import address_of, person_required
from web.policies import (
    FIELDS,
    changes,
    lookup,
    next_epoch_number,
    policy_of_epoch,
    replaced_by,
)
from web.simulations import effect_of, run_of
from web.tallies import states, with_quorum
from web.templatetags.amounts import percent

PAGE_SIZE = 25
VOTES_SHOWN = 50


def moment(seconds: int) -> datetime:
    """A block's time for a template."""
    return datetime.fromtimestamp(seconds, UTC)


def current_power_wei(address: str) -> int:
    """The votes an address has now, by finalized logs."""
    current = Power.objects.filter(delegate=address, is_current=True)
    return int(current.values_list("votes_wei", flat=True).first() or 0)


def _row(proposal: Proposal, counted: Tally, now: State) -> dict[str, Any]:
    return {
        "id": proposal.pk,
        "title": proposal.title,
        "state": wording.words(wording.PROPOSAL_STATES, now),
        "ends_at": moment(proposal.deadline),
        "for_wei": counted.for_wei,
        "against_wei": counted.against_wei,
    }


def turnout(page: Iterable[Proposal]) -> list[dict[str, Any]]:
    """The part of the supply that voted on each, with its quorum."""
    try:
        rows = statistics.participation(list(page))
    except NotDeployed:
        return []
    return [
        {
            "label": row["title"],
            "text": percent(row["turnout_bp"]),
            "bp": row["turnout_bp"],
            "mark_bp": row["quorum_bp"],
        }
        for row in rows
    ]


@require_safe
def proposals(request: HttpRequest) -> HttpResponse:
    """Anyone: all proposals, newest first, and how many took part."""
    found = with_quorum(Proposal.objects.order_by("-block_number", "-created_at"))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    address = address_of(request)
    context = {
        "section": "proposals",
        "page": page,
        "rows": [_row(*each) for each in states(page)],
        "address": address,
        "power_wei": current_power_wei(address) if address else 0,
        "turnout": turnout(page),
    }
    return render(request, "web/proposals.html", context)


def actions(calls: Sequence[Call], adoptions: list[Adoption]) -> list[dict[str, Any]]:
    """Each call in plain words; for a policy, what it changes."""
    base = replaced_by(adoptions[0] if adoptions else None)
    found = []
    for call in calls:
        said = explain(target=call.target, value_wei=call.value_wei, calldata=call.calldata)
        adopts_policy = (
            said.function.startswith("adopt(") and said.arguments.get("kind") == Kind.REWARD_POLICY
        )
        document_hash = said.arguments.get("contentHash", "")
        found.append(
            {
                "text": said.summary,
                "known": said.known,
                "contract": said.contract or _("unknown contract"),
                "target": call.target,
                "arguments": [{"name": k, "value": v} for k, v in said.arguments.items()],
                "changes": changes(document_hash, base) if adopts_policy else [],
            }
        )
    return found


def counts(counted: Tally) -> list[dict[str, Any]]:
    """The tally with whole per cents of all votes cast, for bars."""
    parts = [
        ("for", _("For"), counted.for_wei),
        ("against", _("Against"), counted.against_wei),
        ("abstain", _("Abstain"), counted.abstain_wei),
    ]
    cast = sum(wei for _id, _label, wei in parts) or 1
    return [
        {"name": name, "label": label, "wei": wei, "percent": wei * 100 // cast}
        for name, label, wei in parts
    ]


def body_of(proposal: Proposal) -> str:
    """The description without its heading and the machine-readable last line."""
    lines = proposal.description.split("\n")[1:]
    return "\n".join(line for line in lines if not line.startswith("#proposer=")).strip()


def step_due(now: State, proposal: Proposal) -> str:
    """What anyone may do now: queue, execute, or nothing."""
    if now == State.SUCCEEDED:
        return "queue"
    ripe = now == State.QUEUED and proposal.eta is not None and clock().head >= proposal.eta
    return "execute" if ripe else ""


def call_of(proposal: Proposal) -> dict[str, Any]:
    """What the scripts need to queue or execute it."""
    draft = as_draft(proposal)
    targets, values, calldatas = draft.lists
    return {
        "targets": targets,
        "values": [str(value) for value in values],
        "calldatas": ["0x" + data.hex() for data in calldatas],
        "description_hash": "0x" + draft.description_hash.hex(),
    }


@require_safe
def proposal(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Anyone: one proposal; a signed-in person with power may vote while voting is open."""
    found = get_object_or_404(Proposal, pk=proposal_id)
    counted = tally(found)
    now, head = state(found, counted), clock().head
    address = address_of(request)
    adoptions = _adoptions_by(found)
    votes = found.votes.order_by("-block_number", "-log_index")
    own_votes = list(votes.filter(voter=address)) if address else []
    power_wei = _power_here(address, found, now)
    context = {
        "section": "proposals",
        "proposal": found,
        "body": html(body_of(found)),
        "now": head,
        "left": found.deadline - head,
        "starts_at": moment(found.vote_start),
        "ends_at": moment(found.deadline),
        "executable_at": moment(found.eta) if found.eta and now == State.QUEUED else None,
        "state": wording.words(wording.PROPOSAL_STATES, now),
        "actions": actions(as_draft(found).calls, adoptions),
        "counts": counts(counted),
        "quorum_wei": counted.quorum_wei,
        "address": address,
        "power_wei": power_wei,
        "can_vote": now == State.ACTIVE,
        "remaining_wei": max(power_wei - sum(vote.weight_wei for vote in own_votes), 0),
        "own_votes": own_votes,
        "step": step_due(now, found),
        "votes": votes[:VOTES_SHOWN],
        "adoptions": adoptions,
        "call": call_of(found),
        "proposal_id": found.pk,
        "run": run_of(found.pk),
        "effect": effect_of(as_draft(found).calls),
        "comments": comments(request, discuss.about_proposal(found.pk)),
    }
    return render(request, "web/proposal.html", context)


def _power_here(address: str, proposal: Proposal, now: State) -> int:
    if not address:
        return 0
    if now == State.PENDING:
        return current_power_wei(address)
    return power_at(address, proposal.vote_start)


def _adoptions_by(proposal: Proposal) -> list[Adoption]:
    executed = proposal.execution_transaction_hash
    return list(Adoption.objects.filter(transaction_hash=executed)) if executed else []


@require_safe
@person_required
def new_proposal(request: HttpRequest) -> HttpResponse:
    """The signed-in person: change the reward policy, starting from the one in force."""
    next_epoch = next_epoch_number()
    policy = policy_of_epoch(next_epoch)
    context = {
        "section": "proposals",
        "policy": policy,
        "policy_hash": policy.hash,
        "threshold_wei": onchain.read("LAMGovernor", "proposalThreshold"),
        "power_wei": current_power_wei(address_of(request)),
        "next_epoch": next_epoch,
        "fields": [
            {"path": path, "label": label, "hint": hint, "value": lookup(policy.document, path)}
            | {"type": kind}
            for path, kind, label, hint in FIELDS
        ],
        "document": json.dumps(policy.document, indent=2),
    }
    return render(request, "web/proposal_new.html", context)
