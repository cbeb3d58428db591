"""Examples as flat arrays: built once from workflows, saved, split by contributor, made to batches.

A contributor's examples depend on that contributor's workflows alone: what the others did never
enters them. So leaving somebody out leaves everything else bit for bit as it was.
"""

import hashlib
import io
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lam_core.doubtful import doubtful_of
from lam_core.examples import Example, examples_of
from lam_core.features import DENSE, FEATURES_VERSION, HISTORY_AT, Kind
from lam_core.schema import Workflow

KINDS = len(Kind)
_FLAT = ("words", "attributes", "dense", "first", "second", "allowed", "correct")
_PER_EXAMPLE = ("tokens", "nodes", "span", "task", "contributor", "workflow", "doubtful")


class DataError(ValueError):
    """Data that cannot be trained on; the message says what is wrong with which file."""


@dataclass(slots=True)
class Dataset:
    """Examples side by side. `flat[name]` concatenates what each example has, `ends[name]` says
    where each example's part ends; `rows[name]` has one entry per example.

    `flat`: words and attributes (n, 3) uint16, dense (T, DENSE) float16, first and second (T*T,)
    uint8, allowed (nodes, kinds) bool, correct (k,) int32 as node * kinds + kind.
    `rows`: tokens and nodes (counts), span (2,) or -1, task and contributor (indices into
    `tasks`, `contributors`), workflow (its number), doubtful (1 for examples of doubt alone).
    """

    flat: dict[str, np.ndarray]
    ends: dict[str, np.ndarray]
    rows: dict[str, np.ndarray]
    tasks: list[str]
    contributors: list[str]

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.rows["tokens"])

    def part(self, name: str, example: int) -> np.ndarray:
        """What one example has of a flat array."""
        ends = self.ends[name]
        return self.flat[name][ends[example - 1] if example else 0 : ends[example]]

    @property
    def decided(self) -> np.ndarray:
        """The examples that are decisions of people (or rewarded ones of a model)."""
        return np.flatnonzero(self.rows["doubtful"] == 0)

    @property
    def doubtful(self) -> np.ndarray:
        """The examples made for doubt alone: nobody ever decided so."""
        return np.flatnonzero(self.rows["doubtful"])

    def digest(self) -> str:
        """SHA-256 over all arrays and names, as `0x` and hexadecimal digits."""
        digest = hashlib.sha256(f"features {FEATURES_VERSION}\n".encode())
        names = [self.contributors[i] for i in self.rows["contributor"]]
        tasks = [self.tasks[i] for i in self.rows["task"]]
        digest.update("\n".join([*names, *tasks]).encode())
        for name in _FLAT:
            digest.update(np.ascontiguousarray(self.flat[name]).tobytes())
            digest.update(self.ends[name].astype(np.int64).tobytes())
        for name in ("tokens", "nodes", "span", "doubtful"):
            digest.update(self.rows[name].astype(np.int64).tobytes())
        return "0x" + digest.hexdigest()

    def select(self, examples: np.ndarray) -> "Dataset":
        """The dataset of some of the examples, in the order given."""
        flat = {
            name: np.concatenate([self.part(name, i) for i in examples])
            if len(examples)
            else self.flat[name][:0]
            for name in _FLAT
        }
        lengths = {name: np.diff(self.ends[name], prepend=0)[examples] for name in _FLAT}
        ends = {name: np.cumsum(length) for name, length in lengths.items()}
        rows = {name: self.rows[name][examples] for name in _PER_EXAMPLE}
        return Dataset(flat, ends, rows, self.tasks, self.contributors)

    def without(self, contributor: str) -> "Dataset":
        """The dataset as if a contributor had never recorded. Raises DataError when unknown."""
        if contributor not in self.contributors:
            raise DataError(f"no contributor {contributor!r} in this data")
        number = self.contributors.index(contributor)
        return self.select(np.flatnonzero(self.rows["contributor"] != number))

    def of_tasks(self, tasks: Iterable[str]) -> "Dataset":
        """The examples of some tasks. Raises DataError for a task without any."""
        wanted = set(tasks)
        unknown = wanted - set(self.tasks)
        if unknown:
            raise DataError(f"no recordings of {', '.join(sorted(unknown))}")
        numbers = [i for i, task in enumerate(self.tasks) if task in wanted]
        return self.select(np.flatnonzero(np.isin(self.rows["task"], numbers)))

    def at_most(self, per_task: int) -> "Dataset":
        """The examples of the first `per_task` workflows of each task."""
        kept: list[int] = []
        for task in range(len(self.tasks)):
            examples = np.flatnonzero(self.rows["task"] == task)
            workflows = list(dict.fromkeys(self.rows["workflow"][examples].tolist()))[:per_task]
            kept.extend(examples[np.isin(self.rows["workflow"][examples], workflows)].tolist())
        return self.select(np.array(sorted(kept), np.int64))

    def save(self, path: Path) -> None:
        """Write to a file, in one move: there is never half of one."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {
            "version": np.array(FEATURES_VERSION),
            "task_names": np.array(self.tasks),
            "contributor_names": np.array(self.contributors),
            **{f"flat_{name}": self.flat[name] for name in _FLAT},
            **{f"ends_{name}": self.ends[name] for name in _FLAT},
            **{f"rows_{name}": self.rows[name] for name in _PER_EXAMPLE},
        }
        np.savez_compressed(buffer, **arrays)
        write_atomically(path, buffer.getvalue())


def load_dataset(path: Path) -> Dataset:
    """Read what `save` wrote. Raises DataError for anything else, or another version of it."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        version = int(arrays["version"])
        if version != FEATURES_VERSION:
            raise DataError(
                f"{path}: made with features {version}, these are {FEATURES_VERSION}; prepare it "
                "again"
            )
        return Dataset(
            flat={name: arrays[f"flat_{name}"] for name in _FLAT},
            ends={name: arrays[f"ends_{name}"] for name in _FLAT},
            rows={name: arrays[f"rows_{name}"] for name in _PER_EXAMPLE},
            tasks=arrays["task_names"].tolist(),
            contributors=arrays["contributor_names"].tolist(),
        )
    except (OSError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: no prepared data ({error})") from error
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(f"{path}: {error}") from error


def build(workflows: Iterable[tuple[str, Workflow]]) -> Dataset:
    """The dataset of (contributor, workflow) pairs. Raises DataError when no example comes out."""
    builder = _Builder()
    for number, (contributor, workflow) in enumerate(workflows):
        for example in examples_of(workflow):
            builder.add(example, workflow.task.name, contributor, number)
        for example in doubtful_of(workflow):
            builder.add(example, workflow.task.name, contributor, number, doubtful=True)
    return builder.dataset()


def build_examples(made: Iterable[tuple[str, str, int, list[Example]]]) -> Dataset:
    """The dataset of (contributor, task, number of the workflow, examples)."""
    builder = _Builder()
    for contributor, task, number, examples in made:
        for example in examples:
            builder.add(example, task, contributor, number)
    return builder.dataset()


def concatenate(datasets: Sequence[Dataset]) -> Dataset:
    """Several datasets as one; names are merged, workflows renumbered."""
    tasks = list(dict.fromkeys(name for data in datasets for name in data.tasks))
    contributors = list(dict.fromkeys(name for data in datasets for name in data.contributors))
    rows: dict[str, list[np.ndarray]] = {name: [] for name in _PER_EXAMPLE}
    ends: dict[str, list[np.ndarray]] = {name: [] for name in _FLAT}
    totals = dict.fromkeys(_FLAT, 0)
    workflows = 0
    for data in datasets:
        moved = dict(data.rows)
        moved["task"] = _renumbered(data.rows["task"], data.tasks, tasks)
        moved["contributor"] = _renumbered(
            data.rows["contributor"], data.contributors, contributors
        )
        moved["workflow"] = data.rows["workflow"] + workflows
        workflows = int(moved["workflow"].max(initial=workflows - 1)) + 1
        for name in _PER_EXAMPLE:
            rows[name].append(moved[name])
        for name in _FLAT:
            ends[name].append(data.ends[name] + totals[name])
            totals[name] += len(data.flat[name])
    return Dataset(
        flat={name: np.concatenate([data.flat[name] for data in datasets]) for name in _FLAT},
        ends={name: np.concatenate(ends[name]) for name in _FLAT},
        rows={name: np.concatenate(rows[name]) for name in _PER_EXAMPLE},
        tasks=tasks,
        contributors=contributors,
    )


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    with waiting.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(path)


def _renumbered(numbers: np.ndarray, old: list[str], new: list[str]) -> np.ndarray:
    table = np.array([new.index(name) for name in old], np.int32)
    return table[numbers] if len(old) else numbers


class _Builder:
    """Collects examples."""

    def __init__(self) -> None:
        self._flat: dict[str, list[np.ndarray]] = {name: [] for name in _FLAT}
        self._rows: dict[str, list[object]] = {name: [] for name in _PER_EXAMPLE}
        self._tasks: dict[str, int] = {}
        self._contributors: dict[str, int] = {}

    def add(
        self,
        example: Example,
        task: str,
        contributor: str,
        workflow: int,
        *,
        doubtful: bool = False,
    ) -> None:
        features = example.features
        parts = {
            "words": features.words,
            "attributes": features.attributes,
            "dense": features.dense,
            "first": features.first.ravel(),
            "second": features.second.ravel(),
            "allowed": features.allowed,
            "correct": np.array([node * KINDS + kind for node, kind in example.correct], np.int32),
        }
        for name, part in parts.items():
            self._flat[name].append(part)
        row = {
            "tokens": len(features.tokens),
            "nodes": len(features.page.nodes),
            "span": example.span or (-1, -1),
            "task": self._tasks.setdefault(task, len(self._tasks)),
            "contributor": self._contributors.setdefault(contributor, len(self._contributors)),
            "workflow": workflow,
            "doubtful": int(doubtful),
        }
        for name, value in row.items():
            self._rows[name].append(value)

    def dataset(self) -> Dataset:
        if not self._rows["tokens"]:
            raise DataError("no recording held an action to learn from")
        lengths = {name: [len(part) for part in parts] for name, parts in self._flat.items()}
        return Dataset(
            flat={name: np.concatenate(parts) for name, parts in self._flat.items()},
            ends={name: np.cumsum(length) for name, length in lengths.items()},
            rows={name: np.array(values, np.int32) for name, values in self._rows.items()},
            tasks=list(self._tasks),
            contributors=list(self._contributors),
        )


__all__ = ["DENSE", "HISTORY_AT", "DataError", "Dataset", "build", "concatenate", "load_dataset"]
