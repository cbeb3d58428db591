"""The model: a small transformer over the page, the words of the instruction and the nodes.

Attention is biased by what is known of each pair of tokens (lam_core/relations.py). One softmax
chooses the node and what to do with it; two pointers choose the words to type. How far all that is
to be doubted on a page, a head of its own says (lam_core/doubt.py).
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lam_core.features import DENSE, NODE_KIND, NODE_SAYS, WORDS_SAID, Kind
from lam_core.relations import FIRST_CODES, SECOND_CODES
from lam_core.words import BUCKETS

NEVER = -1e9
KINDS = len(Kind)
DOUBT = "doubt."
"""What the names of the parameters begin with that are learned last, with all others fixed."""
_SAID = len(range(*WORDS_SAID.indices(DENSE)))
_NODE = len(range(*NODE_KIND.indices(DENSE))) + len(range(*NODE_SAYS.indices(DENSE)))
PLAIN = 1 + KINDS + 2 * _SAID + 2 * _NODE
"""Of the evidence for doubt, what means the same on any page, like those trained on or not."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model."""

    width: int = 96
    layers: int = 3
    heads: int = 4
    embedding: int = 48
    dropout_percent: int = 10

    def document(self) -> dict[str, int]:
        """As JSON values."""
        return asdict(self)


@dataclass(slots=True)
class Batch:
    """Examples padded to one length T = 1 + W + N.

    `word_ids`, `attribute_ids` are flat bucket numbers with `*_ends`, the end of each token's
    bag, (B*T,). `dense` (B, T, DENSE); `first`, `second` (B, T, T); `present` (B, T) bool;
    `words`, `nodes` (B,) counts; `allowed`, `correct` (B, N, kinds) bool; `node` (B,) the node
    typed into; `span` (B, 2), -1 without text.
    """

    word_ids: Tensor
    word_ends: Tensor
    attribute_ids: Tensor
    attribute_ends: Tensor
    dense: Tensor
    first: Tensor
    second: Tensor
    present: Tensor
    words: Tensor
    nodes: Tensor
    allowed: Tensor
    correct: Tensor
    node: Tensor
    span: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device."""
        return Batch(**{name: getattr(self, name).to(device) for name in self.__slots__})


@dataclass(slots=True)
class Output:
    """`actions` (B, N, kinds): log-probabilities over all nodes and kinds together.

    `hidden` (B, T, width) is kept for the pointers.
    """

    actions: Tensor
    hidden: Tensor


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(shape.dropout_percent / 100)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        count, length, width = x.shape
        mixed = self.mix(self.attention_norm(x)).view(count, length, 3, self.heads, -1)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5 + bias
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(count, length, width)
        x = x + self.dropout(self.out(mixed))
        return x + self.dropout(self.narrow(functional.gelu(self.widen(self.feed_norm(x)))))


class ActionModel(nn.Module):
    """See the module's docstring. `forward` takes a Batch, `pointers` finds what to type."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.embedding = nn.Embedding(BUCKETS, shape.embedding, padding_idx=0)
        self.enter = nn.Linear(2 * shape.embedding + DENSE, width)
        self.enter_norm = nn.LayerNorm(width)
        self.first_bias = nn.Embedding(FIRST_CODES, shape.layers * shape.heads)
        self.second_bias = nn.Embedding(SECOND_CODES, shape.layers * shape.heads)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))
        self.leave_norm = nn.LayerNorm(width)
        self.choose = nn.Sequential(nn.Linear(3 * width, width), nn.GELU(), nn.Linear(width, KINDS))
        self.ask = nn.Linear(width, 2 * width)
        self.answer = nn.Linear(width, 2 * width)
        self._initialise()
        # After everything else, whose first weights are then what they are without it.
        self.doubt = nn.Sequential(
            nn.Linear(3 * width + PLAIN, width), nn.GELU(), nn.Linear(width, 1)
        )

    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.zeros_(self.first_bias.weight)
        nn.init.zeros_(self.second_bias.weight)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(self, batch: Batch) -> Output:
        """Log-probabilities of every action on every node."""
        x = self._entered(batch)
        biases = self._biases(batch)
        for number, layer in enumerate(self.layers):
            x = layer(x, biases[number])
        hidden = self.leave_norm(x)
        return Output(self._actions(hidden, batch), hidden)

    def pointers(self, output: Output, batch: Batch) -> Tensor:
        """Log-probabilities (B, 2, W) of the first and last word to type into `batch.node`."""
        hidden = output.hidden
        count, width = len(hidden), self.shape.width
        words = int(batch.words.max())
        rows = torch.arange(count, device=hidden.device)
        asked = self.ask(hidden[rows, 1 + batch.words + batch.node]).view(count, 2, 1, width)
        answers = self.answer(hidden[:, 1 : 1 + words]).view(count, words, 2, width)
        scores = (asked * answers.transpose(1, 2)).sum(-1) * width**-0.5
        absent = torch.arange(words, device=hidden.device)[None] >= batch.words[:, None]
        return scores.masked_fill(absent[:, None], NEVER).log_softmax(-1)

    def evidence(self, output: Output, batch: Batch) -> Tensor:
        """What doubt is judged by, (B, PLAIN + 3 * width).

        First the likeliest action's probability and kind, what is known of the words, and what
        kind the likeliest node and any node is and how much it says of the instruction; then the
        hidden state of the page, of the likeliest node, and of all nodes where it is strongest.
        """
        hidden, count = output.hidden, len(output.hidden)
        rows = torch.arange(count, device=hidden.device)
        places = torch.arange(hidden.shape[1], device=hidden.device)[None]
        words = (places > 0) & (places <= batch.words[:, None])
        nodes = batch.present & (places > batch.words[:, None])
        chances, best = output.actions.flatten(1).max(-1)
        at = 1 + batch.words + best // KINDS
        said = batch.dense[..., WORDS_SAID] * words[..., None]
        seen = torch.cat([batch.dense[..., NODE_KIND], batch.dense[..., NODE_SAYS]], -1)
        strongest = hidden.masked_fill(~nodes[..., None], NEVER).amax(1)
        return torch.cat(
            [
                chances.exp()[:, None],
                functional.one_hot(best % KINDS, KINDS),
                said.amax(1),
                said.sum(1) / batch.words.clamp(min=1)[:, None],
                seen[rows, at],
                (seen * nodes[..., None]).amax(1),
                hidden[:, 0],
                hidden[rows, at],
                strongest,
            ],
            -1,
        )

    def doubts(self, output: Output, batch: Batch) -> Tensor:
        """The probability (B,) that the likeliest action is not what is asked for."""
        return self.doubt(self.evidence(output, batch)).squeeze(-1).sigmoid()

    def _entered(self, batch: Batch) -> Tensor:
        count, length = batch.present.shape
        weight = self.embedding.weight
        bags = [
            functional.embedding_bag(
                ids,
                weight,
                torch.cat([ends.new_zeros(1), ends[:-1]]),
                mode="mean",
                padding_idx=0,
            ).view(count, length, -1)
            for ids, ends in (
                (batch.word_ids, batch.word_ends),
                (batch.attribute_ids, batch.attribute_ends),
            )
        ]
        return self.enter_norm(self.enter(torch.cat([*bags, batch.dense], -1)))

    def _biases(self, batch: Batch) -> Tensor:
        """(layers, B, heads, T, T)."""
        bias = self.first_bias(batch.first) + self.second_bias(batch.second)
        bias = bias.masked_fill(~batch.present[:, None, :, None], NEVER)
        count, length = batch.present.shape
        bias = bias.view(count, length, length, self.shape.layers, self.shape.heads)
        return bias.permute(3, 0, 4, 1, 2)

    def _actions(self, hidden: Tensor, batch: Batch) -> Tensor:
        nodes = batch.allowed.shape[1]
        at = torch.arange(nodes, device=hidden.device)[None] + 1 + batch.words[:, None]
        at = at.clamp(max=hidden.shape[1] - 1)
        chosen = hidden.gather(1, at[..., None].expand(-1, -1, hidden.shape[2]))
        page = hidden[:, :1].expand_as(chosen)
        scores = self.choose(torch.cat([chosen, page, chosen * page], -1))
        scores = scores.masked_fill(~batch.allowed, NEVER)
        return scores.flatten(1).log_softmax(-1).view_as(scores)


@dataclass(slots=True)
class Losses:
    """Sums over a batch: what is minimised, and right choices out of all."""

    total: Tensor
    right: int
    count: int


def losses(model: ActionModel, batch: Batch) -> Losses:
    """The summed loss: minus the log-probability of all right answers, plus that of the words."""
    output = model(batch)
    chances = output.actions.masked_fill(~batch.correct, NEVER).flatten(1).logsumexp(-1)
    typed = batch.span[:, 0] >= 0
    pointed = model.pointers(output, batch)
    spans = pointed.gather(2, batch.span.clamp(min=0)[..., None]).squeeze(-1).sum(-1)
    total = -chances.sum() - (spans * typed).sum()
    best = output.actions.flatten(1).argmax(-1)
    right = batch.correct.flatten(1).gather(1, best[:, None]).sum()
    return Losses(total, int(right), len(batch.words))


def parameters_of(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def make(shape: Shape, seed: int) -> ActionModel:
    """A fresh model; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ActionModel(shape)


def shape_of(document: dict[str, Any]) -> Shape:
    """The shape in a manifest. Raises TypeError for other fields than a shape has."""
    return Shape(**document)
