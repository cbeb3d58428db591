"""Do a task in a real browser: observe, decide, act, look whether it had an effect.

A policy decides; this module carries out. It stops with a named reason rather than go on unsure or
in circles, and asks before a step that can't be taken back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from playwright.sync_api import Dialog

from lam_core.act_trace import Trace
from lam_core.act_types import Action, Decision, Done, Goal, Policy
from lam_core.browser_page import ActionError, LivePage, PageGone, TargetCovered, TargetGone
from lam_core.observation import Element, Observation


class Reason(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    """The policy says that it can't be done."""
    UNSURE = "unsure"
    STUCK = "stuck"
    """The same actions on the same page, without effect."""
    DECLINED = "declined"
    """A person did not want a step that can't be taken back."""
    TARGET_MISSING = "target-missing"
    """Nothing on the page is what was recorded."""
    TARGET_AMBIGUOUS = "target-ambiguous"
    """Several things on the page could be what was recorded."""
    TARGET_GONE = "target-gone"
    TARGET_COVERED = "target-covered"
    IMPOSSIBLE = "impossible"
    """An action that can't be carried out."""
    TOO_LONG = "too-long"
    PAGE_GONE = "page-gone"


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give up.

    A decision less sure than `confidence` is not carried out. `repeats` is how often the same
    action may be done on an unchanged page, `attempts` how often a failing one is tried anew.
    """

    steps: int = 50
    confidence: float = 0.2
    repeats: int = 2
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and what was done."""

    reason: Reason
    detail: str
    steps: tuple[Done, ...]

    @property
    def finished(self) -> bool:
        """Whether the policy said that the task is done."""
        return self.reason is Reason.FINISHED


@dataclass(frozen=True, slots=True)
class Question:
    """A step that can't be taken back: `risk` is pay, delete, send, submit or dialog."""

    risk: str
    label: str
    action: Action | None


Confirm = Callable[[Question], bool]


def decline(question: Question) -> bool:
    """Nobody to ask: no."""
    return False


def allow(question: Question) -> bool:
    """Told beforehand that such steps are wanted."""
    return True


class _End(Exception):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass
class Run:
    """One run of a policy on a page; `confirm` is asked before what can't be taken back."""

    goal: Goal
    policy: Policy
    live: LivePage
    confirm: Confirm = decline
    limits: Limits = field(default_factory=Limits)
    trace: Trace | None = None
    done: list[Done] = field(default_factory=list)
    _failures: int = 0

    def act(self) -> Outcome:
        """Act until the policy says that the task is done, or there is a reason to stop."""
        context = self.live.page.context
        context.on("dialog", self._answer)
        try:
            for _ in range(self.limits.steps):
                self._step()
            raise _End(Reason.TOO_LONG, f"not done after {self.limits.steps} steps")
        except _End as end:
            return self._end(end.reason, end.detail)
        except PageGone as error:
            return self._end(Reason.PAGE_GONE, str(error))
        finally:
            context.remove_listener("dialog", self._answer)

    def _end(self, reason: Reason, detail: str) -> Outcome:
        if self.trace:
            self.trace.close(reason=reason, detail=detail)
        return Outcome(reason, detail, tuple(self.done))

    def _step(self) -> None:
        observation = self.live.observe()
        decision = self.policy.decide(self.goal, observation, tuple(self.done))
        picture = self.trace.picture(self.live.picture()) if self.trace else ""
        result = "not done"
        try:
            self._check(decision, observation)
            result = self._perform(decision.action, observation)
        except _End as end:
            result = str(end.reason)
            raise
        finally:
            if self.trace:
                target = element_of(decision.action, observation)
                self.trace.step(
                    decision=decision,
                    target=target,
                    picture=picture,
                    result=result,
                    decided_by=getattr(self.policy, "decided_by", "policy"),
                )

    def _check(self, decision: Decision, observation: Observation) -> None:
        action = decision.action
        if action.kind == "stop":
            raise _End(Reason.STOPPED, action.reason)
        if decision.confidence < self.limits.confidence:
            raise _End(Reason.UNSURE, f"{action.kind} with confidence {decision.confidence:.2f}")
        if action.kind == "finish":
            raise _End(Reason.FINISHED)
        target = element_of(action, observation)
        if action.target is not None and target is None:
            raise _End(Reason.IMPOSSIBLE, f"there is no element {action.target}")
        if self._repeated(action, observation) > self.limits.repeats:
            raise _End(Reason.STUCK, f"{action.kind} again and again on an unchanged page")
        risk = self.live.risk(action)
        if risk and not self.confirm(Question(risk, label_of(observation, action.target), action)):
            raise _End(Reason.DECLINED, f"{risk}: {label_of(observation, action.target)}")

    def _repeated(self, action: Action, observation: Observation) -> int:
        """How often this has been done before on a page that looked the same."""
        same = [d for d in self.done if d.action == action and d.observation == observation]
        return len(same) + 1

    def _perform(self, action: Action, observation: Observation) -> str:
        try:
            self.live.perform(action)
        except TargetGone as error:
            self._fail(Reason.TARGET_GONE, error)
            return "target gone"
        except TargetCovered as error:
            self._fail(Reason.TARGET_COVERED, error)
            return str(error)
        except PageGone:
            raise
        except ActionError as error:
            raise _End(Reason.IMPOSSIBLE, str(error)) from error
        self._failures = 0
        self.live.settle_after(action)
        changed = self.live.observe() != observation
        self.done.append(Done(action, element_of(action, observation), changed, observation))
        return "changed" if changed else "unchanged"

    def _fail(self, reason: Reason, error: ActionError) -> None:
        """The page changed under the decision: look again and decide anew, a few times."""
        self._failures += 1
        if self._failures >= self.limits.attempts:
            raise _End(reason, str(error)) from error
        self.live.settle()

    def _answer(self, dialog: Dialog) -> None:
        """A dialog of the browser holds the page until it is answered."""
        told = dialog.type == "alert"
        if told or self.confirm(Question("dialog", dialog.message, None)):
            dialog.accept()
        else:
            dialog.dismiss()


def element_of(action: Action, observation: Observation) -> Element | None:
    """The element an action is done on."""
    if action.target is None or not 0 <= action.target < len(observation.elements):
        return None
    return observation.elements[action.target]


def label_of(observation: Observation, index: int | None) -> str:
    """What an element is called: its name, else its text, else the texts inside it."""
    if index is None:
        return ""
    element = observation.elements[index]
    if element.name or element.text:
        return element.name or element.text
    inside = {index}
    texts = []
    for number in range(index + 1, len(observation.elements)):
        child = observation.elements[number]
        if child.parent not in inside:
            break
        inside.add(number)
        texts.append(child.text)
    return " ".join(filter(None, texts))
