"""What a proposal would do, for its page: the run on a fork, and a policy's effect on people."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from chain.deployment import NotDeployed
from governance import policy_effect, simulate
from governance.call_words import decimal, duration, lam
from governance.people_models import Simulation
from governance.propose import Call

ROUTES = {
    "governor": _("voted through on a copy of the current chain, queued and executed"),
    "timelock": _("each call made from the timelock on a copy of the current chain"),
}

ETHER = "ether of "
# What readings of our contracts count.
UNITS: dict[str, Callable[[int], str]] = {
    "LAMGovernor.lateQuorumVoteExtension": duration,
    "LAMGovernor.proposalThreshold": lam,
    "LAMGovernor.votingDelay": duration,
    "LAMGovernor.votingPeriod": duration,
    "LAMToken.balanceOf": lam,
    "LAMToken.getVotes": lam,
    "LAMToken.totalSupply": lam,
    "TimelockController.getMinDelay": duration,
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
        "changes": [each for change in result.get("changes", ()) for each in changed(change)],
        "route": ROUTES.get(result.get("route", ""), ""),
        "gas": f"{result.get('gas_used', 0):,}",
        "failed_call": None if failed is None else failed + 1,
    }


def changed(change: dict[str, Any]) -> Iterator[dict[str, str]]:
    """A reading that a run changed, in its units; of a struct each field that changed."""
    name, before, after = change["name"], change["before"], change["after"]
    unit: Callable[[int], str] = UNITS.get(name.partition("(")[0], str)
    if isinstance(before, dict) and isinstance(after, dict):
        for field in after:
            if before.get(field) != after[field]:
                parts = {"before": before.get(field), "after": after[field]}
                yield from changed({"name": f"{name}.{field}", **parts})
        return
    if name.startswith(ETHER):
        name, unit = name.removesuffix(" in wei"), decimal
    yield {"name": name, "before": _in_words(before, unit), "after": _in_words(after, unit)}


def _in_words(value: Any, unit: Callable[[Any], str]) -> str:
    if value is None or value == "":
        return "–"
    return str(value) if unit is str else unit(int(value))


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
