"""Training: from examples to weights, the same on every run, resumable at any moment.

What a step does depends on the seed and its number alone (lam_core/batches.py), so a checkpoint
is weights, the optimiser's state and a number. Contributors can be let in by stages: whoever
comes late can be left out again from the checkpoint before their stage (lam_core/unlearn.py).
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as distributed
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from lam_core.batches import Dropping, Sampler, collate, generator
from lam_core.dataset import DataError, Dataset, write_atomically
from lam_core.features import FEATURES_VERSION
from lam_core.model import ActionModel, Shape, losses, make, shape_of

CHECKPOINT = "checkpoint.safetensors"
CURVE = "curve.jsonl"
CLIP = 1.0
BETAS = (0.9, 0.98)
DECAY = 0.01


class TrainingError(RuntimeError):
    """Training can't go on; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Config:
    """What decides the weights, beside the data. Rates are in millionths, shares in percent.

    `stages` are (percent of contributors, percent of steps): the first stage trains on its part
    of the contributors alone, each further one lets more in. Each has its share of the warm-up.
    """

    shape: Shape = field(default_factory=Shape)
    seed: int = 1
    steps: int = 4000
    batch: int = 32
    rate_millionths: int = 2000
    warmup: int = 200
    drop_words_percent: int = 15
    drop_history_percent: int = 20
    stages: tuple[tuple[int, int], ...] = ((100, 100),)
    base: str = ""
    """Digest of the weights that training began with; empty for fresh ones."""

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"stages": [list(stage) for stage in self.stages]}

    def first_steps(self) -> list[int]:
        """The step at which each stage begins."""
        firsts, done = [], 0
        for _, percent in self.stages:
            firsts.append(self.steps * done // 100)
            done += percent
        return firsts


def config_of(document: dict[str, Any]) -> Config:
    """The config in a manifest or checkpoint. Raises TypeError for unknown fields."""
    stages = tuple((int(people), int(steps)) for people, steps in document["stages"])
    return Config(**{**document, "shape": shape_of(document["shape"]), "stages": stages})


def check(config: Config) -> None:
    """Raises TrainingError for a config that cannot be trained with."""
    for name in ("steps", "batch", "rate_millionths"):
        if getattr(config, name) < 1:
            raise TrainingError(f"{name} must be at least 1")
    if config.shape.width % config.shape.heads:
        raise TrainingError("width must be a multiple of heads")
    for part, what in ((0, "contributors"), (1, "steps")):
        if sum(stage[part] for stage in config.stages) != 100:
            raise TrainingError(f"the stages' percentages of {what} must add up to 100")


def stage_of(contributor: str, config: Config) -> int:
    """The stage that lets a contributor in; it depends on nobody else."""
    digest = hashlib.sha256(f"{config.seed}/{contributor}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") / 2**32 * 100
    for number, (percent, _) in enumerate(config.stages):
        place -= percent
        if place < 0:
            return number
    return len(config.stages) - 1


@dataclass(slots=True)
class Progress:
    """Where a run is; `loss` and `accuracy` are means since the last report."""

    step: int
    steps: int
    loss: float
    accuracy: float
    steps_per_second: float


Report = Callable[[Progress], None]


class Trainer:
    """One run in one folder. Making it again for the same folder goes on where it was."""

    def __init__(
        self,
        data: Dataset,
        config: Config,
        folder: Path,
        *,
        start: dict[str, torch.Tensor] | None = None,
    ) -> None:
        """`start` are weights to begin with, those of `config.base`.

        Raises TrainingError for a config, data or checkpoint that don't fit together.
        """
        check(config)
        if not len(data):
            raise TrainingError("there is nothing to train on")
        torch.use_deterministic_algorithms(True)
        self.config, self.folder = config, folder
        self._data = data
        self._stages = np.array(
            [stage_of(data.contributors[i], config) for i in data.rows["contributor"]]
        )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = make(config.shape, config.seed)
        if start is not None:
            self.model.load_state_dict(start)
        self.model.to(self.device)
        # What doubts is learned after the steps, and none of them changes it (lam_core/doubt.py).
        for parameter in self.model.doubt.parameters():
            parameter.requires_grad_(False)
        self._optimiser = torch.optim.AdamW(
            _groups(self.model), lr=1.0, betas=BETAS, foreach=False, fused=False
        )
        self._parameters = [p for p in self.model.parameters() if p.requires_grad]
        self._rank, self._ranks = _place()
        self.step = 0
        self._pool_stage = -1
        self._pool: Dataset | None = None
        self._sampler: Sampler | None = None
        self._resume()

    def run(
        self,
        report: Report | None = None,
        *,
        stop_at: int | None = None,
        seconds: float | None = None,
        every: int = 50,
        save_every: int = 500,
    ) -> bool:
        """Train to the end, or to step `stop_at`, or for about `seconds`; True at the end."""
        started = time.monotonic()
        tally = _Tally(started)
        self.model.train()
        last = min(self.config.steps, stop_at or self.config.steps)
        while self.step < last:
            self._enter_stage()
            loss, right, count = self._advance()
            tally.add(loss, right, count)
            self.step += 1
            if self.step % every == 0 or self.step == self.config.steps:
                self._tell(tally, report)
            if self.step % save_every == 0:
                self.save(self.folder / CHECKPOINT)
            if seconds is not None and time.monotonic() - started > seconds:
                break
        self.save(self.folder / CHECKPOINT)
        return self.step >= self.config.steps

    def save(self, path: Path) -> None:
        """Write weights, optimiser and step to a file in one move."""
        if self._rank:
            return
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for number, state in self._optimiser.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"adam.{number}.{name}"] = value
        tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        metadata = {
            "step": str(self.step),
            "features": str(FEATURES_VERSION),
            "config": json.dumps(self.config.document(), sort_keys=True),
            "seen": self._seen(),
        }
        write_atomically(path, save(tensors, metadata))

    def load(self, path: Path) -> None:
        """Go on from a checkpoint. Raises TrainingError for one of another run."""
        tensors, metadata = read_checkpoint(path)
        if metadata.get("features") != str(FEATURES_VERSION):
            raise TrainingError(f"{path} was made with other features; train anew")
        if json.loads(metadata["config"]) != json.loads(json.dumps(self.config.document())):
            raise TrainingError(f"{path} is of a run with another configuration")
        self.step = int(metadata["step"])
        if metadata["seen"] != self._seen():
            raise TrainingError(f"{path} is of a run on other data")
        self.model.load_state_dict(
            {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        )
        self._optimiser.load_state_dict(self._optimiser_state(tensors))

    def weights_digest(self) -> str:
        """SHA-256 of the weights as they are saved."""
        return "0x" + hashlib.sha256(self.weights()).hexdigest()

    def weights(self) -> bytes:
        """The weights as a safetensors file."""
        return save({k: v.cpu().contiguous() for k, v in self.model.state_dict().items()})

    def _optimiser_state(self, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
        document = self._optimiser.state_dict()
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, number, part = name.split(".", 2)
                state.setdefault(int(number), {})[part] = value
        return {**document, "state": state}

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if path.exists():
            self.load(path)

    def _seen(self) -> str:
        """Digest of the data that has had an influence so far."""
        stage = self._stage(max(0, self.step - 1))
        return self._data.select(np.flatnonzero(self._stages <= stage)).digest()

    def _stage(self, step: int) -> int:
        return sum(first <= step for first in self.config.first_steps()) - 1

    def _enter_stage(self) -> None:
        stage = self._stage(self.step)
        if stage == self._pool_stage:
            return
        if self._pool_stage >= 0 or self.step:
            self.save(stage_checkpoint(self.folder, stage))
        self._pool_stage = stage
        self._pool = self._data.select(np.flatnonzero(self._stages <= stage))
        if not len(self._pool):
            raise TrainingError(f"no contributor falls into stage {stage + 1}")
        self._sampler = Sampler(self._pool, seed=self.config.seed, batch=self.config.batch)

    def _advance(self) -> tuple[float, int, int]:
        if self._sampler is None or self._pool is None:
            raise TrainingError("no stage has been entered")
        drawn = self._sampler.draw(self.step)[self._rank :: self._ranks]
        config = self.config
        batch = collate(
            self._pool,
            drawn,
            dropping=Dropping(config.drop_words_percent / 100, config.drop_history_percent / 100),
            random=generator(config.seed, 2, self.step, self._rank),
        )
        torch.manual_seed(_dropout_seed(config.seed, self.step, self._rank))
        for group in self._optimiser.param_groups:
            group["lr"] = rate(config, self.step)
        self._optimiser.zero_grad(set_to_none=False)
        found = losses(self.model, batch.to(self.device))
        torch.autograd.backward(found.total / config.batch)
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self._parameters, CLIP, foreach=False)
        self._optimiser.step()
        return float(found.total.detach()), found.right, found.count

    def _share_gradients(self) -> None:
        if self._ranks == 1:
            return
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.reshape(-1) for p in self._parameters if p.grad is not None])
        distributed.all_reduce(flat)
        at = 0
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter))
            at += parameter.numel()

    def _tell(self, tally: "_Tally", report: Report | None) -> None:
        progress = tally.progress(self.step, self.config.steps)
        if self._rank:
            return
        line = {"step": self.step, "loss": round(progress.loss, 5)}
        line |= {"accuracy": round(progress.accuracy, 5), "rate": rate(self.config, self.step)}
        _append_line(self.folder / CURVE, line)
        if report:
            report(progress)


def rate(config: Config, step: int) -> float:
    """The learning rate of a step: in each stage a warm-up, then half a cosine down to nothing.

    Those who join late are then learned from at the full rate, and not at what is left of it.
    """
    top = config.rate_millionths / 1e6
    ends = [*config.first_steps()[1:], config.steps]
    stage = sum(end <= step for end in ends[:-1])
    first, end = config.first_steps()[stage], ends[stage]
    step, steps = step - first, end - first
    warmup = config.warmup * steps // config.steps
    if step < warmup:
        return top * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return top * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of a checkpoint. Raises TrainingError for a file that is none."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: no checkpoint ({error})") from error
    if not {"step", "config", "seen", "features"} <= metadata.keys():
        raise TrainingError(f"{path}: no checkpoint of a training run")
    return tensors, metadata


def read_curve(folder: Path) -> list[dict[str, float]]:
    """The points of the training curve, in order, each step once."""
    path = folder / CURVE
    if not path.exists():
        return []
    points = {p["step"]: p for p in map(json.loads, path.read_text().splitlines())}
    return [points[step] for step in sorted(points)]


def stage_checkpoint(folder: Path, stage: int) -> Path:
    """The file with the state before a stage began."""
    return folder / "stages" / f"before-{stage}.safetensors"


def with_seed(config: Config, seed: int) -> Config:
    """The same config with another seed."""
    return replace(config, seed=seed)


def start_distributed() -> None:
    """Join the processes that `torchrun` started, if it did."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("gloo")


def _place() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def _groups(model: ActionModel) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and tables do not."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    decayed = [p for n, p in named if p.dim() > 1 and "bias" not in n]
    rest = [p for n, p in named if not (p.dim() > 1 and "bias" not in n)]
    return [{"params": decayed, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0.0}]


def _dropout_seed(seed: int, step: int, rank: int) -> int:
    return int(generator(seed, 3, step, rank).integers(2**62))


def _append_line(path: Path, line: dict[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


@dataclass(slots=True)
class _Tally:
    started: float
    loss: float = 0.0
    right: int = 0
    count: int = 0
    steps: int = 0

    def add(self, loss: float, right: int, count: int) -> None:
        self.loss, self.right = self.loss + loss, self.right + right
        self.count, self.steps = self.count + count, self.steps + 1

    def progress(self, step: int, steps: int) -> Progress:
        count, now = max(1, self.count), time.monotonic()
        speed = self.steps / max(1e-9, now - self.started)
        made = Progress(step, steps, self.loss / count, self.right / count, speed)
        self.loss, self.right, self.count, self.steps, self.started = 0.0, 0, 0, 0, now
        return made


__all__ = ["Config", "DataError", "Progress", "Trainer", "TrainingError"]
