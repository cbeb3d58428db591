"""Published automations: browse, publish one's own, record a run. Who made one is not told."""

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.models import User
from contributions.models import State, Workflow
from marketplace.models import Automation, AutomationState, Outcome
from web.people import address_of

PAGE_SIZE = 25


def publishable(user: User) -> list[Workflow]:
    """The person's verified workflows that are no automation yet, newest first."""
    mine = Workflow.objects.filter(contributor=user, state=State.ACCEPTED, automation=None)
    return list(mine.defer("ciphertext", "evidence").order_by("-received_at")[:100])


@require_safe
def automations(request: HttpRequest) -> HttpResponse:
    """Anyone: what can be run. A signed-in person also gets the form to publish."""
    listed = Automation.objects.filter(state=AutomationState.PUBLISHED)
    listed = listed.annotate(use_count=Count("uses")).order_by("-id")
    context = {
        "section": "automations",
        "page": Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page")),
        "publishable": publishable(request.user) if isinstance(request.user, User) else [],
        "chosen": request.GET.get("workflow", ""),
    }
    return render(request, "web/automations.html", context)


@require_safe
def automation(request: HttpRequest, automation_id: int) -> HttpResponse:
    """Anyone: one automation; a signed-in person who did not make it may record a run."""
    found = get_object_or_404(Automation.objects.select_related("creator"), pk=automation_id)
    user = request.user if isinstance(request.user, User) else None
    context = {
        "section": "automations",
        "automation": found,
        "use_count": found.uses.count(),
        "own_uses": found.uses.filter(user=user).order_by("-at")[:10] if user else [],
        "is_creator": user == found.creator,
        "can_use": bool(
            address_of(request)
            and user != found.creator
            and found.state == AutomationState.PUBLISHED
        ),
        "outcomes": Outcome.choices,
    }
    return render(request, "web/automation.html", context)
