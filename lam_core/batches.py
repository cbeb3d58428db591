"""Which examples a training step sees, and those examples as one padded batch.

Everything is a function of the seed and the step's number, so a run that was killed goes on
exactly where it was without any state of a random generator being kept.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lam_core.dataset import KINDS, Dataset
from lam_core.features import DENSE, HISTORY_AT, Features
from lam_core.model import Batch
from lam_core.words import BUCKETS

BLOCK = 8
"""Batches that are drawn together and sorted by length, so that little is padded."""


@dataclass(frozen=True, slots=True)
class Dropping:
    """Shares of what is hidden in training: word types, and the history as a whole."""

    words: float = 0.15
    history: float = 0.2


class Sampler:
    """Draws batches: a task by the root of its number of examples, then one of these.

    Long tasks are drawn more often than short ones: each of their decisions has to be right.
    """

    def __init__(self, data: Dataset, *, seed: int, batch: int) -> None:
        self._seed, self._batch = seed, batch
        self._lengths = data.rows["tokens"] + data.rows["nodes"]
        # By name: the order in which tasks first appear is no property of the data.
        order = sorted(range(len(data.tasks)), key=data.tasks.__getitem__)
        decided = data.decided
        self._tasks = [decided[data.rows["task"][decided] == task] for task in order]
        self._tasks = [examples for examples in self._tasks if len(examples)]
        weights = np.sqrt(np.array([len(examples) for examples in self._tasks], np.float64))
        self._weights = weights / weights.sum()

    def draw(self, step: int) -> np.ndarray:
        """The examples of a step."""
        random = generator(self._seed, 1, step // BLOCK)
        tasks = random.choice(len(self._tasks), BLOCK * self._batch, p=self._weights)
        places = random.random(BLOCK * self._batch)
        drawn = np.array(
            [
                self._tasks[task][int(place * len(self._tasks[task]))]
                for task, place in zip(tasks, places, strict=True)
            ]
        )
        drawn = drawn[np.argsort(self._lengths[drawn], kind="stable")]
        which = random.permutation(BLOCK)[step % BLOCK]
        return drawn[which * self._batch : (which + 1) * self._batch]


def generator(*key: int) -> np.random.Generator:
    """A random generator that depends on the key alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(list(key))))


def collate(
    data: Dataset,
    examples: np.ndarray,
    *,
    dropping: Dropping | None = None,
    random: np.random.Generator | None = None,
) -> Batch:
    """The examples as one batch, with words and histories hidden when `dropping` says so."""
    count = len(examples)
    words = data.rows["tokens"][examples]
    nodes = data.rows["nodes"][examples]
    length = int((1 + words + nodes).max())
    dense = np.zeros((count, length, DENSE), np.float32)
    first = np.zeros((count, length, length), np.uint8)
    second = np.zeros((count, length, length), np.uint8)
    allowed = np.zeros((count, int(nodes.max()), KINDS), bool)
    correct = np.zeros_like(allowed)
    bags: dict[str, list[np.ndarray]] = {"words": [], "attributes": []}
    for row, example in enumerate(examples):
        size = 1 + int(words[row]) + int(nodes[row])
        dense[row, :size] = data.part("dense", example)
        first[row, :size, :size] = data.part("first", example).reshape(size, size)
        second[row, :size, :size] = data.part("second", example).reshape(size, size)
        allowed[row, : nodes[row]] = data.part("allowed", example)
        correct[row].reshape(-1)[data.part("correct", example)] = True
        for name, parts in bags.items():
            part = data.part(name, example).astype(np.int64)
            part[:, 0] += row * length
            parts.append(part)
    said, called = np.concatenate(bags["words"]), np.concatenate(bags["attributes"])
    if dropping and random:
        said = _hide_words(said, length, count, dropping.words, random)
        hidden = random.random(count) < dropping.history
        dense[hidden, :, HISTORY_AT:] = 0
        dense[hidden, 0, 1] = dense[hidden, 0, 3] = dense[hidden, 0, 4] = 0
        dense[hidden, 0, 5:8] = 0
    word_ids, word_ends = _bags(said, count * length)
    attribute_ids, attribute_ends = _bags(called, count * length)
    present = np.arange(length)[None] < (1 + words + nodes)[:, None]
    return Batch(
        word_ids=word_ids,
        word_ends=word_ends,
        attribute_ids=attribute_ids,
        attribute_ends=attribute_ends,
        dense=torch.from_numpy(dense),
        first=torch.from_numpy(first.astype(np.int32)),
        second=torch.from_numpy(second.astype(np.int32)),
        present=torch.from_numpy(present),
        words=torch.from_numpy(words.astype(np.int64)),
        nodes=torch.from_numpy(nodes.astype(np.int64)),
        allowed=torch.from_numpy(allowed),
        correct=torch.from_numpy(correct),
        node=torch.from_numpy(correct.reshape(count, -1).argmax(1) // KINDS),
        span=torch.from_numpy(data.rows["span"][examples].astype(np.int64)),
    )


def _hide_words(
    said: np.ndarray, length: int, count: int, share: float, random: np.random.Generator
) -> np.ndarray:
    """Hide a share of the word types of each example, wherever they stand in it."""
    hidden = random.random((count, BUCKETS), dtype=np.float32) < share
    said = said.copy()
    said[hidden[said[:, 0] // length, said[:, 1]], 1:] = 0
    return said


def _bags(part: np.ndarray, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    counts = np.bincount(part[:, 0], minlength=tokens)
    ids = torch.from_numpy(np.ascontiguousarray(part[:, 1:]).reshape(-1))
    return ids, torch.from_numpy(2 * np.cumsum(counts))


def single(features: Features) -> Batch:
    """One decision to be made, as a batch of one without right answers."""
    words, nodes = len(features.tokens), len(features.page.nodes)
    length = 1 + words + nodes
    word_ids, word_ends = _bags(features.words.astype(np.int64), length)
    attribute_ids, attribute_ends = _bags(features.attributes.astype(np.int64), length)
    return Batch(
        word_ids=word_ids,
        word_ends=word_ends,
        attribute_ids=attribute_ids,
        attribute_ends=attribute_ends,
        dense=torch.from_numpy(features.dense.astype(np.float32))[None],
        first=torch.from_numpy(features.first.astype(np.int32))[None],
        second=torch.from_numpy(features.second.astype(np.int32))[None],
        present=torch.ones((1, length), dtype=torch.bool),
        words=torch.tensor([words]),
        nodes=torch.tensor([nodes]),
        allowed=torch.from_numpy(features.allowed)[None],
        correct=torch.zeros((1, nodes, KINDS), dtype=torch.bool),
        node=torch.zeros(1, dtype=torch.int64),
        span=torch.full((1, 2), -1),
    )
