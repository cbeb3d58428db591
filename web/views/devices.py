"""Devices: pairing the browser extension, and ending what a device may do."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts import consent, tokens
from accounts.models import ConsentScope
from web.people import person_required, signed_in_user

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@require_safe
@person_required
def pair(request: HttpRequest) -> HttpResponse:
    """The signed-in person: agree that the extension that opened this page gets a token."""
    challenge = request.GET.get("challenge", "")
    if not CHALLENGE.fullmatch(challenge):
        return render(request, "web/pair.html", {"challenge": ""}, status=400)
    context = {
        "challenge": challenge,
        "label": request.GET.get("label", "")[:80],
        "consented": consent.given(signed_in_user(request), ConsentScope.CONTRIBUTE),
        "next": reverse("web:paired"),
        "here": request.get_full_path(),
    }
    return render(request, "web/pair.html", context)


@require_safe
def paired(request: HttpRequest) -> HttpResponse:
    """Anyone: where pairing ends. The code is in the fragment, which never reaches the server."""
    return render(request, "web/paired.html")


@require_safe
@person_required
def devices(request: HttpRequest) -> HttpResponse:
    """The signed-in person: their devices, and a button to end each."""
    rows = tokens.in_force().filter(user=signed_in_user(request)).order_by("-created_at")
    return render(request, "web/devices.html", {"section": "work", "devices": rows})
