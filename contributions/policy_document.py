"""The reward policy: a versioned document of integers, named by the hash of its canonical JSON.

Pure: no database, no Django. A stranger who recomputes an epoch reads the policy with this module.
Every number that decides what work earns is data here and nowhere else. Shares and multipliers are
basis points (10,000 = 1), points are millipoints, LAM is in wei as decimal strings.
"""

import json
from collections.abc import Mapping
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
    model_validator,
)

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
    """The bonus of the first epochs: work up to and with `through_epoch` is multiplied."""

    multiplier_bp: Multiplier
    through_epoch: Annotated[int, Field(ge=0, le=10**15)]


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


class Policy(_Part):
    """How work is rewarded. `hash` names it on chain."""

    version: Literal[1]
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    points_per_action_millipoints: Millipoints
    max_paid_actions_per_workflow: Annotated[int, Field(ge=0, le=100_000)]
    daily_cap_millipoints: Millipoints
    platform_multipliers_bp: dict[Platform, Multiplier]
    epoch_multipliers_bp: EpochMultipliers
    founding: Founding
    referral: Referral
    marketplace: Marketplace
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

    def platform_multiplier_bp(self, platform: str) -> int:
        """The multiplier of a workflow's source; 1 (10,000) for one that is not listed."""
        return self.platform_multipliers_bp.get(platform, BP)

    def epoch_multiplier_bp(self, epoch: int) -> int:
        """The multiplier of an epoch, without the founding bonus."""
        return self.epoch_multipliers_bp.epochs.get(str(epoch), self.epoch_multipliers_bp.default)

    def founding_multiplier_bp(self, epoch: int) -> int:
        """The founding bonus in an epoch; 1 (10,000) once it is over."""
        return self.founding.multiplier_bp if epoch <= self.founding.through_epoch else BP

    def earned_millipoints(self, *, verified_actions: int, platform: str, epoch: int) -> int:
        """Points of one workflow before the daily cap, rounded down once, at the end."""
        paid = min(verified_actions, self.max_paid_actions_per_workflow)
        multiplied = (
            paid
            * self.points_per_action_millipoints
            * self.platform_multiplier_bp(platform)
            * self.epoch_multiplier_bp(epoch)
            * self.founding_multiplier_bp(epoch)
        )
        return multiplied // BP**3


def parse_policy(document: bytes | str | Mapping[str, Any]) -> Policy:
    """A document as a policy. Raises PolicyError naming the path of each wrong field."""
    try:
        value = json.loads(document) if isinstance(document, bytes | str) else document
    except ValueError as error:
        raise PolicyError([("document", f"is not JSON: {error}")]) from None
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        raise PolicyError([(_path(e["loc"]), _message(e)) for e in error.errors()]) from None


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "document"


def _message(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def load_policy(path: Path = GENESIS_PATH) -> Policy:
    """The policy in a file; the one the platform starts with unless a path is given."""
    return parse_policy(path.read_bytes())
