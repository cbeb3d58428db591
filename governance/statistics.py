"""Who has how many votes and who uses them: numbers for charts, integers only."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, QuerySet, Sum

from governance.models import Delegation, Power, Proposal, Supply, Vote
from governance.people_models import DelegateProfile
from governance.state import power_wei, tallies

BP = 10_000
TOP = 10


def share_bp(part: int, whole: int) -> int:
    """Hundredths of a per cent, rounded down; 0 of nothing."""
    return part * BP // whole if whole else 0


def names_of(addresses: Sequence[str]) -> dict[str, str]:
    """Names from profiles that are not hidden."""
    rows = DelegateProfile.objects.filter(pk__in=addresses, hidden_at__isnull=True)
    return dict(rows.values_list("pk", "name"))


def distribution() -> dict[str, Any]:
    """How the votes are spread over delegates now.

    `majority` is the smallest number of delegates that together have more than half of the
    delegated votes.
    """
    current = Power.objects.filter(is_current=True, votes_wei__gt=0)
    powers = list(current.order_by("-votes_wei", "delegate").values_list("delegate", "votes_wei"))
    delegated = sum(votes for _, votes in powers)
    supply = Supply.objects.order_by("-block_number", "-log_index").first()
    top = powers[:TOP]
    names = names_of([delegate for delegate, _ in top])
    return {
        "supply_wei": supply.total_wei if supply else 0,
        "delegated_wei": delegated,
        "delegates": len(powers),
        "delegators": Delegation.objects.count(),
        "majority": _majority([votes for _, votes in powers], delegated),
        "top": [
            {
                "address": delegate,
                "name": names.get(delegate, ""),
                "votes_wei": votes,
                "share_bp": share_bp(votes, delegated),
            }
            for delegate, votes in top
        ],
        "others_wei": delegated - sum(votes for _, votes in top),
    }


def _majority(powers: Sequence[int], delegated: int) -> int:
    reached = 0
    for count, votes in enumerate(powers, start=1):
        reached += votes
        if 2 * reached > delegated:
            return count
    return 0


def participation(proposals: Sequence[Proposal]) -> list[dict[str, Any]]:
    """For each proposal how many voted and with which part of the supply at its snapshot."""
    counted = tallies(proposals)
    voters = dict(
        Vote.objects.filter(proposal__in=proposals)
        .values_list("proposal")
        .annotate(count=Count("voter", distinct=True))
    )
    supplies = list(Supply.objects.order_by("since", "block_number", "log_index"))
    rows = []
    for each in proposals:
        tally = counted[each.pk]
        cast = tally.against_wei + tally.for_wei + tally.abstain_wei
        past = [row.total_wei for row in supplies if row.since <= each.vote_start]
        supply = past[-1] if past else 0
        rows.append(
            {
                "proposal": each.pk,
                "title": each.title,
                "voters": voters.get(each.pk, 0),
                "cast_wei": cast,
                "supply_wei": supply,
                "turnout_bp": share_bp(cast, supply),
                "quorum_bp": share_bp(tally.quorum_wei, supply),
            }
        )
    return rows


def activity(address: str) -> dict[str, int]:
    """How many proposals an address could vote on, and on how many it did."""
    history = Power.objects.filter(delegate=address).order_by("block_number", "log_index")
    known = list(history.values_list("since", "votes_wei"))
    times = [since for since, _ in known]
    places = [bisect_right(times, at) for at in _snapshots()]
    could = sum(1 for place in places if place and known[place - 1][1] > 0)
    voted = Vote.objects.filter(voter=address).values("proposal").distinct().count()
    return {"could_vote": could, "voted": voted}


def _snapshots() -> QuerySet[Proposal, int]:
    return Proposal.objects.values_list("vote_start", flat=True)


def power_at_snapshot(proposal: Proposal, address: str) -> dict[str, Any]:
    """The votes an address had when voting began, and what it has cast of them."""
    power = power_wei(address, proposal.vote_start)
    own = Vote.objects.filter(proposal=proposal, voter=address)
    sums = own.aggregate(a=Sum("against_wei"), f=Sum("for_wei"), n=Sum("abstain_wei"))
    cast = sum(int(each or 0) for each in sums.values())
    return {
        "address": address,
        "snapshot": proposal.vote_start,
        "power_wei": power,
        "cast_wei": cast,
        "remaining_wei": max(power - cast, 0),
    }
