"""The form of a person's export of an epoch's points: see `points.export`, which writes it, and
`points.mine`, which computes the points again from it. Pure: no Django.
"""

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

VERSION = 1

Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
Commitment = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Salt = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Integer = Annotated[str, StringConstraints(pattern=r"^(0|-?[1-9][0-9]{0,77})$")]
Count = Annotated[int, Field(ge=0)]


class ExportError(ValueError):
    """The export can't be read: where, and what is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OwnLine(_Part):
    """One's own line of an entry, opened by its salt. `amount` as a decimal string."""

    position: Count
    account: str
    unit: str
    category: str
    amount: Integer
    salt: Salt


class OwnEntry(_Part):
    """An entry that moved one's points; `inputs` only where they are one's own.

    `workflow` is the work it paid for, null where that is somebody else's or was withdrawn.
    """

    kind: str
    posted_at: str
    workflow: str | None
    inputs: dict[str, Any] | None
    inputs_salt: Salt | None
    lines: Annotated[list[OwnLine], Field(min_length=1)]
    commitments: Annotated[list[Commitment], Field(min_length=3)]
    proof: list[Hash]


class OwnWork(_Part):
    """One's accepted work, in the order of the verdicts; `late`: received before the epoch."""

    workflow: str
    shape: str
    task: str
    late: bool


class OwnExport(_Part):
    """What one's points of an epoch follow from. `earlier_millipoints`: what epochs 1, 2, …
    converted, given when work was paid for; `withdrew`: whether any work of the epoch was."""

    version: Literal[1]
    epoch: Annotated[int, Field(ge=1)]
    bundle_hash: Hash
    ledger_root: Hash
    account: Annotated[str, StringConstraints(pattern=r"^points:[1-9][0-9]*$")]
    owed_account: Annotated[str, StringConstraints(pattern=r"^owed:[1-9][0-9]*$")]
    address: Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")] | None
    earlier_millipoints: list[Count]
    withdrew: bool
    works: list[OwnWork]
    entries: list[OwnEntry]

    @cached_property
    def tasks(self) -> dict[str, str]:
        """The task of each workflow that was not withdrawn."""
        return {work.workflow: work.task for work in self.works}

    @cached_property
    def repeats(self) -> dict[str, int]:
        """How often one had shown a workflow's shape in the epoch before it, counted again."""
        seen: Counter[str] = Counter()
        found = {}
        for work in self.works:
            found[work.workflow] = seen[work.shape]
            seen[work.shape] += not work.late
        return found


class ReferralInputs(_Part):
    """What a layer of referrers was paid on top; how much of the cap they had used is attested."""

    layer: Count
    share_bp: Count
    epoch_used_millipoints: Count
    paid_millipoints: Count


class WorkInputs(_Part):
    """The inputs of a settlement: see `points.rewards`."""

    policy_hash: str
    release_hash: str
    goal: str
    platform: str
    verified_actions: Count
    score_bp: Count
    seen_before: Count
    own_before: Count
    lifetime_millipoints: Count
    platform_multiplier_bp: Count
    epoch_multiplier_bp: Count
    founding_multiplier_bp: Count
    badge_multiplier_bp: Count
    novelty_multiplier_bp: Count
    duplicate_multiplier_bp: Count
    bounty_multiplier_bp: Count
    day: Count
    earned_millipoints: Count
    day_used_millipoints: Count
    paid_millipoints: Count
    referrals: list[ReferralInputs]


class UseInputs(_Part):
    """The inputs of a run of an automation: see `marketplace.uses`."""

    automation: int
    actions: Annotated[int, Field(ge=1)]
    price_millipoints_per_action: Count
    creator_millipoints: Count
    burned_millipoints: Count
    ecosystem_millipoints: Count


class ReversalInputs(_Part):
    """The inputs of a reversal: what each person was paid, and the leaf of what is reversed."""

    paid_millipoints: list[Count]
    reverses: Hash


def read_export(path: Path) -> OwnExport:
    """An export from its file. Raises ExportError naming the field."""
    try:
        return OwnExport.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"]) or "document"
        raise ExportError(f"{path}: {where}: {wrong['msg']}") from None
