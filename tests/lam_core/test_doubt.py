"""Pages without what is asked for, and learning to leave them alone."""

import json

import numpy as np
import pytest
import torch

from lam_core.batches import collate
from lam_core.dataset import build
from lam_core.doubt import learn_to_doubt
from lam_core.doubtful import doubtful_of, without
from lam_core.examples import examples_of
from lam_core.features import Kind
from lam_core.model import DOUBT, Shape, make
from lam_core.observation import Observation
from lam_core.training import Config, Trainer
from lam_core.words import tokens_of
from tests.lam_core.demonstrations import (
    button,
    click,
    demonstrations,
    element,
    enter_word,
    page,
    press_button,
    workflow,
)

SMALL = Shape(width=32, layers=1, heads=2, embedding=16, dropout_percent=0)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def said(example) -> list[str]:
    return [node.text for node in example.features.page.nodes if node.text]


def asked(workflow) -> list[list[str]]:
    """What the pages without what was asked for say, where they are asked as the person was."""
    tokens = tokens_of(workflow.task.instruction)
    return [
        said(example)
        for example in doubtful_of(workflow)
        if example.features.tokens == tokens and not example.correct
    ]


def test_the_button_that_is_asked_for_is_taken_out_and_the_others_stay():
    assert asked(press_button("Ana", ["Bo", "Cid"], name="one")) == [["Bo", "Cid"]]


def test_all_that_say_the_same_are_taken_out_with_what_is_in_them():
    shown = page(
        button("Yes", 20), element("div", text=""), button("Yes please", 60), button("No", 80)
    )
    shown["elements"][3]["parent"] = 2
    made = workflow('Click on the "Yes" button.', [shown], [click(0, 1, 900)])
    assert asked(made) == [["No"]]


def test_of_a_page_to_type_into_no_field_is_left_and_of_one_to_send_no_button():
    assert sorted(asked(enter_word("Ana", name="one"))) == [[], ["Submit"]]


def test_where_the_target_is_not_called_by_name_nothing_is_taken_out():
    shown = page(button("Ana", 20), button("Bo", 60))
    assert asked(workflow("Do the other thing.", [shown], [click(0, 1, 900)])) == []


def test_asked_plainly_a_page_holds_what_it_says_and_without_it_does_not():
    made = press_button("Ana", ["Bo", "Cid"], name="one")
    plain = [each for each in doubtful_of(made) if said(each) not in asked(made)]
    (held,) = [each for each in plain if each.correct]
    ((position, kind),) = held.correct
    name = held.features.page.nodes[position].text
    assert kind is Kind.CLICK
    assert name.lower() in [token.word for token in held.features.tokens]
    assert sum(name not in said(each) for each in plain if not each.correct) in (0, 1)
    assert all(len(said(each)) == 2 for each in plain if not each.correct)


def test_taking_elements_out_keeps_a_tree_with_its_frames():
    shown = page(element("div"), element("iframe", 1), element("p", 0, text="kept", frame=0))
    shown["frames"] = [{"owner": 2, "page": None}]
    observation = Observation.model_validate_json(json.dumps(shown))
    left = without(observation, {1})
    assert [each.tag for each in left.elements] == ["body", "p"]
    Observation.model_validate_json(left.model_dump_json())


def test_examples_for_doubt_depend_on_their_workflow_alone_and_are_no_decisions():
    one = press_button("Ana", ["Bo", "Cid"], name="one")
    data, alone = build([*demonstrations(3), ("eve", one)]), build([("eve", one)])
    own = data.select(np.flatnonzero(data.rows["contributor"] == data.contributors.index("eve")))
    assert np.array_equal(own.flat["dense"], alone.flat["dense"])
    assert len(alone.decided) == len(list(examples_of(one)))
    assert len(alone.doubtful) == len(list(doubtful_of(one))) > 0


def test_training_takes_its_steps_on_decisions_alone(tmp_path):
    data, config = build(demonstrations()), Config(shape=SMALL, steps=6, batch=4, warmup=1)
    assert len(data.doubtful)
    weights = []
    for name, seen in (("with", data), ("without", data.select(data.decided))):
        trainer = Trainer(seen, config, tmp_path / name)
        trainer.run()
        weights.append(trainer.weights_digest())
    assert weights[0] == weights[1]


def test_what_was_learned_before_stays_bit_for_bit(tmp_path):
    data, config = build(demonstrations()), Config(shape=SMALL, steps=3, batch=4, warmup=1)
    trainer = Trainer(data, config, tmp_path)
    trainer.run()
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    learn_to_doubt(trainer.model, data, config)
    after = trainer.model.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed
    assert all(name.startswith(DOUBT) for name in changed)
    again = make(SMALL, seed=9)
    again.load_state_dict(before)
    learn_to_doubt(again, data, config)
    assert all(torch.equal(value, after[name]) for name, value in again.state_dict().items())


def test_a_page_without_the_button_is_doubted_and_one_with_it_is_not(tmp_path):
    data = build(demonstrations(30))
    config = Config(shape=SMALL, steps=150, batch=16, warmup=10, drop_words_percent=0)
    trainer = Trainer(data, config, tmp_path)
    trainer.run()
    learn_to_doubt(trainer.model, data, config)
    model = trainer.model.eval()
    batch = collate(data, np.arange(len(data)))
    with torch.inference_mode():
        doubts = model.doubts(model(batch), batch).numpy()
    nothing = np.diff(data.ends["correct"], prepend=0) == 0
    assert doubts[data.decided].mean() < 0.25 < 0.75 < doubts[nothing].mean()


def test_without_examples_for_doubt_little_is_doubted():
    data = build(demonstrations())
    data = data.select(data.decided)
    model = make(SMALL, seed=1).eval()
    learn_to_doubt(model, data, Config(shape=SMALL))
    batch = collate(data, np.arange(len(data)))
    with torch.inference_mode():
        assert float(model.doubts(model(batch), batch).max()) <= 0.3 + 1e-6
