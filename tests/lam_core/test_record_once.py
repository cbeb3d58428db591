"""One recording, run with other values on pages that changed."""

import json
import subprocess
import sys

import pytest

from lam_core.act import Reason, allow
from lam_core.act_types import Action, Decision, Goal
from lam_core.browser import open_browser
from lam_core.literal_replay import WAYS, replay
from lam_core.miniwob import convert
from lam_core.miniwob_env import Episodes
from lam_core.record_once import AutomationError, NoValue, Repeater, make, used, values_for
from lam_core.record_once import repeat as run_automation
from lam_core.samples import FOLDER
from tests.lam_core.recordings import sample

SEEDS = (101, 102, 103)


@pytest.fixture(scope="module")
def episodes():
    with open_browser() as browser:
        yield Episodes(browser, limit_ms=60_000)


def recorded(task: str, name: str = "sample1"):
    name = f"{task}_{name}_d1"
    return convert(sample(name), task=task, name=name)


def repeat(episodes: Episodes, automation, goal: Goal, **options):
    values = values_for(automation, goal, episodes.live)
    options = {"confirm": allow, "patience_ms": 300} | options
    return Repeater(automation, goal, episodes, values, **options).run()


@pytest.mark.parametrize(
    "task",
    ["click-button", "click-link", "click-tab", "click-checkboxes", "enter-text", "login-user"],
)
def test_one_recording_does_other_instances_of_its_task(episodes, task):
    episodes.start(task, 0)
    automation = make(recorded(task), episodes.live)
    for seed in SEEDS:
        goal = episodes.start(task, seed)
        repeated = repeat(episodes, automation, goal)
        assert episodes.reward() == 1, f"{goal.instruction}: {repeated.reason} {repeated.detail}"
        assert repeated.by_model == 0


def test_literal_replay_does_not(episodes):
    workflow = recorded("login-user")
    for way in WAYS:
        for seed in SEEDS:
            episodes.start("login-user", seed)
            replay(workflow, way, episodes)
            assert episodes.reward() != 1


def test_literal_replay_repeats_the_recorded_instance(episodes):
    """So that the baseline is known to press and type at all."""
    for way in WAYS:
        episodes.start("click-test", 1)
        workflow = recorded("click-button").model_copy()
        done = make(workflow, episodes.live)
        assert done.parameters == ["button"]
        goal = episodes.start("click-button", 101)
        label = goal.instruction.split('"')[1]
        observation = episodes.observe()
        target = next(i for i, e in enumerate(observation.elements) if e.text == label)
        step = workflow.steps[0].model_copy(update={"observation": 0, "target": target})
        same = workflow.model_copy(update={"observations": (observation,), "steps": (step,)})
        replay(same, way, episodes)
        assert episodes.reward() == 1


def test_values_are_parameters_named_after_their_fields(episodes):
    episodes.start("login-user", 7)
    automation = make(recorded("login-user"), episodes.live)
    assert automation.parameters == ["username", "password"]
    goal = Goal("log in", {"username": "ada", "password": "xyz"})
    assert values_for(automation, goal, episodes.live) == goal.slots
    with pytest.raises(AutomationError, match="no value for username, password"):
        values_for(automation, Goal("log in"), episodes.live)
    with pytest.raises(AutomationError, match="no parameter user: there is username, password"):
        values_for(automation, Goal("log in", {"user": "ada"}), episodes.live)


def test_a_list_may_be_longer_shorter_or_empty(episodes):
    episodes.start("click-checkboxes", 0)
    names = [f"sample{number}" for number in (1, 2, 3)]
    automations = [make(recorded("click-checkboxes", name), episodes.live) for name in names]
    automation = next(a for a in automations if any(step["list"] for step in a.steps))
    counts = set()
    for seed in range(101, 109):
        goal = episodes.start("click-checkboxes", seed)
        repeat(episodes, automation, goal)
        assert episodes.reward() == 1, goal.instruction
        counts.add(0 if "nothing" in goal.instruction else goal.instruction.count(",") + 1)
    assert len(counts) > 2


def test_a_missing_target_stops_at_its_step_and_presses_nothing(episodes):
    goal = episodes.start("click-button", 5)
    automation = make(recorded("click-button"), episodes.live)
    repeated = repeat(episodes, automation, Goal("", {"button": "no such button"}))
    assert repeated.reason is Reason.TARGET_MISSING
    assert repeated.recorded == 0
    assert repeated.steps == ()
    assert not episodes.done(), goal.instruction


def test_a_step_that_can_not_be_taken_back_needs_a_yes(episodes):
    goal = episodes.start("enter-text", 5)
    automation = make(recorded("enter-text"), episodes.live)
    repeated = repeat(episodes, automation, goal, confirm=lambda question: False)
    assert repeated.reason is Reason.DECLINED
    assert "submit: Submit" in repeated.detail
    assert not episodes.done()


class Knows:
    """A policy that presses the element with a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def decide(self, goal, observation, history) -> Decision:
        found = (i for i, e in enumerate(observation.elements) if e.text == self.text)
        return Decision(Action("click", target=next(found)))


def test_the_model_takes_over_where_anchors_fail_and_it_is_said(episodes):
    goal = episodes.start("click-button", 5)
    wanted = goal.instruction.split('"')[1]
    automation = make(recorded("click-button"), episodes.live)
    asked = Goal(goal.instruction, {"button": "no such button"})
    repeated = repeat(episodes, automation, asked, policy=Knows(wanted))
    assert episodes.reward() == 1
    assert repeated.by_model == 1
    assert used(repeated.steps) == "model 1"


def test_an_instruction_of_another_form_is_left_to_the_model_if_there_is_one(episodes):
    goal = episodes.start("click-button", 5)
    wanted = goal.instruction.split('"')[1]
    automation = make(recorded("click-button"), episodes.live)
    asked = Goal(f"Please press {wanted}")
    with pytest.raises(NoValue, match="no value for button"):
        run_automation(automation, asked, episodes, confirm=allow, patience_ms=300)
    repeated = run_automation(
        automation, asked, episodes, policy=Knows(wanted), confirm=allow, patience_ms=300
    )
    assert episodes.reward() == 1
    assert used(repeated.steps) == "model 1"


def test_what_would_do_the_same_whatever_is_asked_is_not_repeated_for_something_else(episodes):
    episodes.start("click-button", 5)
    workflow = recorded("click-button")
    task = workflow.task.model_copy(update={"instruction": "Do it."})
    automation = make(workflow.model_copy(update={"task": task}), episodes.live)
    assert automation.parameters == []
    goal = episodes.start("click-button", 5)
    wanted = goal.instruction.split('"')[1]
    repeated = run_automation(
        automation, goal, episodes, policy=Knows(wanted), confirm=allow, patience_ms=300
    )
    assert episodes.reward() == 1
    assert used(repeated.steps) == "model 1"


FORM = """<!doctype html><title>-</title><h2>Account</h2>
<form onsubmit="document.title = [this.user.value, this.word.value]; return false">
<p>Please sign in</p>
<div><label for=p>Password</label><input name=word id=p type=password></div>
<section><label for=u>Username</label><input name=user id=u></section>
<button>Login</button></form>"""


def command(*arguments: str) -> tuple[int, dict, str]:
    """A command in a process of its own: exit status, what it printed as JSON, and said."""
    done = subprocess.run(
        [sys.executable, "-m", "lam_core", *arguments, "--json"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_the_command_runs_a_recording_on_a_page_made_otherwise(tmp_path):
    recording = str(FOLDER / "login-user" / "login-user_sample1_d1.json.gz")
    page = tmp_path / "form.html"
    page.write_text(FORM)
    run = ["record-once", recording, "--url", page.as_uri(), "--slot", "username=ada"]
    status, refused, _ = command(*run, "--slot", "password=x1")
    assert (status, refused["reason"], refused["detail"]) == (1, "declined", "submit: Login")
    status, done, said = command(*run, "--slot", "password=x1", "--yes")
    assert (status, done["reason"]) == (0, "finished"), said
    assert [step["by"] for step in done["steps"]] == ["label"] * len(done["steps"])
    status, _, said = command(*run)
    assert status == 2
    assert "no value for password" in said


def test_the_command_names_what_is_wrong_with_its_arguments(tmp_path):
    recording = str(FOLDER / "login-user" / "login-user_sample1_d1.json.gz")
    assert "name=value" in command("record-once", recording, "--slot", "nonsense")[2]
    broken = tmp_path / "w.json"
    broken.write_text("{")
    assert "Invalid JSON" in command("record-once", str(broken))[2]
