import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lam_core.batches import collate
from lam_core.dataset import build
from lam_core.model import Shape, losses, make, parameters_of
from lam_core.model_release import ReleaseError, load_release, write_release
from lam_core.training import (
    CHECKPOINT,
    Config,
    Trainer,
    TrainingError,
    rate,
    read_curve,
    stage_of,
)
from lam_core.unlearn import affected, expected_share, unlearn
from tests.lam_core.demonstrations import demonstrations

ROOT = Path(__file__).resolve().parents[2]
SMALL = Shape(width=16, layers=1, heads=2, embedding=8)
STAGED = ((60, 70), (40, 30))


def config(**changes) -> Config:
    return Config(**{"shape": SMALL, "steps": 40, "batch": 8, "warmup": 5, **changes})


def loss_of(trainer: Trainer, data) -> float:
    with torch.inference_mode():
        return float(losses(trainer.model.eval(), collate(data, np.arange(len(data)))).total)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    return build(demonstrations())


def test_the_standard_model_keeps_to_a_million_parameters():
    assert parameters_of(make(Shape(), 1)) <= 1_000_000


def test_training_learns_the_demonstrations(data, tmp_path):
    trainer = Trainer(data, config(steps=60, rate_millionths=8000), tmp_path)
    assert trainer.run()
    points = read_curve(tmp_path)
    assert points[-1]["loss"] < points[0]["loss"] / 3
    assert points[-1]["accuracy"] > 0.9


def test_equal_input_gives_equal_weights_and_another_seed_others(data, tmp_path):
    digests = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        trainer = Trainer(data, config(seed=seed), tmp_path / name)
        trainer.run()
        digests.append(trainer.weights_digest())
    assert digests[0] == digests[1] != digests[2]


def test_a_run_killed_in_the_middle_ends_with_the_same_weights(data, tmp_path):
    whole = Trainer(data, config(), tmp_path / "whole")
    whole.run(save_every=7)
    program = (
        "import os, sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from tests.lam_core.test_training import config\n"
        "from tests.lam_core.demonstrations import demonstrations\n"
        "from lam_core.dataset import build\n"
        "from lam_core.training import Trainer\n"
        "def die(progress):\n"
        "    if progress.step >= 24: os.kill(os.getpid(), 9)\n"
        "trainer = Trainer(build(demonstrations()), config(), Path(sys.argv[1]))\n"
        "trainer.run(die, every=1, save_every=7)\n"
    )
    folder = tmp_path / "killed"
    killed = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    resumed = Trainer(data, config(), folder)
    assert resumed.step == 21
    resumed.run()
    assert resumed.weights_digest() == whole.weights_digest()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_checkpoint_of_another_run_is_refused_by_name(data, tmp_path):
    Trainer(data, config(), tmp_path).run(stop_at=3)
    with pytest.raises(TrainingError, match="another configuration"):
        Trainer(data, config(seed=9), tmp_path)
    with pytest.raises(TrainingError, match="on other data"):
        Trainer(build(demonstrations(3)), config(), tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"half a checkp")
    with pytest.raises(TrainingError, match="no checkpoint"):
        Trainer(data, config(), tmp_path)


def test_configurations_that_make_no_sense_are_named(data, tmp_path):
    for wrong, message in (
        (config(steps=0), "steps"),
        (config(shape=Shape(width=15, heads=2)), "width"),
        (config(stages=((50, 100),)), "contributors"),
        (config(stages=((100, 90),)), "steps must add up"),
    ):
        with pytest.raises(TrainingError, match=message):
            Trainer(data, wrong, tmp_path)


def test_two_processes_learn_what_one_does(data, tmp_path):
    shape = Shape(width=16, layers=1, heads=2, embedding=8, dropout_percent=0)
    settings = config(shape=shape, steps=20, drop_words_percent=0, drop_history_percent=0)
    program = tmp_path / "train.py"
    program.write_text(
        "import json, sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from tests.lam_core.demonstrations import demonstrations\n"
        "from lam_core.dataset import build\n"
        "from lam_core.training import Trainer, config_of, start_distributed\n"
        "start_distributed()\n"
        "config = config_of(json.loads(sys.argv[2]))\n"
        "Trainer(build(demonstrations()), config, Path(sys.argv[1])).run(every=1)\n"
    )
    folder = tmp_path / "two"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command += [str(program), str(folder), json.dumps(settings.document())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    together = Trainer(data, settings, folder)
    assert together.step == 20
    alone = Trainer(data, settings, tmp_path / "one")
    alone.run(every=1)
    assert loss_of(together, data) == pytest.approx(loss_of(alone, data), rel=1e-3)


def test_forgetting_a_contributor_gives_the_release_that_never_saw_them(data, tmp_path):
    settings = config(stages=STAGED)
    late = next(n for n in data.contributors if stage_of(n, settings) == 1)
    early = next(n for n in data.contributors if stage_of(n, settings) == 0)
    trainer = Trainer(data, settings, tmp_path / "all")
    trainer.run()
    write_release(trainer, data, tmp_path / "all", name="all", metrics={})
    for who, again in ((late, 12), (early, 40)):
        never = build([pair for pair in demonstrations() if pair[0] != who])
        fresh = Trainer(never, settings, tmp_path / f"never-{who}")
        fresh.run()
        folder = tmp_path / f"never-{who}"
        wanted = write_release(fresh, never, folder, name="x", metrics={})
        made = unlearn(
            data, contributor=who, trained=tmp_path / "all", out=tmp_path / f"without-{who}"
        )
        assert made.hash == wanted["hash"]
        assert made.steps_done == again
    assert affected(late, tmp_path / "all") == {"all": True}
    assert affected(late, tmp_path / f"without-{late}") == {
        load_release(tmp_path / f"without-{late}").name: False
    }


def test_forgetting_needs_the_run_and_its_data(data, tmp_path):
    trainer = Trainer(data, config(steps=4), tmp_path / "all")
    trainer.run()
    write_release(trainer, data, tmp_path / "all", name="all", metrics={})
    with pytest.raises(TrainingError, match="not trained on this data"):
        unlearn(
            build(demonstrations(3)),
            contributor="person1",
            trained=tmp_path / "all",
            out=tmp_path / "x",
        )


def test_each_stage_is_learned_from_at_the_full_rate():
    top = 0.002
    once = config(steps=2600, warmup=200, rate_millionths=2000)
    assert [rate(once, step) for step in (0, 199, 200)] == pytest.approx([top / 200, top, top])
    assert rate(once, 1400) == pytest.approx(top / 2)
    staged = config(steps=1000, warmup=100, rate_millionths=2000, stages=((10, 80), (90, 20)))
    assert rate(staged, 799) < top / 1000
    assert [rate(staged, step) for step in (800, 819, 910)] == pytest.approx(
        [top / 20, top, top / 2]
    )
    assert rate(staged, 999) < top / 1000


def test_the_expected_cost_of_forgetting_follows_from_the_stages():
    assert expected_share(config(stages=((100, 100),))) == 1
    assert expected_share(config(steps=100, stages=((10, 90), (90, 10)))) == pytest.approx(0.19)


def test_a_release_loads_as_written_and_a_changed_one_is_refused(data, tmp_path):
    trainer = Trainer(data, config(steps=4), tmp_path)
    trainer.run()
    manifest = write_release(trainer, data, tmp_path, name="tiny", metrics={})
    release = load_release(tmp_path)
    assert release.hash == manifest["hash"]
    assert manifest["made_on"]["threads"] == 1
    assert manifest["made_of"]["data"] == data.digest()
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + bytes(byte ^ 1 for byte in whole[-4:]))
    with pytest.raises(ReleaseError, match="not what its manifest describes"):
        load_release(tmp_path)
    weights.unlink()
    with pytest.raises(ReleaseError, match=r"no model\.safetensors"):
        load_release(tmp_path)
    with pytest.raises(ReleaseError, match="holds no model release"):
        load_release(tmp_path / "nowhere")


def test_a_batch_alone_or_with_longer_ones_is_judged_alike(data):
    model = make(SMALL, 1).eval()
    with torch.inference_mode():
        alone = sum(float(losses(model, collate(data, np.array([i]))).total) for i in range(6))
        together = float(losses(model, collate(data, np.arange(6))).total)
    assert together == pytest.approx(alone, rel=1e-4)
