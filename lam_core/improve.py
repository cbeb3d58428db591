"""Self-training: learn on from one's own attempts that the page rewarded.

In each round the model as it has become so far makes attempts, and the release is trained anew on
demonstrations and all attempts yet, those left out at tasks that it does always or only by luck.
The tasks to improve are weighed evenly, the recordings of each and its rewarded attempts. Beside
the candidate a control is trained for as many steps on demonstrations alone, weighed likewise, so
that more training is not taken for better data. Tasks on which the candidate does worse than the
release it came from lose their attempts, and the candidate is trained anew without them. Attempts,
training and episodes are kept in the folder, so that a run that was stopped goes on where it was.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lam_core.attempts import Attempting, Tally, Tell, attempt_tasks, rewarded_of, tally_of
from lam_core.card import write_card
from lam_core.dataset import Dataset, concatenate, write_atomically
from lam_core.evaluate import Evaluation, Told, evaluate
from lam_core.model import ActionModel
from lam_core.model_release import ModelRelease, ReleaseError, load_release, write_release
from lam_core.policy import ModelPolicy
from lam_core.training import Config, Report, Trainer, config_of

GATE, RESULT, ATTEMPTS = "gate.jsonl", "result.json", "attempts"
CONTROL, CANDIDATE = "control", "candidate"
WARMUP = 50
MOST_COPIES = 10
"""Of one recording or attempt: of a single one nothing is learned but itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done: rounds of attempts, further steps, episodes of each task to judge by.

    Of each task the recordings count as about `weight`, and so do the rewarded attempts.
    """

    rounds: int = 1
    attempting: Attempting = field(default_factory=Attempting)
    weight: int = 200
    steps: int = 700
    rate_millionths: int = 500
    gate_episodes: int = 5
    gate_tasks: tuple[str, ...] = ()
    """Judged by these; none are those to improve, which lets others get worse unseen."""


@dataclass(slots=True)
class Improved:
    """What came of it, in percent of episodes done."""

    attempts: int
    rewarded: int
    before: float
    control: float
    after: float
    rolled_back: list[str] = field(default_factory=list)
    accepted: bool = False
    hash: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(slots=True)
class Improvement:
    """One run of self-training, in the folder `out`. `report` is told of training."""

    data: Dataset
    base: ModelRelease
    out: Path
    tasks: Sequence[str]
    plan: Plan
    tell: Tell = lambda text: None
    report: Report | None = None
    told: Told | None = None

    def run(self) -> Improved:
        """Write a better release to `out`, or none when it is not better than its control.

        Control and candidate stay below it as releases, so that they can be judged elsewhere too.
        Raises BrowserError, NoPage; ReleaseError when the release came of other data.
        """
        if self.base.manifest["made_of"]["data"] != self.data.digest():
            raise ReleaseError(f"{self.base.name} was not trained on this data")
        own = self._rounds()
        candidate = self.trained(f"round-{self.plan.rounds}", own)
        models = {"before": self.base.model, "control": self._control().model}
        judged, arm = self._judged({**models, "after": candidate.model}), "after"
        worse = worse_tasks(judged, sorted({_task_of(part) for part in own}))
        if worse:
            self.tell(f"worse and left out: {', '.join(worse)}")
            own = [part for part in own if _task_of(part) not in worse]
            candidate = self.trained("rolled-back", own)
            arm = "after rollback"
            judged = self._judged({**models, arm: candidate.model})
        result = self._result(judged, arm, worse)
        self.write(candidate, own, result, self.out / CANDIDATE)
        if result.accepted:
            result.hash = self.write(candidate, own, result, self.out)
        write_atomically(self.out / RESULT, json.dumps(result.document()).encode())
        return result

    def _rounds(self) -> list[Dataset]:
        """The rewarded attempts of all rounds, each made by the model that the last one gave."""
        model, own = self.base.model, list[Dataset]()
        for number in range(1, self.plan.rounds + 1):
            if number > 1:
                model = self.trained(f"round-{number - 1}", own).model
            folder = self.out / ATTEMPTS / f"round-{number}"
            how = self.plan.attempting
            attempt_tasks(
                model, self.tasks, replace(how, seed=f"{how.seed}-{number}"), folder, self.tell
            )
            own += rewarded_of(folder)
        return own

    def trained(self, name: str, own: list[Dataset]) -> Trainer:
        """The base trained further on demonstrations and own attempts, in the folder `name`."""
        self.tell(f"training {name}")
        folder, start = self.out / name, self.base.model.state_dict()
        trainer = Trainer(self._mixed(own), self._further(), folder, start=start)
        trainer.run(self.report)
        trainer.model.eval()
        return trainer

    def _control(self) -> Trainer:
        control = self.trained(CONTROL, [])
        name = f"{self.base.name}-{CONTROL}"
        write_release(
            control,
            self._mixed([]),
            self.out / CONTROL,
            name=name,
            metrics={},
            recorded=self.data,
        )
        return control

    def _mixed(self, own: list[Dataset]) -> Dataset:
        decisions = self.data.select(self.data.decided)
        recorded = [decisions.of_tasks([t]) for t in self.tasks if t in self.data.tasks]
        parts = balanced(recorded, self.plan.weight) + balanced(own, self.plan.weight)
        return concatenate([self.data, *parts])

    def _further(self) -> Config:
        made_of = self.base.manifest["made_of"]
        return replace(
            config_of(made_of["config"]),
            steps=self.plan.steps,
            rate_millionths=self.plan.rate_millionths,
            warmup=WARMUP,
            stages=((100, 100),),
            base=made_of["weights"],
        )

    def _judged(self, models: dict[str, ActionModel]) -> Evaluation:
        policies = {arm: ModelPolicy(model, finishes=False) for arm, model in models.items()}
        return evaluate(
            {arm: lambda task, policy=policy: policy for arm, policy in policies.items()},  # type: ignore[misc]
            tasks=self.plan.gate_tasks or self.tasks,
            episodes=self.plan.gate_episodes,
            seed=f"{self.plan.attempting.seed}-gate",
            log=self.out / GATE,
            told=self.told,
        )

    def _result(self, judged: Evaluation, arm: str, worse: list[str]) -> Improved:
        tally = sum((each for _, each in self._tallies()), Tally())
        before, control, after = (judged.mean(name) for name in ("before", "control", arm))
        return Improved(
            attempts=tally.attempts,
            rewarded=tally.rewarded,
            before=before,
            control=control,
            after=after,
            rolled_back=worse,
            accepted=after > max(before, control),
        )

    def _tallies(self) -> list[tuple[str, Tally]]:
        """The attempts at each task, round by round."""
        folders = [self.out / ATTEMPTS / f"round-{n}" for n in range(1, self.plan.rounds + 1)]
        return [pair for folder in folders for pair in tally_of(folder).items()]

    def write(self, candidate: Trainer, own: list[Dataset], result: Improved, folder: Path) -> str:
        """Write the candidate as a release with its card to a folder; returns its hash."""
        metrics = {
            "reward_trained": {
                "base": self.base.hash,
                "rounds": self.plan.rounds,
                "attempts": result.attempts,
                "rewarded": result.rewarded,
                "tasks": sorted({_task_of(part) for part in own}),
            }
        }
        name = f"{self.base.name}-improved"
        mixed = self._mixed(own)
        made = write_release(
            candidate, mixed, folder, name=name, metrics=metrics, recorded=self.data
        )
        write_card(folder)
        return str(made["hash"])


def balanced(parts: Sequence[Dataset], weight: int) -> list[Dataset]:
    """Datasets of one task each, those of a task repeated until they count as about `weight`.

    Training draws tasks by the number of their recordings, so tasks with few would be seldom seen.
    """
    counts: Counter[str] = Counter()
    for part in parts:
        counts[_task_of(part)] += len(set(part.rows["workflow"].tolist()))
    return [part for part in parts for _ in range(_copies(weight, counts[_task_of(part)]))]


def _task_of(part: Dataset) -> str:
    return part.tasks[part.rows["task"][0]]


def _copies(weight: int, count: int) -> int:
    return min(MOST_COPIES, max(1, round(weight / count)))


def worse_tasks(judged: Evaluation, tasks: Sequence[str]) -> list[str]:
    """Tasks done less often than before, by more than one episode."""

    def count(arm: str, task: str) -> int:
        return sum(episode.done for episode in judged.of(arm, task))

    return [task for task in tasks if count("after", task) < count("before", task) - 1]


def improve(
    data: Dataset, *, trained: Path, out: Path, tasks: Sequence[str], plan: Plan, **told: Any
) -> Improved:
    """Self-training of the release in `trained`, in the folder `out`: see Improvement.run."""
    return Improvement(data, load_release(trained), out, tasks, plan, **told).run()
