"""Learning on from one's own rewarded attempts."""

import json
from dataclasses import replace

import pytest
import torch

from lam_core.act_types import Action, Done
from lam_core.attempts import (
    OWN,
    Attempt,
    Attempting,
    examples_of_attempt,
    next_attempt,
    rewarded_of,
)
from lam_core.card import CARD
from lam_core.dataset import Dataset, build, build_examples
from lam_core.evaluate import Episode, Evaluation
from lam_core.examples import examples_of
from lam_core.features import Kind
from lam_core.improve import (
    CANDIDATE,
    CONTROL,
    GATE,
    RESULT,
    Improved,
    Improvement,
    Plan,
    balanced,
    improve,
    worse_tasks,
)
from lam_core.model_release import (
    ModelRelease,
    ReleaseError,
    default_release,
    load_release,
    read_manifest,
)
from lam_core.observation import Observation
from lam_core.training import TrainingError
from lam_core.unlearn import affected, unlearn
from tests.lam_core.demonstrations import button, demonstrations, element, page

TASKS = ["click-button"]
PLAN = Plan(
    rounds=2, attempting=Attempting(attempts=3, enough=2), weight=4, steps=2, gate_episodes=1
)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def trained_on(data: Dataset) -> ModelRelease:
    """The release that comes along, as if it were of this data."""
    release = load_release(default_release())
    made_of = {**release.manifest["made_of"], "data": data.digest()}
    return replace(release, manifest={**release.manifest, "made_of": made_of})


def test_rounds_are_kept_and_gone_on_from(tmp_path):
    data = build(demonstrations())
    told: list[str] = []
    first = Improvement(data, trained_on(data), tmp_path, TASKS, PLAN, told.append).run()
    made = [*tmp_path.glob("attempts/round-*/*.json")]
    assert len(made) == PLAN.rounds * len(TASKS)
    assert 0 < first.rewarded <= first.attempts <= len(made) * PLAN.attempting.attempts
    assert "click-button: 2 of 2 attempts rewarded" in told
    for arm in (CONTROL, CANDIDATE):
        assert load_release(tmp_path / arm).manifest["data"]["examples"] == len(data.decided)
    assert first.accepted == (first.after > max(first.before, first.control))
    assert first.accepted == (tmp_path / "model.safetensors").exists()
    assert json.loads((tmp_path / RESULT).read_text()) == first.document()
    kept = {path: path.read_bytes() for path in (*made, tmp_path / GATE)}
    assert Improvement(data, trained_on(data), tmp_path, TASKS, PLAN).run() == first
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_release_of_other_data_is_refused(tmp_path):
    with pytest.raises(ReleaseError, match="not trained on this data"):
        improve(
            build(demonstrations()),
            trained=default_release(),
            out=tmp_path,
            tasks=TASKS,
            plan=PLAN,
        )
    assert not list(tmp_path.iterdir())


def test_what_is_reward_trained_says_so_and_can_not_be_forgotten_from(tmp_path):
    data = build(demonstrations())
    improvement = Improvement(
        data, trained_on(data), tmp_path, ["click-button", "click-test"], PLAN
    )
    own = [attempts_at("click-test", 3)]
    result = Improved(8, 3, 50, 50, 60, ["click-button"], accepted=True)
    improvement.write(improvement.trained("round-2", own), own, result, tmp_path)
    manifest = read_manifest(tmp_path)
    assert manifest["metrics"]["reward_trained"] == {
        "base": improvement.base.hash,
        "rounds": 2,
        "attempts": 8,
        "rewarded": 3,
        "tasks": ["click-test"],
    }
    assert manifest["data"]["examples"] == len(data.decided), "what people recorded"
    assert manifest["made_of"]["data"] != data.digest()
    assert "3 of 8 own attempts" in (tmp_path / CARD).read_text()
    somebody = data.contributors[0]
    assert affected(somebody, tmp_path) == {f"{default_release().name}-improved": True}
    with pytest.raises(TrainingError, match="forget in that one"):
        unlearn(data, contributor=somebody, trained=tmp_path, out=tmp_path / "without")


def attempts_at(task: str, count: int) -> Dataset:
    examples = list(examples_of(demonstrations()[0][1]))
    return build_examples((OWN, task, number, examples) for number in range(count))


def test_attempts_at_a_task_count_the_same_however_many_there_are():
    made = balanced([attempts_at("few", 2), attempts_at("many", 5), attempts_at("few", 1)], 15)
    assert [data.tasks[0] for data in made] == 5 * ["few"] + 3 * ["many"] + 5 * ["few"]
    assert len(balanced([attempts_at("many", 5)], 1)) == 1


def test_an_episode_is_tried_until_it_is_rewarded_and_a_task_until_it_is_enough():
    def tried(outcomes: str, **how: int) -> list[tuple[int, int]]:
        """What is tried when attempts end so: + rewarded, - not."""
        made: list[Attempt] = []
        for outcome in outcomes:
            following = next_attempt(made, Attempting(tries=2, **how))
            if following is None:
                break
            made.append(Attempt(*following, [] if outcome == "+" else None))
        return [(attempt.episode, attempt.tried) for attempt in made]

    assert tried("+-+--+") == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0)]
    assert len(tried("++++", enough=3)) == 3
    assert len(tried("-----", hopeless=4)) == 4
    assert len(tried("+----", hopeless=4)) == 5, "there is hope"
    assert len(tried("-----", attempts=2)) == 2


@pytest.mark.parametrize(("rewarded", "teaches"), [(0, 0), (1, 0), (2, 1), (19, 1), (20, 0)])
def test_tasks_done_by_luck_or_already_known_teach_nothing(tmp_path, rewarded, teaches):
    attempts_at("click-test", 3).save(tmp_path / "click-test.npz")
    (tmp_path / "click-test.json").write_text(f'{{"attempts": 20, "rewarded": {rewarded}}}')
    assert len(rewarded_of(tmp_path)) == teaches


def test_attempts_teach_what_had_an_effect():
    observation = Observation.model_validate(
        page(element("input", type="text", role="textbox"), button("Submit", 90)), strict=False
    )
    field, submit = observation.elements[1:]
    history = [
        Done(Action("type", target=1, text="Ana"), field, True, observation),
        Done(Action("click", target=2), submit, False, observation),
        Done(Action("click", target=2), submit, True, observation),
        Done(Action("type", target=1, text="not in it"), field, True, observation),
    ]
    found = examples_of_attempt('Enter "Ana" and press Submit.', history)
    assert [example.correct[0][1] for example in found] == [Kind.TYPE, Kind.CLICK]
    first, last = found[0].span or (-1, -1)
    assert [token.word for token in found[0].features.tokens[first : last + 1]] == ["ana"]


def test_tasks_that_got_worse_by_more_than_one_episode_are_rolled_back():
    def made(arm: str, task: str, done: int) -> list[Episode]:
        rewards = [1.0] * done + [0.0] * (5 - done)
        return [Episode(arm, task, f"{n}", r, 1, "", 1, 1) for n, r in enumerate(rewards)]

    counts = {"much": (5, 3), "little": (5, 4), "better": (1, 5)}
    judged = Evaluation(
        [
            episode
            for task, (before, after) in counts.items()
            for arm, done in (("before", before), ("after", after))
            for episode in made(arm, task, done)
        ]
    )
    assert worse_tasks(judged, list(counts)) == ["much"]
