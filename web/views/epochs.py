"""The epochs, for everyone: totals, hashes, the bundle, and what the chain says."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from points.chain_models import RootActivation, RootSubmission, RootVeto
from points.epochs import state, states
from points.models import Epoch
from web import wording
from web.policies import known

PAGE_SIZE = 50
Event = RootSubmission | RootActivation | RootVeto


def root_events(epoch: Epoch) -> list[dict[str, object]]:
    """What happened to the epoch's roots on chain, oldest first."""
    sources: list[tuple[type[Event], str]] = [
        (RootSubmission, _("submitted")),
        (RootVeto, _("vetoed")),
        (RootActivation, _("activated: claims are paid under it")),
    ]
    found = [
        (row, what)
        for model, what in sources
        for row in model.objects.filter(epoch_number=epoch.number)
    ]
    found.sort(key=lambda pair: (pair[0].block_number, pair[0].log_index))
    return [
        {"what": what, "at": row.at, "root": row.root, "transaction_hash": row.transaction_hash}
        for row, what in found
    ]


@require_safe
def epochs(request: HttpRequest) -> HttpResponse:
    """Anyone: all epochs, newest first."""
    page = Paginator(Epoch.objects.order_by("-number"), PAGE_SIZE).get_page(request.GET.get("page"))
    found = states(list(page))
    rows = [
        {"epoch": epoch, "state": wording.words(wording.EPOCH_STATES, found[epoch.number])}
        for epoch in page
    ]
    return render(request, "web/epochs.html", {"section": "epochs", "page": page, "rows": rows})


@require_safe
def epoch(request: HttpRequest, number: int) -> HttpResponse:
    """Anyone: one epoch with its hashes and what happened to its roots on chain."""
    found = get_object_or_404(Epoch, number=number)
    policy = known(found.policy_hash)
    context = {
        "section": "epochs",
        "epoch": found,
        "state": wording.words(wording.EPOCH_STATES, state(found)),
        "policy_name": policy.name if policy else "",
        "events": root_events(found),
    }
    return render(request, "web/epoch.html", context)
