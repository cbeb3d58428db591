"""Learning on from one's own rewarded attempts."""

import json

import pytest
import torch

from lam_core.act_types import Action, Done
from lam_core.dataset import build
from lam_core.evaluate import Episode, Evaluation
from lam_core.features import Kind
from lam_core.improve import RESULT, Rounds, examples_of_attempt, improve, worse_tasks
from lam_core.model_release import default_release
from lam_core.observation import Observation
from tests.lam_core.demonstrations import button, demonstrations, element, page

TASKS = ["click-button", "click-test"]
ROUNDS = Rounds(episodes=2, kept_per_task=1, steps=2, gate_episodes=1)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def test_a_round_keeps_what_it_did_and_goes_on_from_it(tmp_path):
    data = build(demonstrations())
    told: list[str] = []
    options = {"trained": default_release(), "out": tmp_path, "tasks": TASKS, "rounds": ROUNDS}
    first = improve(data, tell=told.append, **options)
    assert 0 < first.rewarded <= len(TASKS) * ROUNDS.kept_per_task
    assert first.rewarded <= first.attempts
    assert (tmp_path / "control").is_dir()
    assert first.accepted == (first.after > max(first.before, first.control))
    assert first.accepted == (tmp_path / "model.safetensors").exists()
    assert json.loads((tmp_path / RESULT).read_text()) == first.document()
    kept = {p: p.read_bytes() for p in (tmp_path / "attempts.npz", tmp_path / "gate.jsonl")}
    again = improve(data, **options)
    assert again == first
    assert {path: path.read_bytes() for path in kept} == kept


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
