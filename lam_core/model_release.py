"""A model release: weights with a manifest that says what made them, and their hash.

The hash covers the weights and everything that decides them, nothing that a run merely measures:
equal data, configuration and code on an equal machine give an equal hash.
"""

import hashlib
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from lam_core.canonical import content_hash
from lam_core.dataset import Dataset, write_atomically
from lam_core.doubt import learn_to_doubt
from lam_core.features import FEATURES_VERSION
from lam_core.model import ActionModel, make, parameters_of, shape_of
from lam_core.training import Config, Progress, Report, Trainer

WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
COST = "cost.json"
"""CPU seconds of a run over all its sittings, beside its checkpoint."""

FOLDER = Path(__file__).with_name("releases") / "models"
MAX_WEIGHTS_BYTES = 64 * 1024 * 1024


class ReleaseError(ValueError):
    """A folder that holds no usable model release; the message says why."""


@dataclass(frozen=True, slots=True)
class ModelRelease:
    """A loaded release."""

    name: str
    model: ActionModel
    manifest: dict[str, Any]

    @property
    def hash(self) -> str:
        """What identifies the release."""
        return str(self.manifest["hash"])


def train_release(
    data: Dataset,
    config: Config,
    folder: Path,
    *,
    name: str,
    report: Report | None = None,
    seconds: float | None = None,
) -> dict[str, Any] | None:
    """Train in a folder, going on where its checkpoint is, and write the release.

    Returns the manifest; None when `seconds` ran out, and in all processes but the first. Raises
    TrainingError.
    """
    trainer = Trainer(data, config, folder)
    first = int(os.environ.get("RANK", "0")) == 0
    before = cpu_seconds(folder) if trainer.step else 0.0
    started = time.process_time()

    def spent() -> float:
        return before + time.process_time() - started

    def told(progress: Progress) -> None:
        if first:
            write_atomically(folder / COST, json.dumps({"cpu_seconds": spent()}).encode())
        if report:
            report(progress)

    if not trainer.run(told, seconds=seconds) or not first:
        return None
    metrics = {"training_cpu_seconds": round(spent())}
    return write_release(trainer, data, folder, name=name, metrics=metrics)


def cpu_seconds(folder: Path) -> float:
    """What the run in a folder has cost so far; 0 where that was not kept."""
    path = folder / COST
    return float(json.loads(path.read_bytes())["cpu_seconds"]) if path.exists() else 0.0


def write_release(
    trainer: Trainer,
    data: Dataset,
    folder: Path,
    *,
    name: str,
    metrics: dict[str, Any],
    recorded: Dataset | None = None,
) -> dict[str, Any]:
    """Learn to doubt, write weights and manifest; returns the manifest.

    `recorded` is what people recorded, each recording once, where `data` holds other than that.
    """
    started = time.process_time()
    learn_to_doubt(trainer.model, data, trainer.config)
    metrics = {**metrics, "doubt_cpu_seconds": round(time.process_time() - started)}
    weights = trainer.weights()
    manifest = manifest_of(
        weights=weights,
        data=data,
        recorded=recorded or data,
        config=trainer.config,
        name=name,
        parameters=parameters_of(trainer.model),
        metrics=metrics,
    )
    write_atomically(folder / WEIGHTS, weights)
    write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    return manifest


def manifest_of(
    *,
    weights: bytes,
    data: Dataset,
    recorded: Dataset,
    config: Config,
    name: str,
    parameters: int,
    metrics: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of weights. `hash` covers the part `made_of`."""
    made_of = {
        "weights": "0x" + hashlib.sha256(weights).hexdigest(),
        "data": data.digest(),
        "config": config.document(),
        "features": FEATURES_VERSION,
        "code": code_digest(),
    }
    counts = {
        "examples": len(recorded.decided),
        "workflows": len(set(recorded.rows["workflow"].tolist())),
        "contributors": len(set(recorded.rows["contributor"].tolist())),
        "tasks": sorted({recorded.tasks[task] for task in recorded.rows["task"]}),
    }
    return {
        "name": name,
        "hash": content_hash(made_of),
        "made_of": made_of,
        "parameters": parameters,
        "data": counts,
        "contributors": contributor_digests(recorded),
        "made_on": made_on(),
        "metrics": metrics,
    }


def contributor_digests(data: Dataset) -> list[str]:
    """Short digests of who contributed: enough to tell whether somebody did, not who did."""
    names = {data.contributors[number] for number in data.rows["contributor"]}
    return sorted(contributor_digest(name) for name in names)


def contributor_digest(name: str) -> str:
    """The digest that stands for a contributor in a manifest."""
    return hashlib.sha256(f"contributor/{name}".encode()).hexdigest()[:16]


def made_on() -> dict[str, Any]:
    """The part of the machine that can change the last bit of a sum."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }


def code_digest() -> str:
    """Digest of the modules that turn workflows into weights."""
    folder = Path(__file__).parent
    names = (
        "words graphics nodes items relations features examples doubtful dataset batches model "
        "training doubt"
    )
    digest = hashlib.sha256()
    for name in names.split(" "):
        digest.update((folder / f"{name}.py").read_bytes())
    return "0x" + digest.hexdigest()


def load_release(folder: Path) -> ModelRelease:
    """Load and check a release. Raises ReleaseError for missing, damaged or other files."""
    manifest = read_manifest(folder)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise ReleaseError(f"{folder} holds no {WEIGHTS}: {error}") from error
    made_of = manifest["made_of"]
    if made_of["features"] != FEATURES_VERSION:
        raise ReleaseError(
            f"{folder} was trained on features {made_of['features']}, these are {FEATURES_VERSION}"
        )
    if "0x" + hashlib.sha256(weights).hexdigest() != made_of["weights"]:
        raise ReleaseError(f"{folder / WEIGHTS} is not what its manifest describes")
    if content_hash(made_of) != manifest["hash"]:
        raise ReleaseError(f"{folder / MANIFEST} does not match its hash")
    try:
        model = make(shape_of(made_of["config"]["shape"]), seed=0)
        model.load_state_dict(load_tensors(weights))
    except (SafetensorError, RuntimeError, TypeError, KeyError) as error:
        raise ReleaseError(f"{folder} does not fit this model: {error}") from error
    return ModelRelease(manifest["name"], model.eval(), manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a release. Raises ReleaseError."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder} holds no model release: {error}") from error
    if not isinstance(manifest, dict) or not {"name", "hash", "made_of"} <= manifest.keys():
        raise ReleaseError(f"{folder / MANIFEST} is no manifest of a model")
    return manifest


def shipped() -> list[Path]:
    """The folders of the releases that come with the code."""
    return sorted(path.parent for path in FOLDER.glob(f"*/{MANIFEST}"))


def default_release() -> Path:
    """The newest release that comes with the code. Raises ReleaseError without any."""
    found = shipped()
    if not found:
        raise ReleaseError("no release comes with this code; name one")
    return found[-1]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
