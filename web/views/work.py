"""A contributor's history: what became of each piece of work, why, and what it earned."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import consent
from accounts.models import ConsentScope, User
from contributions.models import State, Verdict, Workflow
from points.models import AccountKind, Line
from web import wording
from web.people import person_required, signed_in_user

PAGE_SIZE = 25


@dataclass(frozen=True)
class Row:
    """A workflow as the page shows it."""

    workflow: Workflow
    state: wording.StateWords
    goal: str
    reasons: list[str]
    millipoints: int
    published: bool

    @property
    def can_withdraw(self) -> bool:
        return self.workflow.state != State.WITHDRAWN

    @property
    def can_publish(self) -> bool:
        return self.workflow.state == State.ACCEPTED and not self.published


def earned_millipoints(user: User, workflow_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What each workflow has earned its contributor, reversals included; one query."""
    lines = Line.objects.filter(
        entry__idempotency__workflow__in=list(workflow_ids),
        account__user=user,
        account__kind=AccountKind.POINTS,
    )
    sums = lines.values_list("entry__idempotency__workflow").annotate(Sum("amount"))
    return {workflow: int(total) for workflow, total in sums}


def _row(workflow: Workflow, millipoints: int) -> Row:
    verdict: Verdict | None = getattr(workflow, "verdict", None)
    return Row(
        workflow=workflow,
        state=wording.workflow_state(workflow),
        goal=wording.goal(verdict.goal) if verdict else "",
        reasons=[wording.reason(reason) for reason in verdict.reasons] if verdict else [],
        millipoints=millipoints,
        published=hasattr(workflow, "automation"),
    )


@require_safe
@person_required
def work(request: HttpRequest) -> HttpResponse:
    """The signed-in person: their own workflows, newest first."""
    user = signed_in_user(request)
    workflows = Workflow.objects.filter(contributor=user).defer("ciphertext", "evidence")
    workflows = workflows.select_related("verdict", "automation", "withdrawal")
    page = Paginator(workflows.order_by("-received_at", "-id"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    earned = earned_millipoints(user, [workflow.pk for workflow in page])
    context = {
        "section": "work",
        "page": page,
        "rows": [_row(workflow, earned.get(workflow.pk, 0)) for workflow in page],
        "consented": consent.given(user, ConsentScope.CONTRIBUTE),
    }
    return render(request, "web/work.html", context)
