"""The model's commands: what they print, what they leave, what they say of wrong input."""

import json

import pytest

from lam_core.__main__ import main
from lam_core.card import card
from lam_core.evaluate import Episode, Evaluation
from lam_core.evaluation_report import write_report
from lam_core.model_release import COST, cpu_seconds, default_release, read_manifest
from tests.lam_core.demonstrations import demonstrations


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for contributor, workflow in demonstrations(3):
        path = folder / contributor / f"{workflow.id}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(workflow.document()))
    (folder / "person0" / "broken.json").write_text('{"schema_version": 2')
    return folder


def run(capsys, *arguments) -> tuple[int, dict, str]:
    status = main([*map(str, arguments), "--json"])
    printed = capsys.readouterr()
    return status, json.loads(printed.out or "{}"), " ".join(printed.err.split())


def test_training_from_recordings_to_a_release_and_its_card(recordings, tmp_path, capsys):
    status, prepared, said = run(capsys, "prepare", recordings, "--out", tmp_path / "data.npz")
    assert (status, prepared["tasks"]) == (0, 2)
    assert "1 recordings left out: not a workflow" in said
    train = ["train", tmp_path / "data.npz", "--out", tmp_path / "run", "--steps", 60]
    status, stopped, _ = run(capsys, *train, "--minutes", 1e-9)
    assert (status, stopped) == (1, {"finished": False})
    before = cpu_seconds(tmp_path / "run")
    status, made, _ = run(capsys, *train)
    assert (status, made["finished"]) == (0, True)
    manifest = read_manifest(tmp_path / "run")
    assert manifest["hash"] == made["hash"]
    assert manifest["name"] == "run"
    spent = manifest["metrics"]["training_cpu_seconds"]
    assert spent == round(cpu_seconds(tmp_path / "run")) >= before
    text = (tmp_path / "run" / "MODEL_CARD.md").read_text()
    assert f"{manifest['parameters']:,} parameters" in text
    doubt = manifest["metrics"]["doubt_cpu_seconds"]
    assert f"Training took {(spent + doubt) / 60:.1f} CPU minutes" in text
    assert (tmp_path / "run" / COST).exists()


def test_the_card_of_the_release_that_comes_along_is_what_its_manifest_says():
    folder = default_release()
    evaluation = json.loads((folder / "evaluation.json").read_text())
    size = (folder / "model.safetensors").stat().st_size
    assert size <= 4_000_000
    assert (folder / "MODEL_CARD.md").read_text() == card(
        read_manifest(folder), evaluation, size, True
    )
    assert evaluation["hash"] == read_manifest(folder)["hash"]


def test_what_is_wrong_is_named_in_one_line(recordings, tmp_path, capsys):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    cases = [
        (["prepare", nothing, "--out", tmp_path / "x.npz"], "no recordings below"),
        (["train", recordings, "--out", tmp_path / "a", "--tasks", "fly"], "no recordings of fly"),
        (
            ["train", recordings, "--out", tmp_path / "a", "--stages", "1-2"],
            "stages must look like",
        ),
        (
            ["train", recordings / "person0" / "broken.json", "--out", tmp_path / "a"],
            "neither prepared",
        ),
        (["evaluate", nothing, "--tasks", "click-test"], "holds no model release"),
        (["evaluate", "--tasks", "no-such-task", "--episodes", 1], "'no-such-task' has no page"),
        (
            ["show", "--tasks", "no-such-task", "--out", tmp_path / "s"],
            "'no-such-task' has no page",
        ),
    ]
    for arguments, message in cases:
        status, result, said = run(capsys, *arguments)
        assert (status, result) == (2, {}), arguments
        assert message in said
        assert "Traceback" not in said


def test_an_evaluation_leaves_figures_and_a_report(tmp_path, capsys):
    out = tmp_path / "evaluation"
    arguments = ["evaluate", "--tasks", "click-test", "--episodes", 2, "--out", out]
    status, found, _ = run(capsys, *arguments)
    assert status == 0
    assert found["hash"] == read_manifest(default_release())["hash"]
    assert found["model"]["episodes"] == 2
    assert json.loads((out / "evaluation.json").read_text()) == found
    assert "click-test" in (out / "report.html").read_text()
    assert len((out / "episodes.jsonl").read_text().splitlines()) == 2


def test_the_report_tells_each_arm_by_task(tmp_path):
    episodes = [
        Episode(arm, "a-task", str(n), reward, 1, "", 2.0, 90.0)
        for arm, rewards in (("model", (1, 1, 0)), ("replay", (0, 0, 0)))
        for n, reward in enumerate(rewards)
    ]
    write_report(Evaluation(episodes), tmp_path / "r.html", title="<T>")
    text = (tmp_path / "r.html").read_text()
    assert "&lt;T&gt;" in text
    assert "<td>2 of 3</td><td>0 of 3</td>" in text


def test_showing_leaves_a_page_with_a_picture_of_each_step(tmp_path, capsys):
    out = tmp_path / "shown"
    status, found, said = run(capsys, "show", "--out", out, "--tasks", "click-test", "--seed", "s")
    assert (status, found["tried"]) == (0, 1)
    assert found["page"] == str(out / "index.html")
    trace = json.loads((out / "click-test" / "trace.json").read_text())
    pictures = [step["picture"] for step in trace["steps"]]
    text = (out / "index.html").read_text()
    assert pictures
    assert all((out / "click-test" / picture).stat().st_size > 500 for picture in pictures)
    assert all(f'src="click-test/{picture}"' in text for picture in pictures)
    assert trace["instruction"] in said
