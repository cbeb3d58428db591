"""States and reasons in plain words."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contributions.models import State, Workflow


@dataclass(frozen=True)
class StateWords:
    """A state for people; `tone` is good, bad, wait or empty."""

    text: str
    tone: str = ""


WORKFLOW_STATES = {
    State.SUBMITTED: (gettext_lazy("being checked"), "wait"),
    State.ACCEPTED: (gettext_lazy("accepted"), "good"),
    State.REJECTED: (gettext_lazy("not accepted"), "bad"),
    State.WITHDRAWN: (gettext_lazy("withdrawn"), ""),
}
GOALS = {
    "attested": gettext_lazy("the operator attests that the goal was reached"),
    "evidence": gettext_lazy("the page kept the effect of the work to the end"),
    "unknown": gettext_lazy("whether the goal was reached is unknown"),
    "failed": gettext_lazy("the goal was missed"),
    "sample": gettext_lazy("a sample of the project: accepted for the demonstration only"),
}
EPOCH_STATES = {
    "open": (gettext_lazy("open"), "good"),
    "closing": (gettext_lazy("closing"), "wait"),
    "closed": (gettext_lazy("closed, not yet on chain"), "wait"),
    "published": (gettext_lazy("published, may still be vetoed"), "wait"),
    "vetoed": (gettext_lazy("vetoed"), "bad"),
    "active": (gettext_lazy("claimable"), "good"),
    "final": (gettext_lazy("claimable"), "good"),
}
PROPOSAL_STATES = {
    "pending": (gettext_lazy("voting has not started"), "wait"),
    "active": (gettext_lazy("voting is open"), "wait"),
    "canceled": (gettext_lazy("cancelled"), "bad"),
    "defeated": (gettext_lazy("defeated"), "bad"),
    "succeeded": (gettext_lazy("passed, to be queued"), "good"),
    "queued": (gettext_lazy("queued in the timelock"), "wait"),
    "expired": (gettext_lazy("expired"), "bad"),
    "executed": (gettext_lazy("executed"), "good"),
}
POLL_STATES = {
    "open": (gettext_lazy("open"), "wait"),
    "counting": (gettext_lazy("closed, being counted"), "wait"),
    "published": (gettext_lazy("closed, result published"), "good"),
}
# A name, and what a voter does.
POLL_METHODS = {
    "single": (gettext_lazy("One choice"), gettext_lazy("Everybody picks one option.")),
    "approval": (
        gettext_lazy("Approval"),
        gettext_lazy("Everybody ticks all options they can live with."),
    ),
    "ranked": (
        gettext_lazy("Ranking"),
        gettext_lazy(
            "Everybody puts the options in order. The weakest is struck out and its votes go to "
            "the next choice, until one has more than half."
        ),
    ),
    "weighted": (
        gettext_lazy("Shares"),
        gettext_lazy("Everybody divides their votes between the options as they like."),
    ),
}


def words(table: dict[Any, tuple[Any, str]], state: str) -> StateWords:
    """A state of one of the tables; one that is new here is shown as it is."""
    text, tone = table.get(state, (state, ""))
    return StateWords(str(text), tone)


def workflow_state(workflow: Workflow) -> StateWords:
    """A workflow's state."""
    return words(WORKFLOW_STATES, workflow.state)


def goal(code: str) -> str:
    """What a verdict says about the goal of the work."""
    return str(GOALS.get(code, code))


def reason(found: dict[str, str]) -> str:
    """A verdict's reason: the sentence its release gives, in the reader's language."""
    return _(found.get("text") or found["code"])
