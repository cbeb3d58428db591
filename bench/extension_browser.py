"""Two Chromiums, one with the extension, and what their processes cost."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, Page, Playwright

from lam_core.browser import FLAGS, chromium_path

EXTENSION_ID = "apipmfnpgahjmgnfebmiodoiflmfhplo"
"""Follows from the public key in manifest.json."""
PRESSES = ("pointerdown", "mousedown", "pointerup", "mouseup", "click")
KEYS = ("keydown", "keypress", "keyup", "beforeinput", "input", "change")
USER_EVENTS = {
    "pointermove",
    "mousemove",
    "wheel",
    "scroll",
    "focusin",
    "focusout",
    *PRESSES,
    *KEYS,
}
MEGABYTE = 2**20


@dataclass(eq=False)
class Arm:
    """A browser with a profile of its own, and the page that is used in it."""

    context: BrowserContext
    profile: Path
    page: Page

    def processes(self) -> list[psutil.Process]:
        """All of the browser's processes that run."""
        wanted = f"--user-data-dir={self.profile}"
        for child in psutil.Process().children(recursive=True):
            if wanted in child.cmdline() and not any("--type=" in part for part in child.cmdline()):
                found = [child, *child.children(recursive=True)]
                return [each for each in found if _runs(each)]
        raise RuntimeError(f"no browser runs in {self.profile}")

    def cpu_seconds(self, *, only: str = "") -> float:
        """Processor time of all processes so far, or of those with this flag."""
        wanted = [each for each in self.processes() if not only or only in each.cmdline()]
        times = [process.cpu_times() for process in wanted]
        return sum(each.user + each.system for each in times)

    def megabytes(self) -> float:
        """Memory of all processes, shared pages divided among who shares them (PSS)."""
        return sum(each.memory_full_info().pss for each in self.processes()) / MEGABYTE

    def trace(self) -> "Trace":
        """Begin to time the dispatch of events in the page."""
        return Trace(self)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Trace:
    """Times how long the listeners of each event of the page take, from Chromium's own trace."""

    def __init__(self, arm: Arm) -> None:
        self._page = arm.page
        self._session = arm.context.new_cdp_session(arm.page)
        self._done: list[dict[str, Any]] = []
        self._session.on("Tracing.tracingComplete", lambda event: self._done.append(event))
        config = {"includedCategories": ["devtools.timeline"], "recordMode": "recordUntilFull"}
        self._session.send(
            "Tracing.start", {"transferMode": "ReturnAsStream", "traceConfig": config}
        )

    def end(self) -> dict[str, list[float]]:
        """Milliseconds of every dispatch to the page, by type of event."""
        self._session.send("Tracing.end")
        while not self._done:
            self._page.wait_for_timeout(50)
        found: dict[str, list[float]] = defaultdict(list)
        for event in json.loads(self._read(self._done[0]["stream"]))["traceEvents"]:
            kind = event.get("args", {}).get("data", {}).get("type")
            if event["name"] == "EventDispatch" and "dur" in event and kind in USER_EVENTS:
                found[kind].append(event["dur"] / 1000)
        return found

    def _read(self, stream: str) -> str:
        parts = []
        while True:
            part = self._session.send("IO.read", {"handle": stream})
            parts.append(part["data"])
            if part.get("eof"):
                return "".join(parts)


def open_arm(
    playwright: Playwright, profile: Path, url: str, *, extension: Path | None = None
) -> Arm:
    """A browser on the page, with the extension in it or without."""
    flags = ["--headless=new", *FLAGS]
    if extension:
        flags += [f"--disable-extensions-except={extension}", f"--load-extension={extension}"]
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=chromium_path(),
        headless=False,  # --headless=new is among the flags; the old mode has no extensions
        args=flags,
    )
    page = context.new_page()
    page.goto(url)
    if extension:
        _close_welcome(context)
    return Arm(context, profile, page)


def _close_welcome(context: BrowserContext) -> None:
    """Close the page that the extension opens when it is installed: people read it and do so."""
    for _ in range(100):
        for page in context.pages:
            if EXTENSION_ID in page.url:
                page.close()
                return
        context.pages[0].wait_for_timeout(100)
    raise RuntimeError("the extension did not open its welcome page")


class Extension:
    """The extension in a browser, spoken to from one of its own pages.

    The page is open only while it speaks: people do not keep one open either.
    """

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self._panel: Page | None = None

    def page(self, name: str) -> Page:
        """One of its pages, as a tab."""
        page = self.arm.context.new_page()
        page.goto(f"chrome-extension://{EXTENSION_ID}/{name}")
        return page

    def ask(self, kind: str, **message: Any) -> Any:
        """What its service worker answers. Raises RuntimeError with the error it answers."""
        asked = {"kind": kind, **message}
        reply = self._evaluate("message => chrome.runtime.sendMessage(message)", asked)
        if not reply["ok"]:
            raise RuntimeError(reply["error"])
        return reply.get("value")

    def remember(self, **values: Any) -> None:
        """Put settings."""
        self._evaluate("values => chrome.storage.local.set(values)", values)

    def row(self, store: str, key: str) -> Any:
        """A row of one of its tables, with the workflow that is packed in it."""
        return self._evaluate(READ_ROW, [store, key])

    @contextmanager
    def open(self) -> Iterator[Page]:
        """One page for all that is said meanwhile."""
        if self._panel:
            yield self._panel
            return
        self._panel = self.page("settings.html")
        try:
            yield self._panel
        finally:
            self._panel.close()
            self._panel = None
            self.arm.page.bring_to_front()

    def rest(self) -> None:
        """End its service worker, as Chromium does after half a minute without anything to do.

        It never does so to one that is debugged, and Playwright debugs all there are.
        """
        session = self.arm.context.new_cdp_session(self.arm.page)
        session.send("ServiceWorker.enable")
        session.send("ServiceWorker.stopAllWorkers")
        session.detach()

    def _evaluate(self, script: str, argument: Any) -> Any:
        with self.open() as panel:
            return panel.evaluate(script, argument)


READ_ROW = """async ([store, key]) => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const database = await done(indexedDB.open("action-model"));
  const row = await done(database.transaction(store).objectStore(store).get(key));
  database.close();
  if (!row?.body) return row;
  const { body, ...rest } = row;
  const stream = new Blob([body]).stream().pipeThrough(new DecompressionStream("gzip"));
  return { ...rest, ...(await new Response(stream).json()) };
}"""


def added(with_it: dict[str, list[float]], without: dict[str, list[float]]) -> dict[str, float]:
    """Milliseconds that the extension adds to each type of event, at the median; and to all."""
    types = sorted(with_it.keys() & without.keys())
    found = {
        kind: statistics.median(with_it[kind]) - statistics.median(without[kind]) for kind in types
    }
    every = [
        statistics.median(chain.from_iterable(arm[kind] for kind in types))
        for arm in (with_it, without)
    ]
    return {"all": every[0] - every[1], **found}
