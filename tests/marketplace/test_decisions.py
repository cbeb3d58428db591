"""What the model in force says where anchors fail, who may ask, and what is not taken."""

import gzip
import json
import logging
import shutil

import pytest
from django.core.cache import cache
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from accounts.models import Scope
from contributions.models import Kind
from lam_core.canonical import content_hash
from lam_core.model_release import default_release, read_manifest
from tests.factories import bearer, make_user
from tests.lam_core.demonstrations import button, element, page
from tests.points.makers import adopt, make_epoch

pytestmark = pytest.mark.django_db

URL = "/api/v1/decisions"
WORDS = ["Okay", "Cancel", "Previous", "Next"]


def question(word: str = "Okay", **changes):
    shown = page(*(button(each, 52 + 24 * row) for row, each in enumerate(WORDS)))
    asked = {
        "instruction": f'Click on the "{word}" button.',
        "observation": shown,
        "step": {"kind": "click", "tag": "button"},
        "done": [],
    }
    return {**asked, **changes}


def post(body, *scopes: str, user=None, **options):
    headers = bearer(user or make_user(), *(scopes or ("automate",)))
    return APIClient().post(URL, body, "json", headers=headers, **options)


def shipped_hash() -> str:
    return read_manifest(default_release())["hash"]


def test_the_model_finds_the_target_and_says_how_sure_it_is():
    for number, word in enumerate(WORDS, 1):
        answer = post(question(word)).json()
        assert answer["action"]["kind"] == "click"
        assert answer["action"]["target"] == number
        assert answer["stands_for_step"] is True
        assert 0.2 <= answer["confidence"] <= 1
        assert answer["release"] == shipped_hash()


def test_words_that_stay_on_the_device_are_still_told_apart():
    """The value is masked in the instruction and on the page; where it stands says which it is."""
    instruction = 'Click on the "****" button.'
    for row in range(len(WORDS)):
        shown = [button(each, 52 + 24 * at) for at, each in enumerate(WORDS)]
        shown[row] = {**shown[row], "text": "****", "said_at": [14, 18]}
        answer = post(question(instruction=instruction, observation=page(*shown))).json()
        assert answer["action"]["target"] == row + 1


def test_an_action_of_another_kind_does_not_stand_for_the_step():
    answer = post(question(step={"kind": "type", "tag": "input"})).json()
    assert answer["action"]["kind"] == "click"
    assert answer["stands_for_step"] is False


def test_text_is_a_span_of_the_instruction():
    empty = {"kind": "empty", "length": "0"}
    field = element("input", type="text", role="textbox", value=empty, id="tt")
    shown = page(field, button("Submit", 90))
    asked = question(
        instruction='Enter "*****" into the text field and press Submit.', observation=shown
    )
    answer = post({**asked, "step": {"kind": "type", "tag": "input"}}).json()
    assert (answer["action"]["kind"], answer["action"]["target"]) == ("type", 1)
    assert answer["action"]["text"] == [7, 12]
    span = {"source": "instruction", "start": 7, "end": 12}
    filled = {**field, "value": {"kind": "word", "length": "4-7"}, "value_at": [7, 12]}
    done = [{"kind": "type", "element": {**field, "parent": -1}, "text": span}]
    then = post({**asked, "observation": page(filled, button("Submit", 90)), "done": done}).json()
    assert (then["action"]["kind"], then["action"]["target"]) == ("click", 2)


OTHERS = [
    "Open", "Paid", "Late", "Orders", "Customers", "Reports", "Settings", "Help", "Export",
    "Import", "Print", "Share", "Copy", "Move", "Archive", "Delete", "Rename", "Sort", "Filter",
    "Next", "Previous", "First", "Last", "Home", "Back", "Forward", "Refresh", "Stop",
]  # fmt: skip


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        ("Press Like.", ["Like"] * 40),
        ("Press Submit.", OTHERS),
        ("Press Submit.", OTHERS[:4]),
        ("Press Submit.", OTHERS[:10]),
        ("Book a flight from Rome to Oslo.", OTHERS),
    ],
    ids=["alike", "none of many", "none of four", "none of ten", "another page"],
)
def test_what_it_is_unsure_of_it_does_not_say(instruction, words):
    shown = page(*(button(word, 20 * row) for row, word in enumerate(words)))
    answer = post(question(instruction=instruction, observation=shown)).json()
    assert answer["action"] is None
    assert answer["confidence"] < 0.2
    assert answer["stands_for_step"] is False


@pytest.mark.parametrize("word", ["Reports", "Archive", "Next"])
def test_what_is_there_by_name_it_is_sure_of(word):
    shown = page(*(button(each, 20 * row) for row, each in enumerate(OTHERS)))
    answer = post(question(instruction=f"Press {word}.", observation=shown)).json()
    assert answer["action"]["target"] == 1 + OTHERS.index(word)
    assert answer["confidence"] > 0.5


@pytest.mark.parametrize("elements", [[], [element("input", parent=-1, private=True)]])
def test_an_empty_page_and_a_private_field_are_nothing_to_act_on(elements):
    shown = {**page(), "elements": elements}
    assert post(question(observation=shown)).json()["action"] is None


def test_the_adopted_release_is_used_and_no_other_stands_in_for_it(settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    make_epoch(3)
    adopt(Kind.MODEL_RELEASE, "0x" + "7" * 64, epoch=4)
    assert post(question()).status_code == 200, "effective with the next epoch"
    other = tmp_path / "other"
    shutil.copytree(default_release(), other)
    manifest = read_manifest(other)
    manifest["made_of"]["config"]["seed"] = 99
    manifest["hash"] = content_hash(manifest["made_of"])
    (other / "manifest.json").write_text(json.dumps(manifest))
    adopt(Kind.MODEL_RELEASE, manifest["hash"], epoch=3, block=2)
    assert post(question()).json()["release"] == manifest["hash"] != shipped_hash()
    adopt(Kind.MODEL_RELEASE, "0x" + "8" * 64, epoch=3, block=3)
    away = post(question())
    assert away.status_code == 503
    assert "0x8888" in away.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"instruction": ""}, "/instruction"),
        ({"instruction": "x" * 2_001}, "/instruction"),
        ({"observation": {"elements": [element("a", parent=5)]}}, "/observation/elements/0/parent"),
        ({"observation": page(element("input", private=True, name="x"))}, "/observation"),
        ({"observation": page({**button("x", 1), "said_at": [4, 90]})}, "/observation/elements/1"),
        ({"step": {"kind": "dance"}}, "/step/kind"),
        ({"done": [{"kind": "click"}]}, "/done/0/element"),
        ({"done": [{"kind": "click", "element": element("a", parent=-1)}] * 201}, "/done"),
        ({"values": {"city": "Oslo"}}, "/values"),
        (
            {"observation": {**page(), "page": {"origin": "https://mail.google.com"}}},
            "/observation/page",
        ),
        ({"observation": {**page(), "page": {"origin": "https://a b"}}}, "/observation/page"),
    ],
)
def test_what_is_wrong_is_named(changes, pointer):
    answer = post(question(**changes))
    assert answer.status_code == 400, answer.content
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


def test_large_and_packed_bodies():
    headers = {**bearer(make_user()), "content-encoding": "gzip"}
    packed = gzip.compress(json.dumps(question()).encode())
    kind = "application/json"
    assert APIClient().post(URL, packed, content_type=kind, headers=headers).status_code == 200
    bomb = gzip.compress(b" " * (4 * 1024 * 1024 + 1))
    assert APIClient().post(URL, bomb, content_type=kind, headers=headers).status_code == 413
    assert post(question(instruction="x" * 5_000_000)).status_code == 413


@pytest.mark.parametrize("who", ["nobody", "without the scope", "a forged token"])
def test_nobody_else_may_ask(who):
    headers = {
        "nobody": {},
        "without the scope": bearer(make_user(), *(set(Scope.values) - {"automate"})),
        "a forged token": {"Authorization": "Bearer am_forged"},
    }[who]
    answer = APIClient().post(URL, question(), "json", headers=headers)
    assert answer.status_code == (403 if who == "without the scope" else 401)
    assert "action" not in answer.json()


def test_an_account_asks_only_so_often(monkeypatch):
    monkeypatch.setitem(api_settings.DEFAULT_THROTTLE_RATES, "decide", "2/min")
    cache.clear()
    user = make_user()
    assert [post(question(), user=user).status_code for _ in range(3)] == [200, 200, 429]
    assert post(question()).status_code == 200, "others are not held up"


def test_nothing_of_a_question_is_stored_or_logged(caplog, django_assert_num_queries):
    """Three statements: the token, the epoch, the adoption; none of them writes."""
    headers = bearer(make_user())
    caplog.set_level(logging.DEBUG)
    with django_assert_num_queries(3) as seen:
        answer = APIClient().post(URL, question("Previous"), "json", headers=headers)
    assert answer.json()["action"]["target"] == 3
    assert all(each["sql"].startswith("SELECT") for each in seen.captured_queries)
    assert "Previous" not in caplog.text
