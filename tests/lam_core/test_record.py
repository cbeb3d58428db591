from random import Random

import pytest
from playwright.sync_api import sync_playwright

from lam_core.browser import FLAGS
from lam_core.miniwob import convert, read_recording, success
from lam_core.samples import record
from lam_core.schema import Source
from lam_core.verify import Attestation, History, assess, load_release


@pytest.fixture(scope="module")
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=record.chromium_path(), args=list(FLAGS)
        )
        yield browser.new_page()
        browser.close()


def test_a_task_recorded_in_a_real_browser_imports_as_a_sample(page, tmp_path):
    made = record.record(page, "click-tab", Random(5))
    path = record.write(tmp_path, made, "click-tab", "click-tab_live_d1")
    content = read_recording(path)
    assert content == made
    workflow = convert(content, task="click-tab", name="click-tab_live_d1")
    assert workflow.source is Source.SAMPLE
    (click,) = workflow.steps
    target = workflow.observations[click.observation].elements[click.target]
    assert target.text in workflow.task.instruction
    assert not {"hover", "focus"} & {part for name in target.classes for part in name.split("-")}
    history = History(attestation=Attestation(success(content)))
    assert assess(workflow, history, load_release("rules-2-demo")).accepted


def test_a_task_that_was_not_done_is_no_sample(page, monkeypatch):
    monkeypatch.setitem(record.TASKS, "click-tab", lambda page, instruction: iter(()))
    with pytest.raises(RuntimeError, match="was not done"):
        record.record(page, "click-tab", Random(5))


def test_without_any_browser_the_ways_to_get_one_are_named(monkeypatch):
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match="CHROMIUM_PATH"):
        record.chromium_path()
