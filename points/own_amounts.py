"""What each of one's own entries must have moved under the policy: (field, expected, found).

Pure: no Django. Numbers that follow from the private work of others are taken as the entry has
them; the ledger committed to them before anybody knew what would be asked.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from contributions.policy_document import BP, PaidWork, Policy
from points.allocation import split
from points.own_export import OwnEntry, OwnExport, ReversalInputs, UseInputs, WorkInputs

Pair = tuple[str, object, object]
"""Field, what it must be, and what it is."""
Inputs = TypeVar("Inputs", bound=BaseModel)
INCOME = ("work", "referral", "creator")


@dataclass
class Running:
    """What one's entries add up to, in the order in which they were posted."""

    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    day_used: dict[int, int] = field(default_factory=dict)
    leaves: dict[str, int] = field(default_factory=dict)
    """What each entry paid for one's own work, by its leaf."""

    def add(self, own: "Own", leaf: str) -> None:
        """Count an entry in."""
        self.leaves[leaf] = own.amount("work")
        for line in own.entry.lines:
            if line.account == own.export.account:
                self.sums[line.category] += int(line.amount)


@dataclass(frozen=True)
class Own:
    """An entry of one's own, with what it is computed under."""

    export: OwnExport
    entry: OwnEntry
    policy: Policy
    release_hash: str
    opened_on: int | None
    """The day (since 1970) before which work belongs to earlier epochs, where it is known."""

    def amount(self, category: str, *, owed: bool = False) -> int:
        """What the entry moved on one's account of points, or of debts, for a reason."""
        account = self.export.owed_account if owed else self.export.account
        return sum(
            int(line.amount)
            for line in self.entry.lines
            if line.category == category and line.account == account
        )

    def check(self, running: Running) -> Iterator[Pair]:
        """Everything about the entry's amounts that does not follow from its inputs."""
        yield from self._netted()
        for category in INCOME:
            if self.amount(category) < 0:
                yield f"{category} line", "no less than 0", self.amount(category)
        kind, inputs = self.entry.kind, self.entry.inputs
        if kind == "settlement" and self.amount("work"):
            yield from self._work(running)
        elif kind == "settlement":
            yield from self._referral(running)
        elif kind == "use":
            yield from self._use()
        elif kind == "reversal" and inputs is not None:
            yield from self._reversal(running)
        elif inputs:
            yield "inputs", "none", sorted(inputs)

    def _netted(self) -> Iterator[Pair]:
        """What is taken for a debt lowers the debt by as much, and is part of the income."""
        taken, lowered = self.amount("netted"), self.amount("netted", owed=True)
        income = sum(self.amount(category) for category in INCOME)
        yield from differing(("netted line", lowered, taken))
        if not -income <= taken <= 0:
            yield "netted line", f"at most {income} taken", taken

    def _work(self, running: Running) -> Iterator[Pair]:
        inputs = parsed(WorkInputs, self.entry)
        if isinstance(inputs, str):
            yield "inputs", "those of verified work", inputs
            return
        yield from work_pairs(self, inputs)
        yield from day_pairs(self, inputs, running)
        yield from layer_pairs(self.policy, inputs)
        yield from differing(("work line", inputs.paid_millipoints, self.amount("work")))

    def _referral(self, running: Running) -> Iterator[Pair]:
        cap = self.policy.referral.cap_millipoints_per_epoch
        found = running.sums["referral"] + self.amount("referral")
        if found > cap:
            yield "referral line", f"at most {cap} in the epoch", found
        if self.entry.inputs is not None:
            yield "inputs", "none: the work is somebody else's", sorted(self.entry.inputs)

    def _use(self) -> Iterator[Pair]:
        inputs = parsed(UseInputs, self.entry)
        if isinstance(inputs, str):
            yield "inputs", "those of a run", inputs
            return
        market = self.policy.marketplace
        total = inputs.actions * market.price_millipoints_per_action
        creator, burned, ecosystem = split(total, market.shares_bp)
        ran = bool(self.amount("spent"))
        yield from differing(
            (
                "price_millipoints_per_action",
                market.price_millipoints_per_action,
                inputs.price_millipoints_per_action,
            ),
            ("creator_millipoints", creator, inputs.creator_millipoints),
            ("burned_millipoints", burned, inputs.burned_millipoints),
            ("ecosystem_millipoints", ecosystem, inputs.ecosystem_millipoints),
            ("spent line", -total if ran else 0, self.amount("spent")),
            ("creator line", 0 if ran else creator, self.amount("creator")),
        )

    def _reversal(self, running: Running) -> Iterator[Pair]:
        inputs = parsed(ReversalInputs, self.entry)
        if isinstance(inputs, str):
            yield "inputs", "those of a reversal", inputs
            return
        if not running.leaves.get(inputs.reverses):
            yield "reverses", "the leaf of an earlier entry for one's work", inputs.reverses
            return
        taken = self.amount("reversed", owed=True) - self.amount("reversed")
        yield from differing(("reversed lines", running.leaves[inputs.reverses], taken))


def work_pairs(own: Own, inputs: WorkInputs) -> Iterator[Pair]:
    """Multipliers and points of verified work, under the policy."""
    policy, work = own.policy, paid_work(own, inputs)
    given = inputs.model_dump()
    yield from differing(
        ("policy_hash", policy.hash, inputs.policy_hash),
        ("release_hash", own.release_hash, inputs.release_hash),
        *(
            (f"{name}_multiplier_bp", value, given[f"{name}_multiplier_bp"])
            for name, value in policy.multipliers_bp(work).items()
        ),
        ("earned_millipoints", policy.earned_millipoints(work), inputs.earned_millipoints),
        (
            "lifetime_millipoints",
            sum(own.export.earlier_millipoints),
            inputs.lifetime_millipoints,
        ),
    )
    yield from _own_before(own, inputs)


def paid_work(own: Own, inputs: WorkInputs) -> PaidWork:
    """What the pay depends on. The task of withdrawn work is not known any more: it is taken to be
    one with the bounty that was paid."""
    facts, epoch = inputs.model_dump(), own.export.epoch
    task = own.export.tasks.get(own.entry.workflow or "")
    if task is not None:
        return PaidWork.of(facts, epoch=epoch, task=task)
    works = [
        PaidWork.of(facts, epoch=epoch, task=each)
        for each in ("", *(bounty.task for bounty in own.policy.bounties))
    ]
    paid = inputs.bounty_multiplier_bp
    fitting = (each for each in works if own.policy.multipliers_bp(each)["bounty"] == paid)
    return next(fitting, works[0])


def _own_before(own: Own, inputs: WorkInputs) -> Iterator[Pair]:
    """How often one had shown the shape in the epoch, counted again."""
    before = own.export.repeats.get(own.entry.workflow or "")
    if before is None:
        return
    expected = min(before, own.policy.duplicates.counted)
    # Withdrawn work counted when this was paid, and can't be told apart any more.
    if inputs.own_before < expected or (inputs.own_before > expected and not own.export.withdrew):
        yield "own_before", expected, inputs.own_before


def day_pairs(own: Own, inputs: WorkInputs, running: Running) -> Iterator[Pair]:
    """What was paid under the day's cap; on the day the epoch opened some of it may be used up."""
    begun = own.opened_on is None or inputs.day <= own.opened_on
    used = running.day_used.get(inputs.day, inputs.day_used_millipoints if begun else 0)
    cap = own.policy.daily_cap_millipoints
    paid = max(0, min(inputs.earned_millipoints, cap - used))
    running.day_used[inputs.day] = used + inputs.paid_millipoints
    yield from differing(
        ("day_used_millipoints", used, inputs.day_used_millipoints),
        ("paid_millipoints", paid, inputs.paid_millipoints),
    )


def layer_pairs(policy: Policy, inputs: WorkInputs) -> Iterator[Pair]:
    """What one's work paid to each layer of referrers."""
    layers = [each.layer for each in inputs.referrals]
    if layers != sorted(set(layers)):
        yield "referrals", "layers in order", layers
    for each in inputs.referrals:
        share = dict(enumerate(policy.referral.layers_bp, 1)).get(each.layer, 0)
        left = policy.referral.cap_millipoints_per_epoch - each.epoch_used_millipoints
        paid = max(0, min(inputs.paid_millipoints * share // BP, left))
        yield from differing(
            (f"referrals, layer {each.layer}, share_bp", share, each.share_bp),
            (f"referrals, layer {each.layer}, paid_millipoints", paid, each.paid_millipoints),
        )


def parsed(form: type[Inputs], entry: OwnEntry) -> Inputs | str:
    """An entry's inputs in their form, or what is wrong with them."""
    try:
        return form.model_validate(entry.inputs)
    except ValidationError as error:
        wrong = error.errors()[0]
        return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def differing(*pairs: Pair) -> Iterator[Pair]:
    """Those whose two values are not equal."""
    yield from (pair for pair in pairs if pair[1] != pair[2])
