import torch

from lam_core.act_types import Goal
from lam_core.evaluate import evaluate, mean_interval, wilson
from lam_core.model_release import load_release, shipped
from lam_core.observation import Observation
from lam_core.policy import ModelPolicy, with_slots
from tests.lam_core.demonstrations import page


def test_the_release_that_comes_along_does_fresh_tasks_in_a_browser(tmp_path):
    torch.set_num_threads(1)
    release = load_release(shipped()[-1])
    policy = ModelPolicy(release.model, finishes=False)
    tasks = ["click-button", "click-checkboxes", "enter-text", "login-user"]
    arms = {"model": lambda task: policy}
    log = tmp_path / "log.jsonl"
    found = evaluate(arms, tasks=tasks, episodes=2, seed="suite", log=log)
    assert sum(episode.done for episode in found.episodes) >= 6
    log.write_text(log.read_text() + '{"cut off')
    again = evaluate(arms, tasks=tasks, episodes=2, seed="suite", log=log)
    assert again.episodes == found.episodes, "nothing is done twice"


def test_a_page_without_anything_to_act_on_is_a_reason_to_stop():
    release = load_release(shipped()[-1])
    empty = Observation.model_validate(page(), strict=False).model_copy(update={"elements": ()})
    decision = ModelPolicy(release.model).decide(Goal("Click on OK."), empty, [])
    assert decision.action.kind == "stop"


def test_slots_the_instruction_does_not_mention_are_named_at_its_end():
    assert with_slots(Goal("Log in as ann.", {"user": "ann"})) == "Log in as ann."
    assert with_slots(Goal("Log in.", {"user": "ann"})) == 'Log in. (user "ann")'


def test_intervals_of_shares():
    low, high = wilson(5, 10)
    assert 0.23 < low < 0.24
    assert 0.76 < high < 0.77
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean_interval([(10, 10)] * 4)[1] == 1.0
