"""The reward policy: a versioned document of integers, named by the hash of its canonical JSON.

Pure: no database, no Django. A stranger who recomputes an epoch reads the policy with this module.
Every number that decides what work earns is data here and nowhere else. Shares and multipliers are
basis points (10,000 = 1), points are millipoints, LAM is in wei as decimal strings.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from contributions.emission import scheduled_emission
from lam_core.canonical import content_hash

BP = 10_000
MAX_MILLIPOINTS = 10**15
MAX_UINT256 = 2**256 - 1
GENESIS_PATH = Path(__file__).parent / "policies" / "genesis.json"


class PolicyError(ValueError):
    """Not a policy; `errors` lists (path, message), the path in the form `marketplace.burn_bp`."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{path}: {message}" for path, message in errors))


def _uint256(text: str) -> str:
    if int(text) > MAX_UINT256:
        raise ValueError("is more than a uint256 holds")
    return text


def _within(wei: str, epoch: int) -> str:
    most = scheduled_emission(epoch)
    if int(wei) > most:
        raise ValueError(f"is above the token's schedule, which mints {most} in epoch {epoch}")
    return wei


Millipoints = Annotated[int, Field(ge=0, le=MAX_MILLIPOINTS)]
Share = Annotated[int, Field(ge=0, le=BP)]
Multiplier = Annotated[int, Field(ge=0, le=100 * BP)]
Wei = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,77})$"), AfterValidator(_uint256)]
EpochNumber = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")]
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EpochMultipliers(_Part):
    """What all work of an epoch is multiplied by: `default`, and epochs that differ."""

    default: Multiplier
    epochs: dict[EpochNumber, Multiplier]


class Founding(_Part):
    """The bonus of the first to come: `multiplier_bp` up to and with `through_epoch`; then
    `after_bp`, falling by `decay_bp_per_month` with every `epochs_per_month`, never below 1."""

    multiplier_bp: Multiplier
    through_epoch: Annotated[int, Field(ge=0, le=10**15)]
    after_bp: Multiplier
    decay_bp_per_month: Multiplier
    epochs_per_month: Annotated[int, Field(ge=1, le=10**6)]

    def at(self, epoch: int) -> int:
        """The multiplier of an epoch, in basis points."""
        if epoch <= self.through_epoch:
            return self.multiplier_bp
        months = (epoch - self.through_epoch - 1) // self.epochs_per_month
        return max(BP, self.after_bp - months * self.decay_bp_per_month)


class Badge(_Part):
    """A tier: whoever had this many millipoints converted in earlier epochs earns `bonus_bp` on
    top."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    from_millipoints: Millipoints
    bonus_bp: Share


class Bounty(_Part):
    """Work on a task is multiplied while a bounty on it runs; both epochs count."""

    task: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    multiplier_bp: Multiplier
    from_epoch: Annotated[int, Field(ge=1, le=10**15)]
    through_epoch: Annotated[int, Field(ge=1, le=10**15)]

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Bounty":
        if self.through_epoch < self.from_epoch:
            raise ValueError("through_epoch is before from_epoch")
        return self


class Novelty(_Part):
    """The first `workflows` accepted of a shape, by whomever, are multiplied."""

    workflows: Annotated[int, Field(ge=0, le=1_000)]
    multiplier_bp: Multiplier


class Duplicates(_Part):
    """Multipliers of a person's first, second, … workflow of one shape in an epoch; the last one
    holds for all further."""

    multipliers_bp: Annotated[list[Share], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _never_rise(self) -> "Duplicates":
        if self.multipliers_bp != sorted(self.multipliers_bp, reverse=True):
            raise ValueError("multipliers_bp must not rise")
        return self

    @property
    def counted(self) -> int:
        """How many earlier ones make a difference."""
        return len(self.multipliers_bp) - 1

    def at(self, before: int) -> int:
        """The multiplier of the workflow that `before` others of its shape came before."""
        return self.multipliers_bp[min(before, self.counted)]


class OperatingPoint(_Part):
    """Where the verifier is trusted: accepted work below this score earns nothing."""

    min_score_bp: Share


class Referral(_Part):
    """What referrers earn on top: one share per layer, nearest first, at most `cap` an epoch."""

    layers_bp: Annotated[list[Share], Field(max_length=3)]
    cap_millipoints_per_epoch: Millipoints

    @model_validator(mode="after")
    def _layers_are_below_one(self) -> "Referral":
        if sum(self.layers_bp) > BP:
            raise ValueError(f"layers_bp add up to more than {BP}")
        return self


class Marketplace(_Part):
    """What a run of an automation costs per action, and who gets which share of it."""

    price_millipoints_per_action: Millipoints
    creator_bp: Share
    burn_bp: Share
    ecosystem_bp: Share

    @property
    def shares_bp(self) -> list[int]:
        """Shares of the creator, of what is burned and of the ecosystem."""
        return [self.creator_bp, self.burn_bp, self.ecosystem_bp]

    @model_validator(mode="after")
    def _shares_sum(self) -> "Marketplace":
        total = self.creator_bp + self.burn_bp + self.ecosystem_bp
        if total != BP:
            raise ValueError(f"creator_bp, burn_bp and ecosystem_bp add up to {total}, not {BP}")
        return self


class Emission(_Part):
    """LAM given to the contributors of an epoch, in wei: `default`, and epochs that differ."""

    default: Wei
    epochs: dict[EpochNumber, Wei]

    @field_validator("default")
    @classmethod
    def _default_within_schedule(cls, wei: str) -> str:
        return _within(wei, 1)

    @field_validator("epochs")
    @classmethod
    def _epochs_within_schedule(cls, epochs: dict[str, str]) -> dict[str, str]:
        for number, wei in epochs.items():
            try:
                _within(wei, int(number))
            except ValueError as error:
                raise PydanticCustomError(
                    "schedule", "{number}: {reason}", {"number": number, "reason": str(error)}
                ) from None
        return epochs


class Policy(_Part):
    """How work is rewarded. `hash` names it on chain."""

    version: Literal[2]
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    points_per_action_millipoints: Millipoints
    max_paid_actions_per_workflow: Annotated[int, Field(ge=0, le=100_000)]
    daily_cap_millipoints: Millipoints
    platform_multipliers_bp: dict[Platform, Multiplier]
    epoch_multipliers_bp: EpochMultipliers
    founding: Founding
    badges: Annotated[list[Badge], Field(max_length=20)]
    novelty: Novelty
    duplicates: Duplicates
    bounties: Annotated[list[Bounty], Field(max_length=100)]
    verifier: OperatingPoint
    referral: Referral
    marketplace: Marketplace
    k_anonymity: Annotated[int, Field(ge=2, le=10**6)]
    emission_wei: Emission
    epoch_seconds: Annotated[int, Field(ge=1, le=10 * 365 * 86_400)]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The plain JSON value that is hashed and published."""
        return self.model_dump(mode="json")

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, `0x…`."""
        return content_hash(self.document)

    def emission(self, epoch: int) -> int:
        """LAM for the contributors of an epoch, in wei."""
        return int(self.emission_wei.epochs.get(str(epoch), self.emission_wei.default))

    @model_validator(mode="after")
    def _badges_rise(self) -> "Policy":
        steps = [badge.from_millipoints for badge in self.badges]
        if steps != sorted(set(steps)):
            raise PydanticCustomError("badges", "badges must come in the order of from_millipoints")
        return self

    def multipliers_bp(self, work: "PaidWork") -> dict[str, int]:
        """What a workflow's points are multiplied by, each by its name."""
        reached = [b for b in self.badges if b.from_millipoints <= work.lifetime_millipoints]
        bounties = [
            bounty.multiplier_bp
            for bounty in self.bounties
            if bounty.task == work.task and bounty.from_epoch <= work.epoch <= bounty.through_epoch
        ]
        novel = work.seen_before < self.novelty.workflows
        return {
            "platform": self.platform_multipliers_bp.get(work.platform, BP),
            "epoch": self.epoch_multipliers_bp.epochs.get(
                str(work.epoch), self.epoch_multipliers_bp.default
            ),
            "founding": self.founding.at(work.epoch),
            "badge": BP + (reached[-1].bonus_bp if reached else 0),
            "novelty": self.novelty.multiplier_bp if novel else BP,
            "duplicate": self.duplicates.at(work.own_before),
            "bounty": max(bounties, default=BP),
        }

    def earned_millipoints(self, work: "PaidWork") -> int:
        """Points of one workflow before the daily cap, rounded down once, at the end."""
        if work.score_bp < self.verifier.min_score_bp:
            return 0
        multipliers = self.multipliers_bp(work).values()
        paid = min(work.verified_actions, self.max_paid_actions_per_workflow)
        product = paid * self.points_per_action_millipoints * math.prod(multipliers)
        return min(product // BP ** len(multipliers), MAX_MILLIPOINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidWork:
    """What the pay of an accepted workflow depends on.

    `seen_before` counts accepted workflows of the same shape by anybody, `own_before` those by the
    same person in the epoch; `lifetime_millipoints` is what the person had converted in earlier
    epochs. `task` is empty where it is not known (any more): then no bounty applies.
    """

    epoch: int
    platform: str
    verified_actions: int
    score_bp: int = BP
    task: str = ""
    seen_before: int = 0
    own_before: int = 0
    lifetime_millipoints: int = 0

    @classmethod
    def of(cls, inputs: Mapping[str, Any], *, epoch: int, task: str = "") -> "PaidWork":
        """From the inputs of a ledger entry, which never name the task."""
        return cls(
            epoch=epoch,
            task=task,
            platform=inputs["platform"],
            verified_actions=inputs["verified_actions"],
            score_bp=inputs["score_bp"],
            seen_before=inputs["seen_before"],
            own_before=inputs["own_before"],
            lifetime_millipoints=inputs["lifetime_millipoints"],
        )

    @property
    def inputs(self) -> dict[str, Any]:
        """As a ledger entry keeps it."""
        return {
            "platform": self.platform,
            "verified_actions": self.verified_actions,
            "score_bp": self.score_bp,
            "seen_before": self.seen_before,
            "own_before": self.own_before,
            "lifetime_millipoints": self.lifetime_millipoints,
        }


def parse_policy(document: bytes | str | Mapping[str, Any]) -> Policy:
    """A document as a policy. Raises PolicyError naming the path of each wrong field."""
    try:
        value = json.loads(document) if isinstance(document, bytes | str) else document
    except ValueError as error:
        raise PolicyError([("document", f"is not JSON: {error}")]) from None
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        raise PolicyError([(_path(e), _message(e)) for e in error.errors()]) from None


def _path(error: Any) -> str:
    location = [str(part) for part in error["loc"] if part != "[key]"]
    if error["type"] == "schedule":
        location.append(error["ctx"]["number"])
    if error["type"] == "badges":
        location.append("badges")
    return ".".join(location) or "document"


def _message(error: Any) -> str:
    if error["type"] == "schedule":
        return str(error["ctx"]["reason"])
    return str(error["msg"]).removeprefix("Value error, ")


def load_policy(path: Path = GENESIS_PATH) -> Policy:
    """The policy in a file; the one the platform starts with unless a path is given."""
    return parse_policy(path.read_bytes())


def schema() -> dict[str, Any]:
    """The JSON Schema of policies (draft 2020-12), as docs/reward-policy.schema.json publishes it.

    What a schema can't say is checked by `parse_policy`: shares that sum, tiers in order, emission
    within the token's schedule.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Policy.model_json_schema(mode="validation"),
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False))
