"""The model at work, to look at: fresh instances of tasks, with a picture before each step."""

import shutil
import uuid
from collections.abc import Sequence
from html import escape
from pathlib import Path

import orjson

from lam_core.act import element_of, label_of
from lam_core.act_trace import Trace
from lam_core.act_types import Decision, Goal
from lam_core.browser import open_browser
from lam_core.dataset import write_atomically
from lam_core.evaluate import Episode, run_episode
from lam_core.miniwob_env import Episodes
from lam_core.model_release import ModelRelease
from lam_core.observation import Observation
from lam_core.policy import ModelPolicy

SHOWN = ("click-tab-2", "choose-list", "login-user", "click-checkboxes", "email-inbox")
"""What is shown unless told otherwise: a menu, a list, a form, boxes, a mailbox."""

PAGE = "index.html"
_STYLE = """body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem;
 padding: 0 1rem; color: #111; background: #fff } ol { display: flex; flex-wrap: wrap; gap: 1rem;
 padding: 0; list-style-position: inside } li { max-width: 16rem } img { width: 16rem;
 border: 1px solid #6b7280 }"""


def show(
    release: ModelRelease, folder: Path, *, tasks: Sequence[str], seed: str | None = None
) -> tuple[Path, list[Episode]]:
    """Do one instance of each task; returns the page that shows them, and what came of them.

    `folder` is made anew. Without a seed the instances are others each time. Raises BrowserError,
    NoPage, PageGone.
    """
    seed = seed or uuid.uuid4().hex
    policy = ModelPolicy(release.model, finishes=False)
    with open_browser() as browser:
        if folder.exists():
            shutil.rmtree(folder)
        episodes = Episodes(browser)
        shown = [_shown(episodes, policy, folder / task, task, seed) for task in tasks]
    page = folder / PAGE
    write_atomically(page, _page(release, folder, shown).encode())
    return page, shown


def _shown(episodes: Episodes, policy: ModelPolicy, folder: Path, task: str, seed: str) -> Episode:
    # What is asked is known when the episode has begun; the same seed begins the same one.
    trace = Trace(folder, Goal(episodes.start(task, seed).instruction))

    def watch(decision: Decision, observation: Observation) -> None:
        trace.step(
            decision=decision,
            target=element_of(decision.action, observation),
            picture=trace.picture(episodes.live.picture()),
            result=label_of(observation, decision.action.target),
            decided_by=policy.decided_by,
        )

    made, _ = run_episode(episodes, policy, arm="model", task=task, seed=seed, watch=watch)
    trace.close(reason="done" if made.done else "not done", detail=made.reason)
    return made


def _page(release: ModelRelease, folder: Path, shown: Sequence[Episode]) -> str:
    done = sum(each.done for each in shown)
    parts = [
        f"<h1>{escape(release.name)} at work</h1>",
        f"<p>{done} of {len(shown)} done. Nobody recorded or scripted these instances; the pages "
        "themselves say whether they were done right.</p>",
        *(_task(folder, each) for each in shown),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(release.name)} at work</title><style>{_STYLE}</style>{''.join(parts)}"
        "</html>\n"
    )


def _task(folder: Path, made: Episode) -> str:
    steps = orjson.loads((folder / made.task / "trace.json").read_bytes())["steps"]
    items = "".join(_step(made.task, step) for step in steps)
    told = "done" if made.done else f"not done: {made.reason}"
    return f"<h2>{escape(made.goal)}</h2><p>{escape(told)}</p><ol>{items}</ol>"


def _step(task: str, step: dict[str, object]) -> str:
    action = step["action"]
    assert isinstance(action, dict)
    said = " ".join(filter(None, (action["kind"], action.get("text"), str(step["result"]))))
    picture = f"{task}/{step['picture']}"
    return f'<li>{escape(said)}<br><img src="{escape(picture)}" alt="The page before"></li>'
