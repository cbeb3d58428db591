"""An automation is published from verified work, and others pay for running it."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from accounts.models import Wallet
from config.demo.people import Person
from points.models import AccountKind, Balance

OUTCOMES = ("succeeded", "succeeded", "failed")


def publish(creator: Person) -> dict[str, Any]:
    """Publish the creator's longest accepted workflow."""
    rows = creator.get("workflows?page_size=200")["results"]
    accepted = [row for row in rows if row["state"] == "accepted"]
    best = max(accepted, key=lambda row: (row["verdict"]["verified_actions"], row["id"]))
    body = {
        "workflow": best["id"],
        "title": f"Do the task “{best['task']}”",
        "description": "Made from one verified recording.",
        "parameters": [],
    }
    automation: dict[str, Any] = creator.post("automations", body)
    return automation


def use_all(automation: dict[str, Any], users: Sequence[Person], *, epoch: int) -> int:
    """Each user runs it once; the ids are fixed, so that a second demo records nothing twice."""
    for number, user in enumerate(users):
        run = f"urn:action-model:demo:{automation['id']}:{epoch}:{user.address}"
        body = {
            "id": str(uuid5(NAMESPACE_URL, run)),
            "actions": 1 + number % int(automation["actions"]),
            "outcome": OUTCOMES[number % len(OUTCOMES)],
        }
        user.post(f"automations/{automation['id']}/uses", body)
    return len(users)


def with_points(count: int, besides: str) -> list[str]:
    """Addresses of those with most points of the open epoch, one person left out."""
    rows = Balance.objects.filter(account__kind=AccountKind.POINTS, amount__gt=0)
    owners = rows.order_by("-amount", "account").values_list("account__user", flat=True)
    wallets = dict(Wallet.objects.filter(is_primary=True).values_list("user", "address"))
    addresses = [wallets[owner] for owner in owners]
    return [address for address in addresses if address != besides][:count]


def withdraw_one(person: Person) -> None:
    """Withdraw the person's newest accepted workflow, unless one was withdrawn before."""
    rows = person.get("workflows?page_size=200")["results"]
    if any(row["state"] == "withdrawn" for row in rows):
        return
    newest = next(row for row in rows if row["state"] == "accepted")
    person.api.call("DELETE", f"workflows/{newest['id']}")
