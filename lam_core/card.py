"""The model card of a release: data, tasks, figures, limits, cost, written from its manifest."""

import json
from pathlib import Path
from typing import Any

from lam_core.dataset import write_atomically
from lam_core.evaluation_report import curve_svg
from lam_core.model_release import WEIGHTS, read_manifest
from lam_core.training import read_curve

CARD = "MODEL_CARD.md"
EVALUATION = "evaluation.json"

_LIMITS = """\
- It has learned from small pages with English instructions. On pages of other kinds, and where \
nothing of what is asked for is there, it is mostly unsure; `act` then stops and says so.
- It reads structure, text, geometry and colours. It does not see pictures, and nothing inside a \
canvas.
- It types words of the instruction or of the given values, nothing of its own: it cannot compute, \
compose or translate.
- It plans no further than the next action. Games, long counting and comparing many rows are weak.
- Before sending, paying or deleting, `act` asks a person unless told otherwise. Keep it so.
"""


def write_card(folder: Path) -> Path:
    """Write the card of the release in a folder, with its curve. Raises ReleaseError."""
    manifest = read_manifest(folder)
    path = folder / EVALUATION
    evaluation = json.loads(path.read_text()) if path.exists() else None
    points = read_curve(folder)
    if points:
        write_atomically(folder / "curve.svg", curve_svg(points).encode())
    text = card(manifest, evaluation, (folder / WEIGHTS).stat().st_size, bool(points))
    write_atomically(folder / CARD, text.encode())
    return folder / CARD


def card(
    manifest: dict[str, Any], evaluation: dict[str, Any] | None, size: int, curve: bool
) -> str:
    """The card as Markdown."""
    config, data = manifest["made_of"]["config"], manifest["data"]
    made_on = manifest["made_on"]
    parts = [
        f"# {manifest['name']}",
        f"A Large Action Model of {manifest['parameters']:,} parameters ({size / 1e6:.1f} MB). "
        "From an instruction and what a page shows it chooses the next action: click, type words "
        "of the instruction, select, press Enter.",
        f"Hash `{manifest['hash']}`.",
        "## Data\n\n"
        f"{data['workflows']:,} recordings of people doing {len(data['tasks'])} tasks, by "
        f"{data['contributors']:,} contributors, {data['examples']:,} decisions. Digest "
        f"`{manifest['made_of']['data']}`. Observations hold nothing that only the person's own "
        "pointer or scrolling caused, and no typed characters.",
        "## Training\n\n"
        f"Behaviour cloning{_beyond(manifest)}: {config['steps']:,} steps of {config['batch']} "
        f"decisions, seed {config['seed']}, then how sure to be, from the same pages with what was "
        "asked for taken out and from plain requests for what they show, on "
        f"{made_on['processor'] or made_on['machine']} with "
        f"{made_on['threads']} thread(s) of torch {made_on['torch']}."
        + ("\n\n![Training curve](curve.svg)" if curve else ""),
        "## Figures\n\n" + _figures(evaluation),
        "## Limits\n\n" + _LIMITS.rstrip(),
        "## Cost\n\n" + _cost(manifest, evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def _beyond(manifest: dict[str, Any]) -> str:
    own = manifest["metrics"].get("reward_trained")
    if not own:
        return " of demonstrations"
    return (
        f", beginning with the weights of the release `{own['base']}`, of demonstrations and of "
        f"{own['rewarded']:,} of {own['attempts']:,} own attempts, in {own['rounds']} rounds, that "
        f"the pages rewarded ({', '.join(own['tasks'])}). Whoever's recordings that release "
        "learned from is in the attempts as well: to forget somebody, both are made anew. Then"
    )


def _figures(evaluation: dict[str, Any] | None) -> str:
    if not evaluation or "model" not in evaluation:
        return "Not evaluated yet: `python -m lam_core evaluate FOLDER --out FOLDER`."
    model = evaluation["model"]
    lines = [
        f"MiniWoB++ in Chromium, {len(model['tasks'])} tasks, {model['episodes']} episodes, the "
        f"pages' own time limits, full reward: **{model['mean_percent']:.1f} %** "
        f"({model['low_percent']:.1f}–{model['high_percent']:.1f}).",
        "",
        "| task | done | of | 95 % interval |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {task} | {of['done']} | {of['episodes']} | "
        f"{of['low_percent']:.0f}–{of['high_percent']:.0f} % |"
        for task, of in model["tasks"].items()
    ]
    if "replay" in evaluation:
        lines[0] += (
            f" Literal replay of one recording: {evaluation['replay']['mean_percent']:.1f} %."
        )
    return "\n".join(lines)


def _cost(manifest: dict[str, Any], evaluation: dict[str, Any] | None) -> str:
    seconds = manifest["metrics"].get("training_cpu_seconds")
    doubt = manifest["metrics"].get("doubt_cpu_seconds", 0)
    parts = []
    if seconds:
        parts.append(
            f"Training took {(seconds + doubt) / 60:.1f} CPU minutes, {doubt / 60:.1f} of them to "
            "learn when to doubt."
        )
    if evaluation and "model" in evaluation:
        parts.append(f"A decision takes {evaluation['model']['decide_ms']:.1f} ms on one thread.")
    return " ".join(parts) or "Not measured."
