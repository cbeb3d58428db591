"""Verifier releases: every threshold of a verdict as data, named by the hash of its content."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lam_core.canonical import NotCanonical, content_hash
from lam_core.schema import Source

FOLDER = Path(__file__).with_name("releases")

Count = Annotated[int, Field(ge=0, le=1_000_000)]
PerMille = Annotated[int, Field(ge=0, le=100_000)]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]


class ReleaseError(ValueError):
    """An unknown release, or a document that is none; the message names it and the field."""


class _Rules(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class StructureRules(_Rules):
    """How much has to have been done, from where, and whether by real input events."""

    sources: tuple[Source, ...]
    min_actions: Count
    trusted_events_required: tuple[Source, ...]
    min_presses_on_target_per_mille: PerMille
    press_tolerance_pixels: Count


class TimingRules(_Rules):
    """How fast nobody is."""

    min_time_per_action_ms: Milliseconds
    min_keys_for_pace: Count
    min_time_per_key_ms: Milliseconds


class VariationRules(_Rules):
    """How regular nobody is: coefficients of variation in thousandths.

    A gap is typical when it is within the tolerance of the median gap; from
    `min_gaps_for_typical` gaps on, at least so many thousandths have to be untypical.
    """

    min_gaps: Count
    min_rhythm_variation_per_mille: PerMille
    min_gaps_for_typical: Count
    typical_tolerance_per_mille: PerMille
    min_untypical_per_mille: PerMille
    min_pauses: Count
    min_pause_variation_per_mille: PerMille
    min_centred_presses: Count


class RhythmLimit(_Rules):
    """From so many gaps on, a distance up to this is a replay."""

    gaps: Count
    max_distance_per_mille: PerMille


class RhythmRules(_Rules):
    """How rhythms are compared: distance is the root mean square of the log ratios of the gaps.

    `floor_ms` is added to every gap, so that a few milliseconds of noise weigh little on short
    ones.
    """

    floor_ms: Annotated[int, Field(ge=1, le=10_000)]
    limits: tuple[RhythmLimit, ...]


class ShortRules(_Rules):
    """When a rhythm has too few gaps to tell two people apart by itself.

    With fewer gaps than `below_gaps` a rhythm is a replay only where every press, too, is within
    so many pixels of the other's, relative to what was pressed.
    """

    below_gaps: Count
    offset_pixels: Count


class ReplayRules(_Rules):
    """How alike two recordings by different people never are.

    On the same page (that share of its steps saw the same one) less likeness is needed than on
    another. Presses on the same pixels of so many targets are a replay whatever the rhythm; on
    the same page fewer are enough, and one when there are too few gaps for a rhythm.
    """

    same_page_share_per_mille: PerMille
    same_page: RhythmRules
    other_page: RhythmRules
    min_equal_offsets: Count
    min_equal_offsets_same_page: Count
    min_gaps_for_rhythm: Count
    short: ShortRules | None = None


class EvidenceRules(_Rules):
    """When the recording itself shows that work was done.

    At least so many actions have a lasting effect (lam_core/progress.py), and the last of them is
    of a kind that finishes something: a text that was typed and not sent is not.
    """

    min_advancing_actions: Annotated[int, Field(ge=1, le=1_000_000)]
    finishing_actions: tuple[Literal["click", "drag", "press", "select", "navigate"], ...]


class GoalRules(_Rules):
    """What counts as having reached the goal; everything else is refused as unknown."""

    accepted: tuple[Literal["attested", "evidence"], ...]
    evidence: EvidenceRules | None = None

    @model_validator(mode="after")
    def _evidence_is_defined(self) -> "GoalRules":
        if ("evidence" in self.accepted) != (self.evidence is not None):
            raise ValueError("evidence is accepted exactly where the rules say what it is")
        return self


class Rules(_Rules):
    """The content of a release."""

    format: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=64)]
    demo: bool
    structure: StructureRules
    timing: TimingRules
    variation: VariationRules
    replay: ReplayRules
    goal: GoalRules


class Release:
    """A verifier release: `document` as published, its content `hash`, its checked `rules`."""

    __slots__ = ("document", "hash", "rules")

    def __init__(self, document: dict[str, Any]) -> None:
        """Check a release document. Raises ReleaseError naming the wrong fields."""
        try:
            self.hash = content_hash(document)
            self.rules = Rules.model_validate_json(json.dumps(document))
        except NotCanonical as error:
            raise ReleaseError(str(error)) from None
        except ValidationError as error:
            found = error.errors(include_url=False)
            named = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found]
            raise ReleaseError("; ".join(named)) from None
        self.document = document

    @property
    def name(self) -> str:
        """The name people use; only the hash identifies a release."""
        return self.rules.name


@lru_cache(maxsize=32)
def load_release(name: str) -> Release:
    """A release shipped with the code, such as `rules-1`. Raises ReleaseError when unknown."""
    known = releases()
    if name not in known:
        raise ReleaseError(f"unknown verifier release {name!r}; known are {', '.join(known)}")
    return Release(json.loads((FOLDER / f"{name}.json").read_bytes()))


def releases() -> list[str]:
    """The names of the releases shipped with the code."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))
