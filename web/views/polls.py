"""Polls: what is asked, how it stands, one's ballot, and the result that anyone can recount."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chain.clock import clock
from chain.deployment import NotDeployed
from governance import poll_bundle, polls_api
from governance.ballots import BODY_MAX, OPTION_MAX, TITLE_MAX
from governance.counting import OPTIONS_MAX, WEIGHT_MAX, Method
from governance.poll_models import Poll
from governance.state import power_wei
from web import wording
from web.discussions import html
from web.people import address_of, person_required
from web.views.proposals import current_power_wei, moment

PAGE_SIZE = 25
BALLOTS_SHOWN = 50
HOUR = 3600
DURATIONS = (
    (HOUR, _("an hour")),
    (24 * HOUR, _("a day")),
    (3 * 24 * HOUR, _("three days")),
    (7 * 24 * HOUR, _("a week")),
    (14 * 24 * HOUR, _("two weeks")),
    (30 * 24 * HOUR, _("thirty days")),
)


def _head() -> int:
    """The chain's time; 0 while there is no chain to have polls on."""
    try:
        return clock().head
    except NotDeployed:
        return 0


def _row(poll: Any, head: int) -> dict[str, Any]:
    return {
        "id": poll.pk,
        "title": poll.title,
        "state": wording.words(wording.POLL_STATES, polls_api.state_of(poll, head)),
        "method": wording.POLL_METHODS[poll.method][0],
        "closes_at": moment(poll.closes_at),
        "voters": poll.voters,
    }


@require_safe
def polls(request: HttpRequest) -> HttpResponse:
    """Anyone: all polls, newest first."""
    found = polls_api.with_voters(Poll.objects.order_by("-opens_at", "id"))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    head = _head()
    context = {"section": "polls", "page": page, "rows": [_row(each, head) for each in page]}
    return render(request, "web/polls.html", context)


@require_safe
@person_required
def new_poll(request: HttpRequest) -> HttpResponse:
    """The signed-in person: ask the holders something."""
    power = current_power_wei(address_of(request))
    context = {
        "section": "polls",
        "methods": [(key, *words) for key, words in wording.POLL_METHODS.items()],
        "durations": DURATIONS,
        "power_wei": power,
        "needed_wei": settings.POLL_POWER_WEI,
        "enough": power >= settings.POLL_POWER_WEI,
        "options_max": OPTIONS_MAX,
        "limits": {"title": TITLE_MAX, "body": BODY_MAX, "option": OPTION_MAX},
    }
    return render(request, "web/poll_new.html", context)


def choice_words(method: str, options: Sequence[str], choice: Sequence[int]) -> str:
    """A ballot's choice for people: the options it names, in its order or with its weights."""
    if method == Method.WEIGHTED:
        pairs = zip(options, choice, strict=True)
        return ", ".join(f"{option} × {weight}" for option, weight in pairs if weight)
    if method == Method.RANKED:
        return ", ".join(f"{place}. {options[each]}" for place, each in enumerate(choice, start=1))
    return ", ".join(options[each] for each in choice)


def _standings(options: Sequence[str], result: dict[str, Any]) -> list[dict[str, Any]]:
    """Each option with its LAM, whole per cents of all that counts, and whether it leads."""
    whole = int(result["power_wei"]) or 1
    return [
        {
            "label": option,
            "wei": int(wei),
            "percent": int(wei) * 100 // whole,
            "leads": number in result["winners"],
        }
        for number, (option, wei) in enumerate(zip(options, result["totals_wei"], strict=True))
    ]


def _run_off(options: Sequence[str], rounds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each option with its LAM in every round until it is struck out."""
    out_in = {each["struck_out"]: number for number, each in enumerate(rounds)}
    return [
        {
            "label": label,
            "cells": [
                {
                    "wei": int(each["totals_wei"][option]) if number <= last else None,
                    "out": number == out_in.get(option),
                }
                for number, each in enumerate(rounds)
            ],
        }
        for option, label in enumerate(options)
        for last in [out_in.get(option, len(rounds))]
    ]


def _ballots(poll: Poll, options: Sequence[str], address: str) -> dict[str, Any]:
    """The ballots that count, newest first, and the reader's own."""
    rows = [
        {
            "voter": row.voter,
            "choice": choice_words(poll.method, options, row.choice),
            "power_wei": row.power_wei,
            "attested": row.attested,
        }
        for row in poll.ballots.filter(is_latest=True).order_by("-pk")[:BALLOTS_SHOWN]
    ]
    own = poll.ballots.filter(voter=address, is_latest=True).first() if address else None
    words = choice_words(poll.method, options, own.choice) if own else ""
    return {"ballots": rows, "own_choice": words}


def _folder(poll: Poll) -> str:
    """What the bundle's archive unpacks to."""
    return poll_bundle.path_of(Path(), poll.bundle_hash).name


@require_safe
def poll(request: HttpRequest, poll_id: str) -> HttpResponse:
    """Anyone: one poll. Whoever had votes when it counts them answers with their wallet."""
    found = get_object_or_404(polls_api.with_voters(Poll.objects.all()), pk=poll_id)
    shown = polls_api.detail(found)
    options, result = found.rules["options"], shown["result"]
    address = address_of(request)
    head = _head()
    context = {
        "section": "polls",
        "poll": found,
        "body": html(found.rules["body"]),
        "key": shown["state"],
        "state": wording.words(wording.POLL_STATES, shown["state"]),
        "method": wording.POLL_METHODS[found.method],
        "options": options,
        "places": range(1, len(options) + 1),
        "weight_max": WEIGHT_MAX,
        "result": result,
        "standings": _standings(options, result),
        "exhausted": [int(each["exhausted_wei"]) for each in result["rounds"]],
        "run_off": _run_off(options, result["rounds"]),
        "opens_at": moment(found.opens_at),
        "closes_at": moment(found.closes_at),
        "power_at": moment(found.power_at),
        "now": head,
        "left": found.closes_at - head,
        "address": address,
        "power_wei": power_wei(address, found.power_at) if address else 0,
        "command": f"python -m governance.tally {_folder(found)} --hash {found.bundle_hash}",
        **_ballots(found, options, address),
    }
    return render(request, "web/poll.html", context)
