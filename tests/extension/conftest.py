"""A real Chromium with the extension loaded, in a profile of the test's own."""

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from playwright.sync_api import (
    BrowserContext,
    CDPSession,
    Page,
    Playwright,
    Worker,
    sync_playwright,
)

from config import browser as chromium
from config.environment import BASE_DIR
from lam_core.samples import record
from lam_core.schema import Workflow, parse_workflow
from tests.extension.sites import Site
from tests.extension.stores import READ_STORE
from tests.web import conftest as web
from tests.web.conftest import FLAGS, TIMEOUT_MILLISECONDS, forward

bundles, service = web.bundles, web.service
"""The pages' scripts and the running service, as the tests of the pages have them."""

EXTENSION_ID = "apipmfnpgahjmgnfebmiodoiflmfhplo"
"""Follows from the public key in manifest.json."""


@pytest.fixture(scope="session")
def built_extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled extension, built once for all xdist workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    built = folder / "extension"
    with (folder / "extension.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built / "manifest.json").exists():
            command = ["node", "extension/build.mjs", str(built)]
            subprocess.run(command, cwd=BASE_DIR, check=True, capture_output=True)
    return built


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright for a module; its event loop lives in the tests' thread, next to Django's ORM."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as running:
            yield running


@dataclass(eq=False)
class Extended:
    """A browser with the extension in it."""

    context: BrowserContext
    profile: Path

    @property
    def worker(self) -> Worker:
        """The service worker; waits for it to start."""
        running = [worker for worker in self.context.service_workers if EXTENSION_ID in worker.url]
        return running[0] if running else self.context.wait_for_event("serviceworker")

    def page(self, name: str) -> Page:
        """One of the extension's own pages, as a tab."""
        page = self.context.new_page()
        page.goto(f"chrome-extension://{EXTENSION_ID}/{name}")
        return page

    @cached_property
    def panel(self) -> Page:
        """An extension page to speak to the service worker from."""
        return self.page("settings.html")

    def ask(self, kind: str, **message: Any) -> Any:
        """What the service worker answers; an error it answers is raised."""
        reply = self.panel.evaluate(
            "message => chrome.runtime.sendMessage(message)", {"kind": kind, **message}
        )
        if not reply["ok"]:
            raise RuntimeError(reply["error"])
        return reply.get("value")

    def remember(self, **values: Any) -> None:
        """Put settings as the extension's pages would."""
        self.panel.evaluate("values => chrome.storage.local.set(values)", values)

    def remembered(self, name: str) -> Any:
        """A setting."""
        return self.panel.evaluate("name => chrome.storage.local.get(name)", name).get(name)

    def wait_for(self, found: Callable[[], Any], seconds: float = 20) -> Any:
        """The first true answer; fails when none comes in time."""
        for _ in range(int(seconds * 10)):
            if answer := found():
                return answer
            self.panel.wait_for_timeout(100)
        raise AssertionError("it did not happen")

    def agree(self, *, pointer: bool = True) -> None:
        """Agree to being recorded."""
        self.remember(consent={"agreedAt": 1, "pointer": pointer})

    def rows(self, store: str) -> list[Any]:
        """Everything in one of the extension's tables, unpacked."""
        return self.panel.evaluate(READ_STORE, store)

    def entries(self) -> list[Any]:
        """What pages wrote, with the page each is of; what a page that left sent twice, once."""
        handed = [
            {"page": row["page"], **each} for row in self.rows("entries") for each in row["entries"]
        ]
        return list({(each["page"], each["sequence"]): each for each in handed}.values())

    def start(self, name: str = "a task", instruction: str = "", **parameters: str) -> None:
        """Record a task from now on."""
        self.ask("start", name=name, instruction=instruction, parameters=parameters)

    def stop(self) -> Workflow | None:
        """End the recording; the workflow as it would be sent, read by the service's own parser."""
        made = self.ask("stop")
        if made is None:
            return None
        (draft,) = [row for row in self.rows("drafts") if row["id"] == made]
        return parse_workflow(draft["workflow"])

    @cached_property
    def _workers(self) -> tuple[CDPSession, list[str]]:
        """The browser's protocol for service workers, and each that was seen to stop."""
        session, stopped = self.context.new_cdp_session(self.panel), []

        def note(event: dict[str, Any]) -> None:
            stopped.extend(
                v["versionId"] for v in event["versions"] if v["runningStatus"] == "stopped"
            )

        session.on("ServiceWorker.workerVersionUpdated", note)
        session.send("ServiceWorker.enable")
        return session, stopped

    def kill_worker(self) -> None:
        """End the running service worker as Chromium does when it is idle."""
        self.ask("status")
        session, stopped = self._workers
        before = len(stopped)
        session.send("ServiceWorker.stopAllWorkers")
        self.wait_for(lambda: len(stopped) > before)

    def crash(self) -> None:
        """End the browser as a power cut does, all of its processes at once."""
        wanted = f"--user-data-dir={self.profile}".encode()
        found = [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if wanted in _command(folder).split(b"\0")
        ]
        assert found, "the browser runs"
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="session")
def tasks_site() -> Iterator[Site]:
    """The MiniWoB++ pages, served."""
    site = Site(record.pages())
    yield site
    site.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty site for a test's own pages."""
    made = Site()
    yield made
    made.close()


@pytest.fixture
def new_browser(
    playwright: Playwright, built_extension: Path, tmp_path: Path
) -> Iterator[Callable[..., Extended]]:
    """Starts Chromium with the extension; the same `profile` name is the same profile again."""
    with ExitStack() as stack:

        def make(
            profile: str = "profile", *extra: str, folder: Path = built_extension, **options: Any
        ) -> Extended:
            flags = [
                *FLAGS,
                f"--disable-extensions-except={folder}",
                f"--load-extension={folder}",
                "--host-resolver-rules=MAP *.test 127.0.0.1",
                *extra,
            ]
            context = playwright.chromium.launch_persistent_context(
                tmp_path / profile,
                executable_path=chromium.find(),
                headless=False,  # --headless=new is among the flags; the old mode has no extensions
                args=flags,
                **options,
            )
            context.set_default_timeout(TIMEOUT_MILLISECONDS)
            stack.callback(context.close)
            return Extended(context, tmp_path / profile)

        yield make


@pytest.fixture
def extended(new_browser: Callable[..., Extended]) -> Extended:
    """One browser with the extension."""
    return new_browser()


@pytest.fixture
def give_wallet(
    bundles: str, chain, live_server, settings
) -> Callable[[Extended, LocalAccount], None]:
    """Gives a browser a wallet with that key, and its extension the running service."""
    settings.SITE_URL = live_server.url

    def give(extended: Extended, key: LocalAccount) -> None:
        extended.context.expose_function("testWalletRpc", forward(chain.url))
        chain_id = int(chain.rpc("eth_chainId"), 16)
        given = {"key": "0x" + key.key.hex(), "chainId": chain_id, "name": "Test wallet"}
        extended.context.add_init_script(f"window.testWallet = {json.dumps(given)};")
        extended.context.add_init_script(bundles)
        extended.remember(service=live_server.url)

    return give


@pytest.fixture
def wallet(
    extended: Extended, give_wallet: Callable[[Extended, LocalAccount], None], chain
) -> LocalAccount:
    """The browser gets a wallet of its own; the wallet's account."""
    key = Account.create()
    chain.fund(key.address)
    give_wallet(extended, key)
    return key


def pair(
    extended: Extended, invite: str = "", *, label: str = "Test browser", agreed: bool = False
) -> Page:
    """Pair as a person does: sign in with the wallet, agree, pair. The page pairing ended at.

    Whose account is there already has `agreed` and needs no invite.
    """
    with extended.context.expect_page() as opened:
        extended.ask("pair", label=label)
    page = opened.value
    page.get_by_label("Invite").fill(invite)
    page.get_by_role("button", name="Sign in with wallet").click()
    if not agreed:
        page.get_by_role("link", name="Read and agree").click()
        page.get_by_role("button", name="I agree").first.click()
    page.get_by_role("button", name="Pair", exact=True).click()
    page.wait_for_url("**/pair/done*")
    extended.wait_for(lambda: extended.remembered("token"))
    return page
