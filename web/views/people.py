"""The front page, sign-in and consent."""

from urllib.parse import urlencode

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts import consent, invites
from accounts.models import ConsentScope
from contributions.models import State, Workflow
from points.chain_models import Claim
from points.models import Epoch
from web.chain_status import finalized_block, open_count, relays
from web.people import person_required, signed_in_user

# Only staff make more; they find the rest in the admin.
LISTED_INVITES = 100


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Anyone: what this is, in numbers."""
    accepted = Workflow.objects.filter(state=State.ACCEPTED)
    closed = Epoch.objects.filter(closed_at__isnull=False)
    context = {
        "accepted": accepted.count(),
        "contributors": accepted.values("contributor").distinct().count(),
        "epochs": closed.count(),
        "total_wei": closed.values_list("total_wei", flat=True).order_by("-number").first(),
        "claimed_wei": Claim.objects.aggregate(sum=Sum("amount_wei"))["sum"],
    }
    return render(request, "web/home.html", context)


@require_safe
def chain_status(request: HttpRequest) -> JsonResponse:
    """Anyone: how far the service is; pages with something pending poll it."""
    status = {"finalized_block": finalized_block(), "open_relays": open_count(relays(request))}
    return JsonResponse(status)


def next_page(request: HttpRequest, default: str = "web:consent") -> str:
    """Where to go afterwards: a page of this site, else the default one."""
    wanted = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else reverse(default)


@require_safe
@ensure_csrf_cookie
def sign_in(request: HttpRequest) -> HttpResponse:
    """Anyone: sign in with a wallet. An invite may come with the link."""
    context = {"next": next_page(request), "invite": request.GET.get("invite", "")[:32]}
    return render(request, "web/sign_in.html", context)


@require_safe
@person_required
def consents(request: HttpRequest) -> HttpResponse:
    """The signed-in person: the texts, and their agreement to each."""
    in_force = signed_in_user(request).consents.filter(withdrawn_at__isnull=True)
    given = {(row.scope, row.version): row.given_at for row in in_force}
    texts = [
        {
            "scope": str(scope),
            "label": ConsentScope(scope).label,
            "version": text.version,
            "text": text.text,
            "given_at": given.get((str(scope), text.version)),
        }
        for scope, text in consent.TEXTS.items()
    ]
    return render(
        request, "web/consent.html", {"texts": texts, "next": next_page(request, "web:work")}
    )


@require_safe
@person_required
def invitations(request: HttpRequest) -> HttpResponse:
    """The signed-in person: their invites as links to give away, and how many are left."""
    person = signed_in_user(request)
    sign_in_url = request.build_absolute_uri(reverse("web:sign-in"))
    rows = [
        {
            "link": f"{sign_in_url}?{urlencode({'invite': invite.code})}",
            "created_at": invite.created_at,
            "uses": invite.uses,
            "uses_allowed": invite.uses_allowed,
        }
        for invite in person.invites.order_by("-created_at", "-pk")[:LISTED_INVITES]
    ]
    context = {"invites": rows, "left": invites.left(person)}
    return render(request, "web/invites.html", context)
