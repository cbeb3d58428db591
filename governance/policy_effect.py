"""What a policy proposal would have paid in the last closed epoch: who gains, who loses, how much.

A closed epoch never changes, so a result is kept by policy and epoch; losing it costs time only.
"""

from collections.abc import Sequence
from typing import Any

import celery
from django.core.cache import cache
from django.db.models import Max

from contributions import policy
from contributions.models import Kind
from governance.decode import explain
from governance.propose import Call
from points.epoch_record import record
from points.models import Epoch
from points.simulate import simulate

TASK = "governance.tasks.compute_policy_effect"
KEPT_SECONDS = 30 * 24 * 3600
# A worker that died is asked again after this long.
PATIENCE_SECONDS = 120


def adopted_policy(calls: Sequence[Call]) -> str:
    """The hash of the reward policy that the calls adopt last; empty when they adopt none."""
    found = ""
    for call in calls:
        said = explain(target=call.target, value_wei=call.value_wei, calldata=call.calldata)
        adopts = said.contract == "Registry" and said.function.startswith("adopt(")
        if adopts and said.arguments["kind"] == Kind.REWARD_POLICY:
            found = str(said.arguments["contentHash"])
    return found


def last_closed_epoch() -> int | None:
    """The number of the last closed epoch; None before the first."""
    closed = Epoch.objects.filter(closed_at__isnull=False)
    number: int | None = closed.aggregate(last=Max("number"))["last"]
    return number


def effect(policy_hash: str) -> dict[str, Any]:
    """{"status", "epoch", "result", "reason"}: done, waiting (the worker is at it), or unknown.

    Unknown is a policy that is not known here or invalid, or that no epoch has closed yet.
    """
    number = last_closed_epoch()
    if number is None:
        return _unknown(None, "No epoch has closed yet.")
    try:
        policy.policy(policy_hash)
    except (policy.UnknownDocument, policy.InvalidDocument) as error:
        return _unknown(number, str(error))
    kept = cache.get(_key(policy_hash, number))
    if kept is not None:
        return {"status": "done", "epoch": number, "result": kept, "reason": ""}
    if cache.add(_key(policy_hash, number) + ":asked", 1, timeout=PATIENCE_SECONDS):
        celery.current_app.send_task(TASK, args=[policy_hash, number], retry=False)
    return {"status": "waiting", "epoch": number, "result": None, "reason": ""}


def compute(policy_hash: str, number: int) -> dict[str, Any]:
    """Compute and keep it. Raises UnknownDocument, InvalidDocument, NoSuchEpoch."""
    result = simulate(policy.policy(policy_hash), record(number)).document()
    cache.set(_key(policy_hash, number), result, timeout=KEPT_SECONDS)
    return result


def _unknown(number: int | None, reason: str) -> dict[str, Any]:
    return {"status": "unknown", "epoch": number, "result": None, "reason": reason}


def _key(policy_hash: str, number: int) -> str:
    return f"policy-effect:{policy_hash}:{number}"
