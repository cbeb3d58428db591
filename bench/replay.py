"""Replays ten recordings on changed pages: `python -m bench.replay`; `make bench-replay`.

The same actions are recorded twice at once: as a workflow, repeated by anchors, and as the Chrome
DevTools Recorder writes them, replayed by @puppeteer/replay, in one run on the same pages. Writes
bench/results/replay.json.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from bench import report
from bench.replay_pages import CHANGES, TASKS, TRAPS, Task, write_pages
from bench.report import ROOT, Figure, figure
from lam_core.act import allow
from lam_core.act_types import Action, Goal
from lam_core.browser import chromium_path, open_browser, open_context
from lam_core.browser_page import LivePage
from lam_core.observation import Observation
from lam_core.record_once import PageSurface, Repeater, make, used, values_for
from lam_core.references import pattern_of
from lam_core.schema import SCHEMA_VERSION, Workflow, parse_workflow

PATIENCE_MS = 3_000
"""How long both wait for a target."""

Document = dict[str, Any]
TRAP = " (stopping is right, too)"

# What the DevTools Recorder would note of an element: by accessible name where that is unique, by
# CSS, by XPath, through shadow roots, by text where that is unique.
SELECTORS = """(element) => {
  const shadows = [...document.querySelectorAll('*')].map((e) => e.shadowRoot).filter(Boolean);
  const roots = [document, ...shadows];
  const all = roots.flatMap((root) => [...root.querySelectorAll('*')]);
  const nameOf = (e) => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent
    || (e.matches('button, a, [role=menuitem], [role=tab]') ? e.textContent : '') || '').trim();
  const host = element.getRootNode().host;
  const alike = (e) => [...e.parentElement.children].filter((c) => c.localName === e.localName);
  const path = (e) => e.id ? '#' + e.id : path(e.parentElement) + ' > ' + e.localName
    + ':nth-of-type(' + (alike(e).indexOf(e) + 1) + ')';
  const name = nameOf(element);
  const text = element.textContent.trim();
  const found = [];
  if (name && all.filter((e) => nameOf(e) === name).length === 1) found.push(['aria/' + name]);
  found.push(host ? [path(host), path(element)] : [path(element)]);
  if (!host) found.push([`xpath///*[@id="${element.id}"]`]);
  found.push(['pierce/' + path(element)]);
  if (text && all.filter((e) => !e.childElementCount && e.textContent.trim() === text).length === 1)
    found.push(['text/' + text]);
  return found;
}"""


class Recorder:
    """Does a task once on the page as it is, and writes it down in both ways."""

    def __init__(self, live: LivePage, task: Task) -> None:
        self._live = live
        self._task = task
        self._observations: list[Document] = []
        self._steps: list[Document] = []
        self._peer: list[Document] = []
        words = [text for action, _, text in task.steps if action == "type"]
        self._instruction = f"{task.name}: {', '.join(words)}"

    def record(self) -> tuple[Workflow, Document]:
        """The workflow, and the recording for @puppeteer/replay."""
        for number, (action, selector, text) in enumerate(self._task.steps):
            self._step(number, action, selector, text)
        document = {
            "schema_version": SCHEMA_VERSION,
            "id": str(uuid.uuid4()),
            "source": "extension",
            "task": {
                "name": self._task.name,
                "instruction": self._instruction,
                "parameters": [{"name": "option", "pattern": pattern_of("x").model_dump()}]
                if any(action == "select" for action, _, _ in self._task.steps)
                else [],
            },
            "observations": self._observations,
            "steps": self._steps,
        }
        return parse_workflow(document), {"title": self._task.name, "steps": self._peer}

    def _step(self, number: int, action: str, selector: str, text: str) -> None:
        element = self._live.page.locator(selector).element_handle()
        box = element.bounding_box()
        assert box is not None
        observation = self._live.observe()
        target = _at(observation, element.evaluate("e => e.localName"), box)
        selectors = element.evaluate(SELECTORS)
        self._observations.append(observation.model_dump(mode="json", exclude_defaults=True))
        step = {"at": number, "until": number, "observation": number, "target": target}
        press = {"down": number, "up": number}
        offset = {"offsetX": round(box["width"] / 2), "offsetY": round(box["height"] / 2)}
        clicked = {"type": "click", "target": "main", "selectors": selectors, **offset}
        if action == "click":
            point = [round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)]
            self._steps.append({**step, "action": "click", "point": point, "presses": [press]})
            self._peer.append(clicked)
        elif action == "type":
            self._steps.append({**step, "action": "type", "keys": [], **self._typed(text)})
            changed = {"type": "change", "target": "main", "selectors": selectors, "value": text}
            self._peer += [clicked, changed]
        else:
            reference = {"source": "parameter", "name": "option"}
            self._steps.append({**step, "action": "select", "text": reference})
            changed = {"type": "change", "target": "main", "selectors": selectors, "value": text}
            self._peer.append(changed)
        self._live.perform(Action(action, target=target, text=text))  # type: ignore[arg-type]
        self._live.settle()

    def _typed(self, text: str) -> Document:
        start = self._instruction.index(text)
        reference = {"source": "instruction", "start": start, "end": start + len(text)}
        return {"text": reference, "pattern": pattern_of(text).model_dump(mode="json")}


def _at(observation: Observation, tag: str, box: Any) -> int:
    """The element of an observation with this tag and box."""
    wanted = tuple(round(box[part]) for part in ("x", "y", "width", "height"))
    return next(
        index
        for index, element in enumerate(observation.elements)
        if element.tag == tag
        and max(abs(a - b) for a, b in zip(element.box, wanted, strict=True)) < 2
    )


def by_anchors(
    context: BrowserContext, workflow: Workflow, task: Task, url: str
) -> tuple[Document, str]:
    """Repeat a recording; what the page tells, and what the targets were found by."""
    live = LivePage(context.new_page())
    live.open(url)
    automation = make(workflow, live)
    options = [text for action, _, text in task.steps if action == "select"]
    slots = {"option": options[0]} if options else {}
    goal = Goal(workflow.task.instruction, slots)
    values = values_for(automation, goal, live)
    repeated = Repeater(
        automation, goal, PageSurface(live), values, confirm=allow, patience_ms=PATIENCE_MS
    ).run()
    told = live.page.evaluate("window.state()")
    live.page.close()
    return {**told, "error": "" if repeated.finished else repeated.reason}, used(repeated.steps)


def by_peer(jobs: list[Document]) -> list[Document]:
    """What the pages tell after @puppeteer/replay."""
    done = subprocess.run(
        ["node", "bench/replay_peer.mjs"],
        cwd=ROOT,
        input=json.dumps({"jobs": jobs, "timeout": PATIENCE_MS}),
        env={**os.environ, "CHROMIUM_PATH": chromium_path() or ""},
        capture_output=True,
        text=True,
        check=True,
    )
    results: list[Document] = json.loads(done.stdout)
    return results


def verdict(task: Task, told: Document) -> str:
    """`right`, `wrong` where anything else was pressed or filled in, else `stopped`."""
    if any(does not in task.does for does in told["does"]) or len(told["does"]) > len(task.does):
        return "wrong"
    if any(task.fields.get(name) != value for name, value in told["fields"].items()):
        return "wrong"
    done = tuple(told["does"]) == task.does and told["fields"] == task.fields
    if done:
        return "right"
    # Going on to the end without some of it is a mistake too; only an error is a stop.
    return "stopped" if told["error"] else "wrong"


def run(changes: tuple[str, ...]) -> Document:
    """Everything, in both ways."""
    ours, found, jobs, cells = Counter[tuple[str, str]](), Counter[str](), [], []
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_browser() as browser,
        open_context(browser) as context,
    ):
        addresses = write_pages(Path(folder))
        for task in TASKS:
            live = LivePage(context.new_page())
            live.open(f"{addresses[task.name]}?change=same")
            workflow, recording = Recorder(live, task).record()
            live.page.close()
            for change in changes:
                url = f"{addresses[task.name]}?change={change}"
                told, by = by_anchors(context, workflow, task, url)
                ours[change, verdict(task, told)] += 1
                cells.append({"task": task.name, "change": change, "anchors": verdict(task, told)})
                for part in filter(None, by.split(", ")):
                    name, count = part.rsplit(" ", 1)
                    found[name] += int(count)
                jobs.append({"url": url, "recording": recording})
        seconds = time.monotonic() - started
        peers = by_peer(jobs)
    theirs = Counter[tuple[str, str]]()
    for cell, told in zip(cells, peers, strict=True):
        task = next(task for task in TASKS if task.name == cell["task"])
        cell["puppeteer"] = verdict(task, told)
        theirs[cell["change"], cell["puppeteer"]] += 1
    return {
        "anchors": _by_change(ours, changes),
        "puppeteer_replay": _by_change(theirs, changes),
        "found_by": dict(found),
        "seconds_anchors": round(seconds, 1),
        "cells": cells,
    }


def _by_change(counts: Counter[tuple[str, str]], changes: tuple[str, ...]) -> Document:
    outcomes = ("right", "stopped", "wrong")
    return {change: {each: counts[change, each] for each in outcomes} for change in changes}


def figures(found: Document) -> list[Figure]:
    """How often each way ended how, by how the page was changed."""
    return [
        figure(
            f"{change}{TRAP if change in TRAPS else ''}: {outcome}",
            count,
            "recordings",
            at_most=0 if outcome == "wrong" else None,
            peer="@puppeteer/replay",
            peer_value=found["puppeteer_replay"][change][outcome],
        )
        for change, counts in found["anchors"].items()
        for outcome, count in counts.items()
    ]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=CHANGES)
    arguments = parser.parse_args()
    made_on = report.environment(("playwright",))
    found = run(tuple(arguments.changes))
    report.write(
        "replay",
        command="make bench-replay",
        made_on=made_on,
        figures=figures(found),
        found_by=found["found_by"],
        cells=found["cells"],
    )


if __name__ == "__main__":
    main()
