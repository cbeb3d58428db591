"""Records the project's own samples: MiniWoB++ tasks done by a script in a real Chromium.

    python -m lam_core.samples.record FOLDER

Chromium gets real input events with pauses of human length, and the pages' own recorder
(`record.js` of the `miniwob` package) writes down what it sees, so the files have the format of
the public demonstrations. They are marked `scripted`: the importer makes samples of them, which
no verifier release accepts but the demo's.
"""

import argparse
import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson
from rich.progress import track

from lam_core import browser
from lam_core.samples import FOLDER

CONTRIBUTORS = ("sample1", "sample2", "sample3")
EPISODE_MS = 60_000
SETTLE_MS = 600
"""The pages' recorder closes a recording half a second after the reward."""

# Keep the finished recording instead of sending it to the collection server of 2017.
_KEEP_RECORDING = """() => {
  recorder.endRecording = function () {
    recorder.data.reward = WOB_REWARD_GLOBAL;
    recorder.data.rawReward = WOB_RAW_REWARD_GLOBAL;
    recorder.isRecording = false;
    window.finishedRecording = recorder.data;
  };
}"""


@dataclass(frozen=True, slots=True)
class Click:
    """Press the middle part of the element a selector finds."""

    selector: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Type a text into whatever has the focus."""

    text: str


Plan = Iterator[Click | Keys]
Page = Any
"""A page of Playwright, which this module imports only when it records."""


def _quoted(instruction: str) -> list[str]:
    return re.findall(r'"([^"]+)"', instruction)


def _click_button(page: Page, instruction: str) -> Plan:
    yield Click(f'#area button:text-is("{_quoted(instruction)[0]}") >> nth=0')


def _click_link(page: Page, instruction: str) -> Plan:
    yield Click(f'#area .alink:text-is("{_quoted(instruction)[0]}") >> nth=0')


def _click_tab(page: Page, instruction: str) -> Plan:
    number = re.findall(r"Tab #(\d)", instruction)[0]
    yield Click(f'#area a:text-is("Tab #{number}")')


def _click_checkboxes(page: Page, instruction: str) -> Plan:
    words = instruction.removeprefix("Select ").removesuffix(" and click Submit.")
    for word in words.split(", "):
        if word != "nothing":
            yield Click(f'#boxes label:has-text("{word}") input >> nth=0')
    yield Click("#subbtn")


def _enter_text(page: Page, instruction: str) -> Plan:
    yield Click("#tt")
    yield Keys(_quoted(instruction)[0])
    yield Click("#subbtn")


def _login_user(page: Page, instruction: str) -> Plan:
    user, password = _quoted(instruction)
    yield Click("#username")
    yield Keys(user)
    yield Click("#password")
    yield Keys(password)
    yield Click("#subbtn")


TASKS: dict[str, Callable[[Page, str], Plan]] = {
    "click-button": _click_button,
    "click-link": _click_link,
    "click-tab": _click_tab,
    "click-checkboxes": _click_checkboxes,
    "enter-text": _enter_text,
    "login-user": _login_user,
}


def record_all(folder: Path, *, seed: int = 1) -> list[Path]:
    """Record every task once for every contributor; returns the files written.

    Raises RuntimeError when a task was not done or no Chromium is found.
    """
    from playwright.sync_api import sync_playwright

    written = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(), args=list(browser.FLAGS), headless=True
        )
        jobs = [(task, name) for task in TASKS for name in CONTRIBUTORS]
        for task, name in track(jobs, description="Recording samples"):
            page = chromium.new_page()
            recording = record(page, task, Random(f"{seed}/{task}/{name}"))  # noqa: S311
            written.append(write(folder, recording, task, f"{task}_{name}_d1"))
            page.close()
        chromium.close()
    return written


def record(page: Page, task: str, random: Random, *, site: str = "") -> dict[str, Any]:
    """Do one task on a fresh page and return its recording. Raises RuntimeError on failure.

    `site` is where the folder `pages()` is served; by default the files themselves are opened.
    """
    page.goto(f"{site or pages().as_uri()}/miniwob/{task}.html")
    page.add_script_tag(path=pages() / "core" / "record.js")
    page.evaluate(_KEEP_RECORDING)
    page.evaluate(
        "([seed, limit]) => { Math.seedrandom(seed); core.EPISODE_MAX_TIME = limit; }",
        [str(random.getrandbits(64)), EPISODE_MS],
    )
    page.evaluate("core.startEpisodeReal()")
    instruction = page.evaluate("recorder.data.utterance")
    _wait(page, random, 900)
    for step in TASKS[task](page, instruction):
        perform(page, step, random)
    page.wait_for_timeout(SETTLE_MS)
    recording: dict[str, Any] | None = page.evaluate("window.finishedRecording || null")
    if recording is None or recording["rawReward"] != 1:
        raise RuntimeError(f"{task} was not done: {instruction}")
    return {"scripted": True, **recording, "taskName": task}


def write(folder: Path, recording: dict[str, Any], task: str, name: str) -> Path:
    """Write a recording as `folder/TASK/NAME.json.gz`; equal recordings give equal bytes."""
    path = folder / task / f"{name}.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(orjson.dumps(recording), mtime=0))
    return path


def pages() -> Path:
    """The folder of pages in the `miniwob` package."""
    import miniwob

    return Path(miniwob.__file__).parent / "html"


def chromium_path() -> str:
    """The Chromium to use: CHROMIUM_PATH, else one on PATH. Raises RuntimeError without any."""
    found = browser.chromium_path()
    if not found:
        raise RuntimeError("no Chromium: set CHROMIUM_PATH or install chromium")
    return found


def perform(page: Page, step: Click | Keys, random: Random) -> None:
    """Real input events with pauses of human length."""
    if isinstance(step, Keys):
        for character in step.text:
            page.keyboard.down(character)
            page.wait_for_timeout(random.gauss(85, 15))
            page.keyboard.up(character)
            page.wait_for_timeout(random.lognormvariate(4.4, 0.5))
        _wait(page, random, 500)
        return
    box = page.locator(step.selector).bounding_box()
    x = box["x"] + box["width"] * random.uniform(0.25, 0.75)
    y = box["y"] + box["height"] * random.uniform(0.25, 0.75)
    page.mouse.move(x, y, steps=random.randint(8, 16))
    page.mouse.down()
    page.wait_for_timeout(random.gauss(95, 18))
    page.mouse.up()
    _wait(page, random, 650)


def _wait(page: Page, random: Random, milliseconds: int) -> None:
    page.wait_for_timeout(milliseconds * random.lognormvariate(0, 0.4))


def main() -> None:
    """Record into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for path in record_all(arguments.folder, seed=arguments.seed):
        print(path)


if __name__ == "__main__":
    main()
