"""Runs of automations, each paid once with the points of the one who ran it."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from accounts.models import User
from marketplace.models import Automation, AutomationState, Outcome, Use
from points import ledger, rewards
from points.allocation import split
from points.income import income_lines
from points.ledger import Amount
from points.models import Category, Entry, EntryKind, Epoch, SystemAccount


class UseError(ValueError):
    """The use can't be recorded; `field` says which part is wrong."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UseConflict(UseError):
    """The id stands for another use."""


class NoEpochOpen(UseError):
    """Points are spent in an open epoch, and none is open."""


class InsufficientPoints(UseError):
    """The balance of the open epoch does not cover the price; both in millipoints."""

    def __init__(self, *, balance_millipoints: int, price_millipoints: int) -> None:
        super().__init__(
            f"The run costs {price_millipoints} millipoints; the balance is {balance_millipoints}."
        )
        self.balance_millipoints = balance_millipoints
        self.price_millipoints = price_millipoints


@dataclass(frozen=True, slots=True)
class Price:
    """What a run costs and who gets it, in millipoints; the parts add up to the total."""

    total: int
    creator: int
    burned: int
    ecosystem: int


def price_of(*, actions: int, epoch: Epoch) -> Price:
    """The price of a number of actions under an epoch's policy."""
    market = rewards.policy_of(epoch.policy_hash).marketplace
    total = actions * market.price_millipoints_per_action
    shares = [market.creator_bp, market.burn_bp, market.ecosystem_bp]
    return Price(total, *split(total, shares))


def record_use(
    *, user: User, automation: Automation, use_id: UUID, actions: int, outcome: Outcome
) -> tuple[Use, bool]:
    """Record a run and pay for it in the same transaction; (the use, whether it is new).

    The same use again is harmless. Raises UseError (own automation, retired, actions out of
    bounds), UseConflict, NoEpochOpen, InsufficientPoints.
    """
    given = {"user": user, "automation": automation, "actions": actions, "outcome": outcome}
    if known := Use.objects.filter(pk=use_id).first():
        return _same(known, given), False
    _check(user, automation, actions)
    with transaction.atomic():
        epoch = _open_epoch()
        price = price_of(actions=actions, epoch=epoch)
        shares = {
            "price_millipoints": price.total,
            "creator_millipoints": price.creator,
            "burned_millipoints": price.burned,
            "ecosystem_millipoints": price.ecosystem,
        }
        entry = _pay(Use(pk=use_id, **given, **shares), epoch) if price.total else None
        use, created = Use.objects.get_or_create(
            pk=use_id, defaults={**given, **shares, "entry": entry}
        )
        return _same(use, given), created


def _same(use: Use, given: dict[str, object]) -> Use:
    if any(getattr(use, name) != value for name, value in given.items()):
        raise UseConflict(f"The id {use.pk} stands for another use.", "id")
    return use


def _check(user: User, automation: Automation, actions: int) -> None:
    if automation.state != AutomationState.PUBLISHED:
        raise UseError("The automation is retired.", "automation")
    if automation.creator_id == user.pk:
        raise UseError("One's own automation is not run for points.", "automation")
    if not 1 <= actions <= automation.actions:
        raise UseError(f"A run has 1 to {automation.actions} actions.", "actions")


def _open_epoch() -> Epoch:
    """The open epoch, kept from closing until the transaction ends."""
    _, epoch = ledger.lock_epoch()
    if epoch is None or epoch.closing_at:
        raise NoEpochOpen("No epoch is open: points can be spent when the next one opens.")
    return epoch


def key_of(use: Use) -> str:
    """The idempotency key of the entry that pays for a run."""
    return f"use:{use.pk}"


def request_of(use: Use) -> dict[str, object]:
    """What that entry was asked for."""
    return {"use": str(use.pk), "user": use.user_id, "automation": use.automation_id}


def inputs_of(use: Use) -> dict[str, object]:
    """What that entry says of the run."""
    return {
        "automation": use.automation_id,
        "actions": use.actions,
        "price_millipoints_per_action": use.price_millipoints // use.actions,
        "creator_millipoints": use.creator_millipoints,
        "burned_millipoints": use.burned_millipoints,
        "ecosystem_millipoints": use.ecosystem_millipoints,
    }


def _pay(use: Use, epoch: Epoch) -> Entry:
    account = ledger.points_account(use.user_id)
    earned = use.creator_millipoints
    income = [(use.automation.creator_id, earned, Category.CREATOR)] if earned else []
    try:
        return ledger.post(
            kind=EntryKind.USE,
            key=key_of(use),
            epoch=epoch.number,
            lines=[
                Amount(account, -use.price_millipoints, Category.SPENT),
                *income_lines(income),
                Amount(SystemAccount.BURNED, use.burned_millipoints, Category.SPENT),
                Amount(SystemAccount.ECOSYSTEM, use.ecosystem_millipoints, Category.SPENT),
            ],
            request=request_of(use),
            inputs=inputs_of(use),
        )
    except ledger.InsufficientBalance as error:
        raise InsufficientPoints(
            balance_millipoints=ledger.balance(account), price_millipoints=use.price_millipoints
        ) from error
    except ledger.KeyConflict as error:
        raise UseConflict(f"The id {use.pk} stands for another use.", "id") from error
