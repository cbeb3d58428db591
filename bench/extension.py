"""What the extension costs and how soon work is paid: `python -m bench.extension`.

Runs the whole service and two Chromiums, one with the extension and one without, and works in both
in turns, minute by minute, on the same busy page (bench/extension_use.py). CPU and memory are the
difference of all processes of the two browsers; the time added to events is from Chromium's own
trace of both. Writes bench/results/extension.json; when asked to end (SIGTERM), of the minutes that
there were.
"""

import argparse
import gzip
import hashlib
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from urllib.error import URLError
from urllib.request import urlopen

import httpx
import orjson
from eth_account import Account
from playwright.sync_api import Playwright, sync_playwright

from bench import report
from bench.extension_browser import Arm, Extension, added, open_arm
from bench.extension_use import PAGE, Use
from bench.report import ROOT, Figure, figure
from config import embedded
from contributions.operator_client import OperatorClient
from lam_core.samples import record

SLICE_SECONDS = 60
TRACE_SECONDS = 30
START_SECONDS = 240
PAID_SECONDS = 180
PAID_TASKS = ("enter-text", "click-tab", "click-checkboxes")
TARGETS = {"cpu_percent": 3, "megabytes": 60, "milliseconds": 1}


@dataclass
class Measured:
    """What the turns gave: CPU as share of one core, memory, and the recordings' sizes."""

    cpu: dict[str, list[float]] = field(default_factory=lambda: {"with": [], "without": []})
    memory: dict[str, list[float]] = field(default_factory=lambda: {"with": [], "without": []})
    bytes_per_minute: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    taken: int = 0


@contextmanager
def running_service(folder: Path) -> Iterator[str]:
    """The whole service, as `make run` has it; its address. Raises RuntimeError."""
    port = embedded.free_port()
    # Work is judged and paid in an epoch: the scheduler opens one.
    by_clock = {"LAM_EPOCHS_ADVANCE_BY_CLOCK": "1"}
    environment = {**os.environ, "LAM_DATA_DIR": str(folder / "data"), **by_clock}
    command = [sys.executable, "-m", "config.run", "--port", str(port)]
    with (folder / "service.log").open("w") as log:
        service = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            site = f"http://127.0.0.1:{port}"
            _wait_for(site, service)
            yield site
        finally:
            service.terminate()
            service.wait()


def _wait_for(site: str, service: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and service.poll() is None:
        try:
            with urlopen(f"{site}/healthz", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError("the service did not start")


def device_token(site: str, folder: Path) -> str:
    """What a device of a new contributor, who agreed and paired it, is given."""
    environment = {**os.environ, "LAM_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "manage.py", "create_invite"]
    invite = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    person = OperatorClient(httpx.Client(base_url=f"{site}/api/v1/", timeout=60))
    person.sign_in(Account.create(), invite=invite)
    person.give_consent(person.consent_version())
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
    agreed = person.call(
        "POST", "pairings", orjson.dumps({"challenge": challenge, "label": "bench"})
    ).json()
    body = orjson.dumps({"code": agreed["code"], "verifier": verifier})
    token: str = person.call("POST", "pairings/exchange", body).json()["token"]
    return token


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder of pages on 127.0.0.1."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def take_turns(extension: Extension, control: Arm, minutes: int) -> Measured:
    """Work in both browsers in turns, a minute each, until that is done or SIGTERM comes."""
    found = Measured()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    for number in range(minutes):
        if ended.is_set() and number:
            break
        _turn(found, "without", control, number)
        extension.ask("start", name="orders", instruction="Look after the orders", parameters={})
        _turn(found, "with", extension.arm, number)
        _keep_size(found, extension)
        told = [f"{found.cpu[arm][-1]:.1f} % {found.memory[arm][-1]:.0f} MB" for arm in found.cpu]
        print(f"minute {number + 1} of {minutes}: {' / '.join(told)} with / without", flush=True)
    return found


def _turn(found: Measured, name: str, arm: Arm, seed: int) -> None:
    started, before = time.monotonic(), arm.cpu_seconds()
    Use(arm.page, seed).go_on(SLICE_SECONDS)
    used = (arm.cpu_seconds() - before) / (time.monotonic() - started)
    found.cpu[name].append(100 * used)
    found.memory[name].append(arm.megabytes())


def _keep_size(found: Measured, extension: Extension) -> None:
    """End the recording; its size as it is sent, and whether the service takes it."""
    with extension.open():
        made = extension.ask("stop")
        workflow = extension.row("drafts", made)["workflow"]
        found.steps.append(len(workflow["steps"]))
        packed = gzip.compress(json.dumps({"workflow": workflow}, ensure_ascii=False).encode(), 6)
        found.bytes_per_minute.append(len(packed) * 60 / SLICE_SECONDS)
        extension.ask("send", workflow=workflow)
        found.taken += extension.row("sent", made) is not None
        extension.ask("discard", id=made)
    extension.rest()


def time_events(extension: Extension, control: Arm) -> dict[str, float]:
    """Milliseconds added to each type of event, at the median."""
    extension.ask("start", name="orders", instruction="Look after the orders", parameters={})
    times = []
    for arm in (extension.arm, control):
        trace = arm.trace()
        Use(arm.page, 1).go_on(TRACE_SECONDS)
        times.append(trace.end())
    extension.ask("discard", id=extension.ask("stop"))
    return added(*times)


def seconds_to_points(extension: Extension, tasks: str) -> list[float]:
    """From Stop in the popup, through Send in the review, to points in the history."""
    return [_until_paid(extension, tasks, task, seed) for seed, task in enumerate(PAID_TASKS)]


def _until_paid(extension: Extension, site: str, task: str, seed: int) -> float:
    context = extension.arm.context
    page = context.new_page()
    before = record.record(page, task, Random(seed), site=site)
    extension.ask("start", name=task, instruction=before["utterance"], parameters={})
    page.bring_to_front()
    record.record(page, task, Random(seed), site=site)
    popup = extension.page("popup.html")
    started = time.monotonic()
    with context.expect_page() as opened:
        popup.locator("#controls .primary").click()
    review = opened.value
    review.locator("#send .primary").click()
    paid = review.locator("#rows tr td.number").first
    review.wait_for_function(
        "() => /[1-9]/.test(document.querySelector('#rows tr td.number')?.textContent)",
        timeout=PAID_SECONDS * 1000,
    )
    seconds = time.monotonic() - started
    print(f"{task}: {paid.inner_text()} points after {seconds:.1f} s", flush=True)
    for each in (page, popup, review):
        each.close()
    return seconds


def figures(found: Measured, milliseconds: dict[str, float], paid: list[float]) -> list[Figure]:
    """Everything against its target, beside a browser without the extension."""
    return [
        _added("CPU added, of one core", found.cpu, "%", TARGETS["cpu_percent"]),
        _added("memory added", found.memory, "MB", TARGETS["megabytes"]),
        *(
            figure(
                f"added to an event, median: {kind}",
                value,
                "ms",
                at_most=TARGETS["milliseconds"],
            )
            for kind, value in milliseconds.items()
        ),
        figure("sent for a recorded minute", statistics.mean(found.bytes_per_minute), "bytes"),
        figure("steps in a recorded minute", statistics.mean(found.steps), "steps"),
        figure(
            "recorded minutes that the service took",
            found.taken,
            "minutes",
            at_least=len(found.steps),
        ),
        figure("from stop to points shown, median", statistics.median(paid), "s"),
    ]


def _added(name: str, of: dict[str, list[float]], unit: str, at_most: float) -> Figure:
    """The mean of the arm with the extension less that of the one without."""
    without = statistics.mean(of["without"])
    return figure(
        name,
        statistics.mean(of["with"]) - without,
        unit,
        at_most=at_most,
        peer="without the extension",
        peer_value=without,
    )


def run(minutes: int, playwright: Playwright, folder: Path) -> tuple[list[Figure], int]:
    """Build, start everything, measure; the figures, and of how many minutes they are."""
    built, pages = folder / "extension", folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_text(PAGE)
    command = ["node", "extension/build.mjs", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with running_service(folder) as site, served(pages) as page, served(record.pages()) as tasks:
        control = open_arm(playwright, folder / "without", page)
        arm = open_arm(playwright, folder / "with", page, extension=built)
        extension = Extension(arm)
        extension.remember(
            service=site,
            token=device_token(site, folder),
            consent={"agreedAt": 1, "pointer": True},
        )
        found = take_turns(extension, control, minutes)
        milliseconds = time_events(extension, control)
        paid = seconds_to_points(extension, tasks)
        for each in (control, arm):
            each.context.close()
    return figures(found, milliseconds, paid), len(found.steps)


def main() -> int:
    """Run, print, write; fails when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.extension", description=__doc__)
    parser.add_argument(
        "--minutes", type=int, default=3, help="of heavy use in each browser (default: 3)"
    )
    arguments = parser.parse_args()
    made_on = report.environment(("playwright",))
    with (
        tempfile.TemporaryDirectory(prefix="bench-extension-", ignore_cleanup_errors=True) as name,
        sync_playwright() as playwright,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        found, minutes = run(arguments.minutes, playwright, folder)
    held = report.write(
        "extension",
        command=f"make bench-extension MINUTES={minutes}",
        made_on=made_on,
        figures=found,
        minutes=minutes,
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
