"""Reward policies for people: the fields of the form, and what a new policy would change."""

from typing import Any

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from contributions import policy
from contributions.models import Adoption, Kind
from contributions.policy_document import Policy, load_policy
from points.models import Epoch

INTEGER = "integer"
TEXT = "text"
# Path in the document, kind of value, label, hint. Everything else is edited in the document.
FIELDS = (
    ("name", TEXT, _("Name"), _("So that people can tell policies apart.")),
    (
        "points_per_action_millipoints",
        INTEGER,
        _("Points for a verified action"),
        _("In thousandths of a point."),
    ),
    (
        "max_paid_actions_per_workflow",
        INTEGER,
        _("Paid actions of one workflow, at most"),
        _("Further actions earn nothing."),
    ),
    (
        "daily_cap_millipoints",
        INTEGER,
        _("Points of one person a day, at most"),
        _("In thousandths of a point."),
    ),
    (
        "marketplace.price_millipoints_per_action",
        INTEGER,
        _("Price of an action of an automation"),
        _("In thousandths of a point."),
    ),
    (
        "marketplace.creator_bp",
        INTEGER,
        _("Share of the creator"),
        _("In hundredths of a per cent; the three shares add up to 10000."),
    ),
    (
        "marketplace.burn_bp",
        INTEGER,
        _("Share that is burned"),
        _("In hundredths of a per cent."),
    ),
    (
        "marketplace.ecosystem_bp",
        INTEGER,
        _("Share of the ecosystem"),
        _("In hundredths of a per cent."),
    ),
    (
        "emission_wei.default",
        TEXT,
        _("LAM for the contributors of an epoch"),
        _("In wei; one LAM is 1 with 18 zeros. The schedule on chain caps it."),
    ),
    ("epoch_seconds", INTEGER, _("Length of an epoch"), _("In seconds.")),
)


def next_epoch_number() -> int:
    """The number of the next epoch to open."""
    return (Epoch.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def policy_of_epoch(number: int) -> Policy:
    """The policy an epoch would open with; the shipped one before the chain was followed."""
    try:
        return policy.current(number)
    except policy.NotAdopted:
        return load_policy()


def lookup(document: dict[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    value: Any = document
    for key in path.split("."):
        value = value[key]
    return value


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """A document as {path: value} of its single values."""
    if isinstance(value, dict) and value:
        found: dict[str, Any] = {}
        for key, inner in value.items():
            found |= flatten(inner, f"{path}.{key}" if path else key)
        return found
    return {path: value}


def known(document_hash: str) -> Policy | None:
    """A policy by its hash; None when it is not known here or is none."""
    try:
        return policy.policy(document_hash)
    except (policy.UnknownDocument, policy.InvalidDocument):
        return None


def replaced_by(adopted: Adoption | None) -> Policy:
    """The policy that an adoption replaced; the one in force while there is no adoption yet."""
    if adopted is None:
        return policy_of_epoch(next_epoch_number())
    earlier = Adoption.objects.filter(
        kind=Kind.REWARD_POLICY, adoptable=True, block_number__lt=adopted.block_number
    )
    last = earlier.order_by("-block_number", "-log_index").first()
    return (known(last.hash) if last else None) or load_policy()


def changes(document_hash: str, base: Policy) -> list[dict[str, Any]]:
    """What differs between a policy and another; empty when the new one is unknown."""
    proposed = known(document_hash)
    if proposed is None:
        return []
    before, after = (flatten(each.document) for each in (base, proposed))
    return [
        {"path": path, "before": before.get(path, "–"), "after": after.get(path, "–")}
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
