"""Learning to leave a page alone: how sure it is that the likeliest action is what is asked for.

A softmax over what a page offers is sure of something on any page. A head of its own, learned after
everything else and from weights that stay as they are, is shown pages with and without what is
asked for (lam_core/doubtful.py) and learns on which the likeliest action is right. What is chosen
does not depend on it, only how sure the model is. See "Selective Classification for Deep Neural
Networks", Geifman and El-Yaniv 2017.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lam_core.batches import Dropping, collate, generator
from lam_core.dataset import Dataset
from lam_core.model import PLAIN, ActionModel
from lam_core.training import BETAS, DECAY, Config

STEPS = 1500
BATCH = 128
RATE = 1e-3
TOGETHER = 32
SIGHTS = 2
"""How often each example is seen, each time with other words and histories hidden."""
FORGOTTEN = 0.5
"""Share of the hidden state left out at each step, so that what holds on any page counts."""
WRONG = 0.3
"""How often the likeliest action is taken to be wrong where the model is used: seldomer than among
the examples, which are weighed so."""


def learn_to_doubt(model: ActionModel, data: Dataset, config: Config) -> None:
    """Train the model's `doubt` on the data. The same model, data and config give the same."""
    head = model.doubt.requires_grad_(requires_grad=True)
    _begin(head, config.seed)
    decided, doubtful = data.decided, data.doubtful
    if not len(doubtful):
        return
    random = generator(config.seed, 4)
    decided = random.choice(decided, min(len(decided), len(doubtful)), replace=False)
    seen, wanted = _sights(model, data, np.concatenate([decided, doubtful]), config)
    if wanted.min() == wanted.max():
        return
    share = wanted.mean()
    weights = torch.where(wanted > 0, WRONG / share, (1 - WRONG) / (1 - share))
    optimiser = torch.optim.AdamW(
        head.parameters(), lr=RATE, betas=BETAS, weight_decay=DECAY, foreach=False, fused=False
    )
    for step in range(STEPS):
        drawn = torch.from_numpy(generator(config.seed, 5, step).integers(len(wanted), size=BATCH))
        evidence = _partly_forgotten(seen[drawn], config.seed, step)
        loss = functional.binary_cross_entropy_with_logits(
            head(evidence).squeeze(-1), wanted[drawn], weights[drawn]
        )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()


def _partly_forgotten(evidence: Tensor, seed: int, step: int) -> Tensor:
    kept = generator(seed, 8, step).random((len(evidence), evidence.shape[1] - PLAIN))
    mask = np.ones(evidence.shape, np.float32)
    mask[:, PLAIN:] = (kept >= FORGOTTEN) / (1 - FORGOTTEN)
    return evidence * torch.from_numpy(mask).to(evidence.device)


def _begin(head: torch.nn.Sequential, seed: int) -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(int(generator(seed, 6).integers(2**62)))
        layers = [module for module in head if isinstance(module, torch.nn.Linear)]
        for layer in layers:
            layer.reset_parameters()
        layers[-1].weight.zero_()
        layers[-1].bias.fill_(float(np.log(WRONG / (1 - WRONG))))


def _sights(
    model: ActionModel, data: Dataset, examples: np.ndarray, config: Config
) -> tuple[Tensor, Tensor]:
    """Evidence of each example as often as it is seen, and whether acting on it would be wrong."""
    lengths = data.rows["tokens"] + data.rows["nodes"]
    examples = examples[np.argsort(lengths[examples], kind="stable")]
    dropping = Dropping(config.drop_words_percent / 100, config.drop_history_percent / 100)
    device = next(model.parameters()).device
    seen, wanted = [], []
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for sight in range(SIGHTS):
            for at in range(0, len(examples), TOGETHER):
                part = examples[at : at + TOGETHER]
                random = generator(config.seed, 7, sight, at)
                batch = collate(data, part, dropping=dropping, random=random).to(device)
                output = model(batch)
                best = output.actions.flatten(1).argmax(-1, keepdim=True)
                seen.append(model.evidence(output, batch))
                wanted.append(~batch.correct.flatten(1).gather(1, best).squeeze(1))
    model.train(was_training)
    return torch.cat(seen), torch.cat(wanted).float()
