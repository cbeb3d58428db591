"""The model as a policy: from what a page shows to the next action, with its probability."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from lam_core.act_types import Action, Decision, Done, Goal
from lam_core.batches import single
from lam_core.features import Features, Kind, Past, featurise, read
from lam_core.model import KINDS, ActionModel
from lam_core.nodes import KINDS as NODE_KINDS
from lam_core.nodes import Node, Page, is_text_field, signature
from lam_core.observation import Observation, State
from lam_core.steps import Modifier, NamedKey

LONGEST_SPAN = 24
"""Words of the instruction that can be typed at once."""

REPEATS = 40
TOGGLE_REPEATS = 2
"""How often an action may be done in one run; ticking a box twice undoes it."""

IDLE_REPEATS = 3
"""How often without effect: what was covered or closed once may be reached once more."""

_RANGE = re.compile(r"\b(?:between|from) (\d{1,2}) ?(?:-|–|and|to) ?(\d{1,2})\b")

SEGMENTED = frozenset({"date", "time", "month", "week", "datetime-local"})
_KIND_OF: dict[str, Kind] = {"click": Kind.CLICK, "type": Kind.TYPE, "select": Kind.SELECT}
_BUTTON, _LINK = NODE_KINDS.index("button"), NODE_KINDS.index("link")
_TOGGLE, _OPTION = NODE_KINDS.index("toggle"), NODE_KINDS.index("option")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model would do: the node (by position) and the words to type.

    `chance` is the model's probability of it, less what is to be doubted on this page.
    """

    chance: float
    position: int
    kind: Kind
    text: str = ""


class ModelPolicy:
    """A policy of a trained model. `sampled` draws actions instead of taking the likeliest.

    With `finishes`, pressing a button that has been pressed with effect is taken as the sign that
    nothing is left to do.
    """

    decided_by: Literal["model"] = "model"

    def __init__(
        self,
        model: ActionModel,
        *,
        finishes: bool = True,
        sampled: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> None:
        self._model = model.eval()
        self._finishes = finishes
        self._sampled = sampled
        self._temperature = temperature

    def decide(self, goal: Goal, observation: Observation, history: Sequence[Done]) -> Decision:
        """The next action for `goal`; `stop` where the page offers nothing to act on."""
        instruction = with_slots(goal)
        page = read(instruction, observation)
        if not page.nodes:
            return Decision(Action("stop", reason="the page shows nothing to act on"))
        past = past_of(history)
        guess = _guess(instruction, page, past)
        if guess:
            return Decision(guess)
        features = featurise(instruction, page, past)
        for choice in self.choices(instruction, features):
            node = page.nodes[choice.position]
            if self._finishes and _is_done(node, choice, past):
                return Decision(Action("finish"), choice.chance)
            if not _is_circling(node, choice, past):
                return Decision(action_of(node, choice, past), choice.chance)
        return Decision(Action("stop", reason="everything likely has been tried"))

    def choices(self, instruction: str, features: Features) -> Iterator[Choice]:
        """What could be done, the likeliest (or the drawn) first. Texts are found as needed."""
        batch = single(features)
        with torch.inference_mode():
            output = self._model(batch)
            trusted = 1 - float(self._model.doubts(output, batch))
            scores = output.actions[0].flatten()
            ranked = self._drawn(scores).argsort(descending=True)
            for flat in ranked.tolist():
                position, kind = divmod(flat, KINDS)
                if not features.allowed[position, kind]:
                    continue
                if kind == Kind.CLICK and _has_focus(features.page.nodes[position]):
                    # Of what was recorded, pressing a field is the beginning of typing into it.
                    kind = Kind.TYPE
                text = ""
                if kind in (Kind.TYPE, Kind.SELECT):
                    batch.node = torch.tensor([position])
                    chances = self._drawn(self._model.pointers(output, batch)[0])
                    text = _spanned(instruction, features, chances)
                chance = trusted * float(scores[flat].exp())
                yield Choice(chance, position, Kind(kind), text)

    def _drawn(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores whose greatest is a draw from their softmax (Gumbel noise); else as they are."""
        if self._sampled is None:
            return scores
        noise = torch.rand(scores.shape, generator=self._sampled).clamp(1e-9, 1 - 1e-9)
        return scores / self._temperature - torch.log(-torch.log(noise))


def action_of(node: Node, choice: Choice, past: Sequence[Past] = ()) -> Action:
    """The action a browser carries out for a choice."""
    if node.kind == _OPTION and any(step.element.tag == "option" for step in past):
        # In a list that takes several, a further option is added with Control.
        return Action("click", target=node.index, modifiers=(Modifier.CONTROL,))
    if choice.kind is Kind.TYPE:
        return Action("type", target=node.index, text=_as_typed(node, choice.text))
    if choice.kind is Kind.SELECT:
        return Action("select", target=node.index, text=choice.text)
    if choice.kind is Kind.ENTER:
        return Action("press", target=node.index, key=NamedKey.ENTER)
    return Action("click", target=node.index)


def past_of(history: Sequence[Done]) -> list[Past]:
    """What was done, as the model is told; actions it doesn't know are left out."""
    past = []
    for done in history:
        kind = _KIND_OF.get(done.action.kind)
        if done.action.kind == "press" and done.action.key is NamedKey.ENTER:
            kind = Kind.ENTER
        if kind is not None and done.target is not None:
            past.append(Past(kind, done.target, done.changed, done.action.text))
    return past


def with_slots(goal: Goal) -> str:
    """The instruction, with the values of slots it does not mention named at its end."""
    missing = [
        f'{name} "{value}"' for name, value in goal.slots.items() if value not in goal.instruction
    ]
    return f"{goal.instruction} ({', '.join(missing)})" if missing else goal.instruction


def _has_focus(node: Node) -> bool:
    return is_text_field(node.element) and State.FOCUSED in node.element.states


def _spanned(instruction: str, features: Features, chances: torch.Tensor) -> str:
    """The likeliest words: the best first and last word that make a span."""
    first, last = chances
    sums = first[:, None] + last[None, :]
    allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(LONGEST_SPAN - 1)
    best = int(sums.masked_fill(~allowed, float("-inf")).argmax())
    start, end = divmod(best, len(last))
    tokens = features.tokens
    if not tokens:
        return ""
    return instruction[tokens[start].start : tokens[end].end]


def _as_typed(node: Node, text: str) -> str:
    """Fields that take numbers part by part want each with two digits."""
    if node.element.type in SEGMENTED:
        return re.sub(r"(?<!\d)(\d)(?!\d)", r"0\1", text)
    return text


def _guess(instruction: str, page: Page, past: Sequence[Past]) -> Action | None:
    """In a page's only number field, of which the instruction names just a range: a number of it
    that was not typed yet. What to type stands nowhere then, and pages say when it is right.

    What was typed last is left to be sent first.
    """
    found = _RANGE.search(instruction)
    fields = [node for node in page.nodes if node.element.type == "number"]
    if not found or len(fields) != 1 or (past and past[-1].kind is Kind.TYPE):
        return None
    typed = {step.text for step in past if step.kind is Kind.TYPE}
    numbers = map(str, range(int(found[1]), int(found[2]) + 1))
    left = [number for number in numbers if number not in typed]
    return Action("type", target=fields[0].index, text=left[0]) if left else None


def _times(node: Node, choice: Choice, past: Sequence[Past]) -> list[Past]:
    key = signature(node.element)
    return [p for p in past if p.kind is choice.kind and signature(p.element) == key]


def _is_done(node: Node, choice: Choice, past: Sequence[Past]) -> bool:
    """Whether the likeliest action is the last one again, a button that has had its effect."""
    if not past or node.kind != _BUTTON or choice.kind is not Kind.CLICK:
        return False
    return past[-1].changed and past[-1] in _times(node, choice, past)


def _is_circling(node: Node, choice: Choice, past: Sequence[Past]) -> bool:
    """Whether an action was done often, or had no effect on the page as it still is."""
    before = _times(node, choice, past)
    if node.kind == _LINK and choice.kind is Kind.CLICK:
        # What a stepping button changes is often a value, whose characters are not observed.
        return len(before) >= REPEATS
    most = TOGGLE_REPEATS if node.kind == _TOGGLE else REPEATS
    idle = sum(not step.changed for step in before)
    return len(before) >= most or idle >= IDLE_REPEATS or _idle_since(before, past)


def _idle_since(before: Sequence[Past], past: Sequence[Past]) -> bool:
    """Whether one of these steps had no effect, and none since then had any."""
    for step in reversed(past):
        if step.changed:
            return False
        if step in before:
            return True
    return False
