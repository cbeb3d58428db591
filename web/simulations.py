"""What a proposal would do, for its page: the run on a fork, and a policy's effect on people."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from chain.deployment import NotDeployed
from governance import policy_effect, simulate
from governance.people_models import Simulation
from governance.propose import Call

ROUTES = {
    "governor": _("voted through on a copy of the current chain, queued and executed"),
    "timelock": _("each call made from the timelock on a copy of the current chain"),
}


def run_of(proposal_id: int) -> dict[str, Any] | None:
    """The last run, with words for how it went; None when there was none."""
    row = simulate.latest(proposal_id)
    if row is None:
        return None
    result = row.result or {}
    failed = result.get("failed_call")
    return {
        "row": row,
        "waiting": row.progress == Simulation.Progress.WAITING,
        "result": result,
        "route": ROUTES.get(result.get("route", ""), ""),
        "failed_call": None if failed is None else failed + 1,
    }


def effect_of(calls: Sequence[Call]) -> dict[str, Any] | None:
    """What a policy among the calls would have paid; None when they adopt none."""
    try:
        adopted = policy_effect.adopted_policy(calls)
    except NotDeployed:
        return None
    if not adopted:
        return None
    found = policy_effect.effect(adopted)
    if found["result"]:
        found["movers"] = [*found["result"]["winners"], *found["result"]["losers"]]
    return found
