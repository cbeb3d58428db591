import pytest
import torch

from lam_core.act_types import Action, Done, Goal
from lam_core.evaluate import Episode, Evaluation, difference, evaluate, mean_interval, wilson
from lam_core.model_release import load_release, shipped
from lam_core.observation import Observation
from lam_core.policy import ModelPolicy, with_slots
from tests.lam_core.demonstrations import button, element, page


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


def read(*elements) -> Observation:
    return Observation.model_validate(page(*elements), strict=False)


def test_what_had_no_effect_is_done_again_once_the_page_has_changed():
    policy = ModelPolicy(load_release(shipped()[-1]).model, finishes=False)
    seen, goal = read(button("Submit", 52), button("Close", 90)), Goal("Press Submit.")
    submit, close = seen.elements[1:]
    idle = Done(Action("click", target=1), submit, False, seen)
    closing = Done(Action("click", target=2), close, True, seen)
    assert policy.decide(goal, seen, []).action.target == 1
    assert policy.decide(goal, seen, [idle]).action.target == 2
    assert policy.decide(goal, seen, [idle, closing]).action.target == 1
    assert policy.decide(goal, seen, 3 * [idle, closing]).action.target == 2


def test_a_number_of_which_only_a_range_is_named_is_tried_out():
    policy = ModelPolicy(load_release(shipped()[-1]).model, finishes=False)
    seen = read(element("input", type="number", role="spinbutton"), button("Submit", 90))
    goal, history = Goal("Guess a number from 4 to 6 and press Submit."), list[Done]()
    for _ in range(20):
        action = policy.decide(goal, seen, history).action
        history.append(Done(action, seen.elements[action.target], True, seen))
    typed = [done.action.text for done in history if done.action.kind == "type"]
    assert typed[:3] == ["4", "5", "6"]


def test_slots_the_instruction_does_not_mention_are_named_at_its_end():
    assert with_slots(Goal("Log in as ann.", {"user": "ann"})) == "Log in as ann."
    assert with_slots(Goal("Log in.", {"user": "ann"})) == 'Log in. (user "ann")'


def test_intervals_of_shares():
    low, high = wilson(5, 10)
    assert 0.23 < low < 0.24
    assert 0.76 < high < 0.77
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean_interval([(10, 10)] * 4)[1] == 1.0


def test_two_arms_are_compared_on_the_episodes_that_both_made():
    def made(arm: str, task: str, *done: int) -> list[Episode]:
        return [Episode(arm, task, f"{n}", d, 1, "", 1, 1) for n, d in enumerate(done)]

    found = Evaluation(
        [
            *made("new", "one", 1, 1, 1, 1),
            *made("old", "one", 1, 1, 0, 0),
            *made("new", "two", 1, 0, 0),
            *made("old", "two", 0, 1),
            *made("new", "three", 1),
        ]
    )
    mean, low, high = difference(found, "new", "old")
    assert mean == 25, "half of one task better, the other the same"
    assert low < 0 < mean < high
    assert mean - low == pytest.approx(high - mean)
    assert difference(found, "old", "new") == pytest.approx((-mean, -high, -low))
    assert difference(found, "new", "none") == (0, -100, 100)
