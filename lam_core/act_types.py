"""What acting in a browser consists of: actions, decisions, and who decides.

A policy looks at one observation and says what to do next and how sure it is. The driver
(`lam_core.act`) carries it out. Elements are named by their index in the observation the decision
was made on; the driver knows which live element that is, or that it has gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from lam_core.observation import Element, Observation
from lam_core.steps import Modifier, NamedKey

ActionKind = Literal[
    "click", "drag", "type", "select", "press", "scroll", "navigate", "wait", "finish", "stop"
]


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Which fields count depends on `kind`:

    - `click`: `target`; `count` 2 is a double click; `offset` is a point in CSS pixels from the
      element's top left corner, null for its middle;
    - `drag`: from `target` (`offset` as above) to `drop`, or to `to` in document coordinates;
    - `type`: `target` holds `text` afterwards;
    - `select`: `target` is the list and `text` the label of the option, or `target` the option;
    - `press`: `key` with `modifiers`, at the focus or at `target`;
    - `scroll`: `target`, or the page when null, by `dx` and `dy` CSS pixels;
    - `navigate`: to `url`;
    - `wait`: for `milliseconds`, for a page that is not ready;
    - `finish`: the task is done; `stop`: it can't be done, and `reason` says why.
    """

    kind: ActionKind
    target: int | None = None
    text: str = ""
    key: NamedKey | None = None
    modifiers: tuple[Modifier, ...] = ()
    drop: int | None = None
    to: tuple[int, int] | None = None
    offset: tuple[int, int] | None = None
    button: Literal["left", "middle", "right"] = "left"
    count: int = 1
    dx: int = 0
    dy: int = 0
    url: str = ""
    milliseconds: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next, and the probability (0 to 1) that the one who decided gives it."""

    action: Action
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was carried out: what it was done on, and whether the page changed.

    `target` is the element as it was observed, null for actions without one.
    """

    action: Action
    target: Element | None
    changed: bool
    observation: Observation


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be done: the instruction, and values for its named slots, if it has any."""

    instruction: str
    slots: Mapping[str, str] = field(default_factory=dict)


class Policy(Protocol):
    """Decides the next action. Pure: the same arguments give the same decision."""

    def decide(self, goal: Goal, observation: Observation, history: Sequence[Done]) -> Decision:
        """The next action for `goal` on the page as `observation` shows it."""
        ...
