"""A contributor's points and LAM: where they come from, what is claimable, whose votes they are."""

from django.core.paginator import Paginator
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from governance.models import Delegation, Power
from points import claims
from points.models import (
    Account,
    AccountKind,
    Allocation,
    Balance,
    Category,
    Epoch,
    Line,
)
from web import onchain
from web.people import address_of, person_required, signed_in_user

PAGE_SIZE = 25
# Categories that say where points came from or went; the others move them between epochs.
SOURCES = (
    Category.WORK,
    Category.REFERRAL,
    Category.CREATOR,
    Category.SPENT,
    Category.REVERSED,
    Category.NETTED,
)


def points_by_source(user: User) -> list[dict[str, object]]:
    """Millipoints by category: in the open epoch, and ever; one query."""
    open_epoch = Epoch.objects.filter(closing_at__isnull=True).values("number")[:1]
    lines = Line.objects.filter(
        account__user=user, account__kind=AccountKind.POINTS, category__in=SOURCES
    )
    sums = lines.values_list("category").annotate(
        open=Sum("amount", filter=Q(epoch_number__in=open_epoch)), all=Sum("amount")
    )
    found = {category: (in_open or 0, in_all or 0) for category, in_open, in_all in sums}
    return [
        {"label": category.label, "open": int(found[category][0]), "all": int(found[category][1])}
        for category in SOURCES
        if category in found
    ]


def own_lines(user: User) -> Paginator:
    """Every line of the person's points account, newest first, in pages."""
    lines = Line.objects.filter(account__user=user, account__kind=AccountKind.POINTS)
    return Paginator(lines.select_related("entry").order_by("-id"), PAGE_SIZE)


@require_safe
@person_required
def points(request: HttpRequest) -> HttpResponse:
    """The signed-in person: their points and LAM."""
    user, address = signed_in_user(request), address_of(request)
    account = Account.objects.filter(user=user, kind=AccountKind.POINTS)
    context = {
        "section": "points",
        "address": address,
        "lam": lam_standing(address),
        "votes": votes_of(address),
        "sources": points_by_source(user),
        "balance": Balance.objects.filter(account__in=account)
        .values_list("amount", flat=True)
        .first(),
        "allocations": Allocation.objects.filter(leaf__account__address=address).order_by(
            "-epoch_id"
        )[:50],
        "page": own_lines(user).get_page(request.GET.get("page")),
    }
    return render(request, "web/points.html", context)


def votes_of(address: str) -> dict[str, object]:
    """LAM held at the latest block, and, by finalized logs, whose votes they are."""
    delegation = Delegation.objects.filter(delegator=address)
    power = Power.objects.filter(delegate=address, is_current=True)
    return {
        "balance_wei": onchain.read("LAMToken", "balanceOf", address),
        "delegatee": delegation.values_list("delegate", flat=True).first(),
        "power_wei": power.values_list("votes_wei", flat=True).first(),
    }


def lam_standing(address: str) -> dict[str, int]:
    """What an address has been allocated, may claim now, and has claimed, in wei."""
    given = Allocation.objects.filter(leaf__account__address=address).order_by("-epoch_id")
    cumulative = given.values_list("cumulative_wei", flat=True)
    active = claims.active_epoch()
    allocated = int(cumulative.first() or 0)
    under_root = int(cumulative.filter(epoch__lte=active).first() or 0) if active else 0
    claimed = claims.claimed_wei(address)
    return {
        "allocated_wei": allocated,
        "waiting_wei": allocated - under_root,
        "claimable_wei": max(under_root - claimed, 0),
        "claimed_wei": claimed,
        "active_epoch": active.number if active else 0,
    }
