import json
import random
from statistics import fmean
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam_core import bots
from lam_core.release import Release, ReleaseError, releases
from lam_core.schema import Workflow, parse_workflow
from lam_core.verify import (
    Attestation,
    Goal,
    History,
    Reason,
    Trace,
    TraceError,
    Verdict,
    assess,
    load_release,
    shape_key,
    trace,
)
from tests.lam_core.recordings import accepted_samples
from tests.lam_core.workflows import click, typing, workflow_document

RULES = load_release("rules-1")
DEMO = load_release("rules-1-demo")
DONE = Attestation(success=True, operator="0x" + "1" * 40)


@pytest.fixture(scope="module")
def people() -> tuple[list[Workflow], dict[str, list[Trace]]]:
    return accepted_samples(DEMO)


def workflow(*steps, **changes) -> Workflow:
    document = workflow_document(**changes)
    return parse_workflow(document | ({"steps": list(steps)} if steps else {}))


def verdict(work: Workflow, *earlier: Workflow, attestation=DONE, release=RULES) -> Verdict:
    return assess(work, History(tuple(trace(w) for w in earlier), attestation), release)


def test_real_attested_work_is_accepted_and_its_actions_counted():
    given = verdict(workflow())
    assert given.accepted
    assert given.reasons == ()
    assert given.verified_actions == 2
    assert given.goal is Goal.ATTESTED
    assert 0 < given.score <= 10_000
    assert given.release_hash == RULES.hash
    assert not given.demo


def test_nothing_but_an_attestation_tells_that_the_goal_was_reached():
    unknown = verdict(workflow(), attestation=None)
    assert (unknown.goal, unknown.reasons) == (Goal.UNKNOWN, (Reason.GOAL_UNKNOWN,))
    failed = verdict(workflow(), attestation=Attestation(success=False))
    assert (failed.goal, failed.reasons) == (Goal.FAILED, (Reason.GOAL_FAILED,))


def test_refused_work_has_no_verified_actions_and_no_score():
    refused = verdict(workflow(), attestation=None)
    assert (refused.accepted, refused.verified_actions, refused.score) == (False, 0, 0)


def test_samples_pass_by_the_demo_release_only_and_its_verdict_says_so(people):
    samples, _ = people
    assert len(samples) == 18
    for sample in samples:
        refused = verdict(sample)
        assert Reason.SOURCE in refused.reasons
        shown = verdict(sample, release=DEMO)
        assert (shown.accepted, shown.demo, shown.goal) == (True, True, Goal.SAMPLE)
        assert shown.release_hash != refused.release_hash


def test_events_made_by_a_script_are_refused():
    assert verdict(workflow(click(at=900) | {"trusted": False})).reasons == (Reason.UNTRUSTED,)


def test_the_extension_must_say_whether_events_are_trusted():
    unsaid = click(at=900) | {"trusted": None}
    assert verdict(workflow(unsaid)).reasons == (Reason.UNTRUSTED,)
    assert verdict(workflow(unsaid, source="miniwob")).accepted


def test_clicks_that_hit_nothing_do_not_count():
    nothing = click(at=900) | {"target": None}
    assert verdict(workflow(nothing)).reasons == (Reason.NO_ACTION,)
    assert verdict(workflow(nothing, click(at=2000))).verified_actions == 1


def test_clicking_the_page_itself_does_not_count():
    assert Reason.NO_ACTION in verdict(workflow(click(at=900, target=0))).reasons


def test_clicking_again_without_effect_does_not_count():
    again = [click(at=at) for at in (900, 2000, 2700, 4100)]
    assert verdict(workflow(*again)).verified_actions == 1


def test_scrolling_does_not_count():
    scroll = {"action": "scroll", "at": 300, "until": 700, "observation": 0, "dx": 0, "dy": 90}
    assert verdict(workflow(scroll, click(at=900))).verified_actions == 1


def test_presses_beside_their_targets_are_refused():
    beside = click(at=900, point=(150, 190))
    assert verdict(workflow(beside)).reasons == (Reason.OFF_TARGET,)


def test_presses_all_in_the_exact_middle_are_refused():
    pages = [workflow_document()["observations"][0] | {"width": 100 + i} for i in range(6)]
    times = (900, 1700, 3300, 4100, 6000, 6700)
    steps = [click(at=at, point=(62, 62)) | {"observation": i} for i, at in enumerate(times)]
    assert Reason.CENTRED in verdict(workflow(*steps, observations=pages)).reasons


def test_nobody_is_instant():
    fast = verdict(workflow(click(at=1) | {"until": 1, "presses": [{"down": 1, "up": 1}]}))
    assert Reason.TOO_FAST in fast.reasons


def test_nobody_types_a_word_in_ten_milliseconds():
    fast = typing(at=2000, gaps=(0, 1, 2, 4, 5, 7))
    assert Reason.KEYS_TOO_FAST in verdict(workflow(click(at=900), fast)).reasons


@given(st.integers(40, 1000))
def test_nobody_is_perfectly_regular(interval):
    steps = [
        click(at=interval * (2 * i + 1), target=1 + i % 2, point=(40, 60 + 24 * (i % 2)))
        | {"until": interval * (2 * i + 2)}
        for i in range(5)
    ]
    for step in steps:
        step["presses"] = [{"down": step["at"], "up": step["until"]}]
    assert Reason.CONSTANT_RHYTHM in verdict(workflow(*steps)).reasons


def test_the_same_recording_once_more_is_a_replay():
    original = workflow()
    again = workflow(id=str(uuid4()))
    assert Reason.REPLAYED in verdict(again, original).reasons


def test_new_times_over_the_same_pixels_are_a_replay():
    steps = [
        click(at=at, target=target, point=point)
        for at, target, point in [(900, 1, (33, 58)), (2100, 2, (17, 88)), (3900, 1, (71, 66))]
    ]
    slower = [step | {"at": step["at"] * 3, "until": step["until"] * 3} for step in steps]
    for step in slower:
        step["presses"] = [{"down": step["at"], "up": step["until"]}]
    found = verdict(workflow(*slower, id=str(uuid4())), workflow(*steps))
    assert Reason.SAME_POSITIONS in found.reasons


def test_a_replay_on_another_page_is_known_by_its_rhythm():
    times = (700, 1900, 2350, 4100, 6000, 6480, 9100)
    steps = [
        click(at=at, target=1 + i % 2, point=(40, 60 + 24 * (i % 2))) for i, at in enumerate(times)
    ]
    moved = [step | {"point": [step["point"][0] + 3, step["point"][1] - 2]} for step in steps]
    other = [workflow_document()["observations"][0] | {"width": 100}]
    other[0]["elements"] = [dict(e, text="other") for e in other[0]["elements"]]
    found = verdict(workflow(*moved, id=str(uuid4()), observations=other), workflow(*steps))
    assert found.reasons == (Reason.REPLAYED,)


def test_somebody_else_doing_the_same_task_is_no_replay():
    other = workflow(click(at=2100), typing(at=3000, gaps=(0, 80, 170, 330, 360, 900)))
    assert verdict(other, workflow()).accepted


@pytest.mark.parametrize(
    "make",
    [
        bots.instant,
        bots.constant_interval,
        bots.replay_with_jitter,
        lambda w, seed: bots.replay_with_jitter(w, seed, relative=0, gaussian_ms=20),
        lambda w, seed: bots.replay_with_jitter(w, seed, pixels=3),
        lambda w, seed: bots.replay_with_jitter(w, seed, speed=1.2),
    ],
    ids=["instant", "constant", "jitter", "gaussian", "pixels", "faster"],
)
def test_fifty_bots_made_of_accepted_recordings_are_all_refused(make, people):
    samples, traces = people
    chooser = random.Random(20)
    for seed in range(50):
        bot = make(chooser.choice(samples), seed)
        history = History(traces[shape_key(bot)], DONE)
        refused = assess(bot, history, DEMO)
        assert not refused.accepted
        assert {reason.group for reason in refused.reasons} <= {"timing", "variation", "replay"}


def test_the_same_seed_makes_the_same_bot(people):
    sample = people[0][-1]
    for make in (bots.instant, bots.constant_interval, bots.replay_with_jitter):
        assert make(sample, 3) == make(sample, 3)
        assert make(sample, 3).id != make(sample, 4).id
        assert make(sample, 3).id != sample.id


def test_jitter_stays_within_its_bounds(people):
    sample = people[0][-1]
    before, after = trace(sample).rhythm, trace(bots.replay_with_jitter(sample, 1)).rhythm
    assert before != after
    ratios = [b / a for a, b in zip(before, after, strict=True) if a > 50]
    assert all(0.82 <= ratio <= 1.18 for ratio in ratios)
    assert 0.9 < fmean(ratios) < 1.1


def test_a_verdict_survives_json():
    for given_verdict in (verdict(workflow()), verdict(workflow(), attestation=None)):
        assert Verdict.from_json(given_verdict.to_json()) == given_verdict


def test_a_verdict_with_an_unknown_reason_is_refused():
    broken = json.loads(verdict(workflow()).to_json()) | {"reasons": ["because"]}
    with pytest.raises(ValueError, match="reasons"):
        Verdict.from_json(json.dumps(broken))


def test_the_same_input_gives_the_same_verdict(people):
    sample = people[0][-1]
    assert verdict(sample, *people[0]) == verdict(sample, *people[0])


def test_every_reason_has_a_group_and_a_sentence():
    for reason in Reason:
        assert reason.group in {"structure", "timing", "variation", "replay", "goal"}
        assert reason.text.endswith(".")


def test_traces_survive_bytes(people):
    for sample in people[0]:
        made = trace(sample)
        assert Trace.from_bytes(made.to_bytes()) == made


@given(st.binary(max_size=200))
def test_other_bytes_are_no_trace(data):
    try:
        made = Trace.from_bytes(data)
    except TraceError:
        return
    assert made.to_bytes() == data


def test_a_trace_cut_short_is_refused():
    data = trace(workflow()).to_bytes()
    for length in (0, 1, 8, len(data) - 1):
        with pytest.raises(TraceError):
            Trace.from_bytes(data[:length])


def test_a_shape_names_the_task_and_the_kinds_of_meaningful_actions():
    nothing = click(at=100) | {"target": None}
    assert shape_key(workflow(nothing, click(at=900), typing(at=1500))) == "enter-text:click,type"


def test_a_long_shape_stays_short():
    steps = [click(at=900 * i, target=1 + i % 2) for i in range(1, 60)]
    assert len(shape_key(workflow(*steps))) <= 120


def test_traces_without_any_step_are_compared_without_harm():
    nothing = workflow(click(at=900) | {"target": None})
    assert trace(nothing) == Trace((), (), (), ())
    assert not verdict(nothing, nothing).accepted


def test_an_unknown_release_is_named():
    with pytest.raises(ReleaseError, match="rules-99"):
        load_release("rules-99")
    assert {"rules-1", "rules-1-demo"} <= set(releases())


def test_a_release_is_known_by_the_hash_of_its_content():
    document = json.loads(json.dumps(RULES.document))
    assert Release(document).hash == RULES.hash
    document["timing"]["min_time_per_action_ms"] += 1
    assert Release(document).hash != RULES.hash


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("timing", {"min_time_per_action_ms": 1.5}),
        ("timing", {"min_time_per_action_ms": -1}),
        ("timing", {"mood": 1}),
        ("replay", {"same_page": {"floor_ms": 0, "limits": []}}),
        ("structure", {"sources": ["elsewhere"]}),
        ("goal", {"accepted": ["claimed"]}),
    ],
)
def test_a_release_with_wrong_fields_is_refused_by_name(section, change):
    document = json.loads(json.dumps(RULES.document))
    document[section].update(change)
    with pytest.raises(ReleaseError, match=f"{section}.{next(iter(change))}"):
        Release(document)


def test_thresholds_come_from_the_release():
    document = json.loads(json.dumps(RULES.document))
    document["timing"]["min_time_per_action_ms"] = 60_000
    assert verdict(workflow(), release=Release(document)).reasons == (Reason.TOO_FAST,)
