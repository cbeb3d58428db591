"""The handover with its countdowns, and what is in force, next, pending and past."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chain.rpc import ChainError, Rpc
from contributions.models import Kind
from governance.handover import Holding, holdings
from governance.in_force import Standing, adopted
from web import wording
from web.onchain import TIMEOUT_SECONDS

STANDINGS = {
    Standing.IN_FORCE: (_("in force"), "good"),
    Standing.NEXT: (_("with the next epoch to open"), "wait"),
    Standing.PENDING: (_("pending"), "wait"),
    Standing.PAST: (_("past"), ""),
    Standing.NOT_FOLLOWED: (_("not followed; the one before stays in force"), "bad"),
}


def moment(seconds: int | None) -> datetime | None:
    """A block's time for a template."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _shown(holding: Holding, now: int) -> dict[str, Any]:
    return {
        "capability": int(holding.capability),
        "label": holding.label,
        "holder": holding.holder,
        "voters": holding.held_by_voters,
        "elected": holding.elected is not None,
        "stage": holding.stage,
        "ends_at": moment(holding.ends_at),
        "left": None if holding.ends_at is None else holding.ends_at - now,
        "until": holding.ends_at,
        "terms": [
            {"holder": each.holder, "ends_at": moment(each.not_after), "over": n < holding.stage}
            for n, each in enumerate(holding.terms)
        ],
        "due": holding.due,
    }


def kinds() -> list[dict[str, Any]]:
    """The adoptions of every kind, newest first, with words for how they stand."""
    return [
        {
            "label": kind.label,
            "rows": [
                {
                    "adoption": each.adoption,
                    "standing": wording.words(STANDINGS, each.standing),
                    "proposal": each.proposal,
                }
                for each in adopted(kind)
            ],
        }
        for kind in Kind
    ]


@require_safe
def handover(request: HttpRequest) -> HttpResponse:
    """Anyone: who holds what until when, read from the contract; and what the Registry adopted."""
    try:
        now, found = holdings(Rpc(settings.ETH_RPC_URL, timeout_seconds=TIMEOUT_SECONDS))
    except ChainError:
        now, found = 0, []
    context = {
        "section": "handover",
        "now": now,
        "holdings": [_shown(each, now) for each in found],
        "kinds": kinds(),
    }
    return render(request, "web/handover.html", context)
