"""From one recording an automation with parameters, run on pages that have changed.

The rule for making it and for finding its targets again is the extension's, in the page script
(extension/src/repeat, extension/src/anchors): there is no second one here. A step whose target is
missing or ambiguous is never guessed; where there is a policy, it takes over for that step, and
for all of them where the values can't be told.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from lam_core.act import Confirm, Question, Reason, decline, element_of, label_of
from lam_core.act_types import Action, Done, Goal, Policy
from lam_core.browser_page import ActionError, LivePage, PageGone, TargetCovered, TargetGone
from lam_core.observation import Observation
from lam_core.schema import Workflow
from lam_core.steps import Modifier, NamedKey
from lam_core.takeover import CONFIDENCE, is_sure, stands_for

Document = dict[str, Any]
PATIENCE_MS = 3_000


class AutomationError(ValueError):
    """The recording can't be repeated, or the values given do not fit it."""


class NoValue(AutomationError):
    """A parameter has no value: none was given, and the instruction is of another form."""


class Surface(Protocol):
    """What an automation runs on: a page, or an episode of a task."""

    live: LivePage

    def observe(self) -> Observation:
        """What it shows now."""
        ...

    def perform(self, action: Action) -> bool:
        """Carry out an action and wait for its effects; whether there is more to do."""
        ...


@dataclass
class PageSurface:
    """A page on its own: it never says by itself that the work is done."""

    live: LivePage

    def observe(self) -> Observation:
        """What it shows now."""
        return self.live.observe()

    def perform(self, action: Action) -> bool:
        """Carry out an action and wait for its effects."""
        self.live.perform(action)
        self.live.settle_after(action)
        return True


@dataclass(frozen=True, slots=True)
class Automation:
    """One recording made repeatable; `document` is extension/src/repeat/automation.ts's."""

    document: Document

    @property
    def parameters(self) -> list[str]:
        """The names of its inputs."""
        return [parameter["name"] for parameter in self.document["parameters"]]

    @property
    def steps(self) -> list[Document]:
        """Its steps."""
        steps: list[Document] = self.document["steps"]
        return steps


def make(workflow: Workflow, live: LivePage) -> Automation:
    """Make an automation of a recording, in any page. Raises AutomationError, PageGone."""
    automation = Automation(live.call("actionModel.automationOf(argument)", workflow.document()))
    if not automation.steps:
        raise AutomationError("nothing in the recording can be repeated")
    return automation


def values_for(automation: Automation, goal: Goal, live: LivePage) -> dict[str, str]:
    """The value of every parameter: by name, else from an instruction of the recorded form.

    Raises NoValue naming what is missing, AutomationError for names that are not parameters.
    """
    strange = [name for name in goal.slots if name not in automation.parameters]
    if strange:
        known = ", ".join(automation.parameters) or "none"
        raise AutomationError(f"no parameter {', '.join(strange)}: there is {known}")
    told = live.call("actionModel.valuesFrom(...argument)", [automation.document, goal.instruction])
    values = {**(told or {}), **goal.slots}
    missing = live.call("actionModel.missingValues(...argument)", [automation.document, values])
    if missing:
        raise NoValue(f"no value for {', '.join(missing)}")
    return values


@dataclass(frozen=True, slots=True)
class StepReport:
    """What became of a step: `by` is the anchor that found its target, or `model`."""

    recorded: int | None
    action: Action
    by: str
    label: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """How a run ended; `recorded` is the step it stopped at, as numbered in the recording."""

    reason: Reason
    detail: str
    steps: tuple[StepReport, ...]
    recorded: int | None = None

    @property
    def finished(self) -> bool:
        """Whether every step was carried out."""
        return self.reason is Reason.FINISHED

    @property
    def by_model(self) -> int:
        """How many steps the model took over."""
        return sum(step.by == "model" for step in self.steps)


class _End(Exception):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


Watch = Callable[[StepReport], None]


def repeat(
    automation: Automation,
    goal: Goal,
    surface: Surface,
    *,
    policy: Policy | None = None,
    confirm: Confirm = decline,
    patience_ms: int = PATIENCE_MS,
    watch: Watch = lambda report: None,
) -> Repeated:
    """Run an automation for a goal, by anchors and, with a policy, by it where they fail.

    Raises AutomationError for values that are missing and that no policy could do without, and
    for names that are not parameters.
    """
    try:
        values: Mapping[str, str] | None = values_for(automation, goal, surface.live)
    except NoValue:
        if policy is None or not goal.instruction:
            raise
        values = None
    if policy and _asks_for_something_else(automation, goal):
        values = None
    return Repeater(
        automation,
        goal,
        surface,
        values,
        policy=policy,
        confirm=confirm,
        patience_ms=patience_ms,
        watch=watch,
    ).run()


def _asks_for_something_else(automation: Automation, goal: Goal) -> bool:
    """Whether another instruction is given to what would do the same whatever is asked."""
    if goal.instruction in ("", automation.document["instruction"]) or automation.parameters:
        return False
    options = [step["option"] or {} for step in automation.steps]
    return all(option.get("from") != "instruction" for option in options)


@dataclass
class Repeater:
    """One run of an automation; `policy` takes over steps whose target is not found.

    Without `values` it takes over all. `patience_ms` is how long a target is waited for,
    `confidence` what a policy's decision needs.
    """

    automation: Automation
    goal: Goal
    surface: Surface
    values: Mapping[str, str] | None
    policy: Policy | None = None
    confirm: Confirm = decline
    patience_ms: int = PATIENCE_MS
    confidence: float = CONFIDENCE
    attempts: int = 3
    model_steps: int = 20
    watch: Watch = lambda report: None
    _reports: list[StepReport] = field(default_factory=list)
    _history: list[Done] = field(default_factory=list)
    _pending: deque[Document] = field(default_factory=deque)

    def run(self) -> Repeated:
        """Carry out the steps in order until the end, or the first that must not be guessed."""
        self._pending = deque(self.automation.steps)
        try:
            while self._pending and self._next():
                pass
            return Repeated(Reason.FINISHED, "", tuple(self._reports))
        except _End as end:
            reason, detail = end.reason, end.detail
        except PageGone as error:
            reason, detail = Reason.PAGE_GONE, str(error)
        recorded = self._pending[0]["recorded"] if self._pending else None
        return Repeated(reason, detail, tuple(self._reports), recorded)

    def _next(self) -> bool:
        """Do the first pending step; whether there is more to do."""
        step = self._pending[0]
        observation, resolved = self._resolve(step)
        if resolved["kind"] == "split":
            self._pending.popleft()
            self._pending.extendleft(reversed(resolved["steps"]))
            return True
        if resolved["kind"] == "ready" and resolved["option"] is None:
            resolved = self._option_named(resolved)
        if resolved["kind"] != "ready":
            return self._take_over(step, observation, resolved)
        action = action_of(step, resolved, observation)
        goes_on = self._perform(action, observation, step["recorded"], resolved["by"] or "recorded")
        if goes_on is None:
            return True
        self._pending.popleft()
        return goes_on

    def _resolve(self, step: Document) -> tuple[Observation, Document]:
        """Look for the target until it is there, as long as there is patience."""
        if self.values is None:
            return self.surface.observe(), {"kind": "missing", "what": "value"}
        until = monotonic() + self.patience_ms / 1000
        while True:
            observation = self.surface.observe()
            shown = observation.model_dump(mode="json", exclude_defaults=True)
            arguments = [step, shown, dict(self.values)]
            resolved: Document = self.surface.live.call(
                "actionModel.resolve(...argument)", arguments
            )
            if resolved["kind"] in ("ready", "split") or monotonic() >= until:
                return observation, resolved
            self.surface.live.page.wait_for_timeout(100)

    def _option_named(self, resolved: Document) -> Document:
        """Choose the option that the instruction names: what was chosen was not recorded."""
        target = self._as_live(Action("select", target=resolved["target"])).target
        named = self.surface.live.call(
            "actionModel.optionNamed(...argument)", [target, self.goal.instruction]
        )
        return {**resolved, "option": named} if named else {"kind": "missing", "what": "option"}

    def _perform(
        self, action: Action, observation: Observation, recorded: int | None, by: str
    ) -> bool | None:
        """Whether there is more to do; None when the page changed and it must be tried anew."""
        label = label_of(observation, action.target)
        risk = self.surface.live.risk(self._as_live(action))
        if risk and not self.confirm(Question(risk, label, action)):
            raise _End(Reason.DECLINED, f"{risk}: {label}")
        try:
            goes_on = self.surface.perform(action)
        except (TargetGone, TargetCovered) as error:
            self.attempts -= 1
            if self.attempts <= 0:
                covered = isinstance(error, TargetCovered)
                reason = Reason.TARGET_COVERED if covered else Reason.TARGET_GONE
                raise _End(reason, str(error)) from error
            self.surface.live.page.wait_for_timeout(200)
            return None
        except PageGone:
            raise
        except ActionError as error:
            raise _End(Reason.IMPOSSIBLE, str(error)) from error
        report = StepReport(recorded, action, by, label)
        self._reports.append(report)
        self._history.append(Done(action, element_of(action, observation), True, observation))
        self.watch(report)
        return goes_on

    def _as_live(self, action: Action) -> Action:
        on_page: Callable[[Action], Action] | None = getattr(self.surface, "on_page", None)
        return on_page(action) if on_page else action

    def _take_over(self, step: Document, observation: Observation, resolved: Document) -> bool:
        """Let the model act; where it did what the step would have done, the recording goes on.

        Else the step is looked for again on what the page shows now.
        """
        if self.policy is None:
            raise _End(*_unresolved(step, resolved))
        decision = self.policy.decide(self.goal, observation, tuple(self._history))
        action = decision.action
        if not is_sure(decision, self.confidence) or not self.model_steps:
            raise _End(*_unresolved(step, resolved))
        if action.kind == "finish":
            self._pending.clear()
            return False
        self.model_steps -= 1
        goes_on = self._perform(action, observation, None, "model")
        if goes_on and self.values is not None and _stands_for(step, action, observation):
            self._pending.popleft()
        return goes_on is None or goes_on


def action_of(step: Document, resolved: Document, observation: Observation) -> Action:
    """The action of a resolved step."""
    target, kind = resolved["target"], step["kind"]
    text = resolved["option"] if kind == "select" else resolved["text"]
    return Action(
        kind,
        target=target,
        text=text,
        key=NamedKey(step["key"]) if step["key"] else None,
        modifiers=tuple(Modifier(name) for name in step["modifiers"]),
        drop=resolved["drop"],
        to=_drop_point(step, target, observation) if kind == "drag" else None,
        offset=_offset(step, target, observation),
        button=step["button"],
        count=step["count"],
        url=step["url"],
    )


def _stands_for(step: Document, action: Action, observation: Observation) -> bool:
    tag = step["target"] and step["target"]["tag"]
    return stands_for(action, element_of(action, observation), kind=step["kind"], tag=tag)


def _offset(step: Document, target: int | None, observation: Observation) -> tuple[int, int] | None:
    if target is None or step["at"] is None:
        return None
    _, _, width, height = observation.elements[target].box
    return width * step["at"][0] // 1000, height * step["at"][1] // 1000


def _drop_point(
    step: Document, target: int | None, observation: Observation
) -> tuple[int, int] | None:
    if target is None or step["by"] is None:
        return None
    left, top, width, height = observation.elements[target].box
    return left + width // 2 + step["by"][0], top + height // 2 + step["by"][1]


def _unresolved(step: Document, resolved: Document) -> tuple[Reason, str]:
    target = step["target"] or {}
    called = " ".join(filter(None, (target.get("role") or target.get("tag"), target.get("label"))))
    if resolved["kind"] == "ambiguous":
        return Reason.TARGET_AMBIGUOUS, f"{len(resolved['candidates'])} could be: {called}"
    return Reason.TARGET_MISSING, f"no {resolved['what']} for {step['kind']}: {called}"


def used(steps: Sequence[StepReport]) -> str:
    """Which anchors found the targets, and what the model did: `label 3, id 1, model 1`."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.by] = counts.get(step.by, 0) + 1
    return ", ".join(f"{by} {count}" for by, count in counts.items())
