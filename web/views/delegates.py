"""Delegates: who has how many votes, what they say of themselves, and how they used them."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from eth_utils.address import is_address, to_checksum_address

from accounts.models import User, Wallet
from chain.clock import clock
from chain.deployment import NotDeployed
from governance import delegates_api, statistics
from governance.models import Delegation, Vote
from web import charts
from web.discussions import html
from web.people import address_of
from web.templatetags.amounts import percent, short

PAGE_SIZE = 25
VOTES_SHOWN = 50


def spread(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The greatest delegates as bars of their part of the delegated votes."""
    rows = [
        {
            "label": row["name"] or short(row["address"]),
            "text": percent(row["share_bp"]),
            "bp": row["share_bp"],
        }
        for row in found["top"]
    ]
    if found["others_wei"]:
        bp = statistics.share_bp(found["others_wei"], found["delegated_wei"])
        rows.append({"label": _("all others"), "text": percent(bp), "bp": bp})
    return rows


@require_safe
def delegates(request: HttpRequest) -> HttpResponse:
    """Anyone: delegates by their votes, and how the votes are spread."""
    page = Paginator(delegates_api.delegates(), PAGE_SIZE).get_page(request.GET.get("page"))
    found = statistics.distribution()
    context = {
        "section": "delegates",
        "page": page,
        "rows": delegates_api.listed(list(page)),
        "found": found,
        "spread": spread(found),
        "address": address_of(request),
    }
    return render(request, "web/delegates.html", context)


@require_safe
def delegate(request: HttpRequest, address: str) -> HttpResponse:
    """Anyone: one delegate; the owner of the wallet edits their profile here."""
    if not is_address(address):
        raise Http404
    address = to_checksum_address(address)
    shown = delegates_api.shown(address)
    history = [(each["since"], int(each["votes_wei"])) for each in shown["history"]]
    votes = Vote.objects.filter(voter=address).select_related("proposal")
    profile = shown["profile"]
    context = {
        "section": "delegates",
        "delegate": shown,
        "statement": html(profile["statement"]) if profile else "",
        "votes_over_time": charts.steps(history, _until(history)),
        "votes": votes.order_by("-block_number", "-log_index")[:VOTES_SHOWN],
        "delegators": Delegation.objects.filter(delegate=address).order_by("since")[:VOTES_SHOWN],
        "own": _is_own(request, address),
        "address": address_of(request),
    }
    return render(request, "web/delegate.html", context)


def _until(history: list[tuple[int, int]]) -> int:
    try:
        return clock().head
    except NotDeployed:
        return history[-1][0] if history else 0


def _is_own(request: HttpRequest, address: str) -> bool:
    if not isinstance(request.user, User):
        return False
    return Wallet.objects.filter(user=request.user, address=address).exists()
