import gzip
import json

import pytest

from lam_core.__main__ import main
from lam_core.miniwob import iter_recordings
from lam_core.samples.record import FOLDER, TASKS
from lam_core.survey import BOTS, MORE_BOTS, survey, try_bots
from lam_core.verify import load_release
from tests.lam_core.recordings import samples

DEMO = load_release("rules-1-demo")


def test_every_task_has_a_sample_by_every_contributor():
    found = samples()
    assert len(found) == 3 * len(TASKS)
    assert {recording.task for recording in found} == set(TASKS)
    assert len({recording.sitting for recording in found}) == 3
    assert all(recording.read()["scripted"] for recording in found)
    assert sum(recording.path.stat().st_size for recording in found) < 300_000


def test_the_survey_accepts_the_samples_and_refuses_all_bots():
    result = survey(samples(), DEMO)
    try_bots(result, DEMO, BOTS | MORE_BOTS)
    assert (result.converted, result.accepted, result.rewarded_refused) == (18, 18, 0)
    assert {kind: bots.refused for kind, bots in result.bots.items()} == dict.fromkeys(
        BOTS | MORE_BOTS, 50
    )


def test_samples_are_refused_under_the_real_rules():
    result = survey(samples(), load_release("rules-1"))
    assert result.accepted == 0
    assert result.rejected_by_reason == {"source-not-accepted": 18}


def test_broken_files_are_counted_by_reason(tmp_path):
    folder = tmp_path / "batch" / "click-tab"
    folder.mkdir(parents=True)
    (folder / "click-tab_a_d1.json.gz").write_bytes(b"broken")
    (folder / "click-tab_a_d2.json.gz").write_bytes(
        gzip.compress(json.dumps({"utterance": "", "states": [], "rawReward": 1}).encode())
    )
    result = survey(iter_recordings(tmp_path), DEMO)
    assert result.not_converted == {"unreadable": 1, "no-action": 1}
    assert result.rewarded_not_converted == 1


def test_the_command_prints_the_figures(capsys):
    arguments = ["verify-recordings", str(FOLDER), "--json", "--release", "rules-1-demo"]
    assert main(arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["accepted"] == 18
    assert figures["hash"] == DEMO.hash
    assert figures["bots"]["instant"]["refused"] == 50


def test_the_command_prints_tables(capsys):
    assert main(["verify-recordings", str(FOLDER), "--release", "rules-1-demo"]) == 0
    assert "constant-interval" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no folder of recordings"),
        ([str(FOLDER), "--release", "rules-99"], "unknown verifier release"),
        ([str(FOLDER / "__nothing__")], "no folder"),
    ],
)
def test_the_command_names_what_is_wrong(arguments, message, capsys):
    assert main(["verify-recordings", *arguments]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
