"""A real Chromium with the extension loaded, in a profile of the test's own."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Worker, sync_playwright

from config import browser as chromium
from config.environment import BASE_DIR
from tests.web.conftest import FLAGS, TIMEOUT_MILLISECONDS

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


@dataclass
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

    def ask(self, page: Page, message: dict[str, Any]) -> Any:
        """What the service worker answers to a message from one of the extension's pages."""
        return page.evaluate("message => chrome.runtime.sendMessage(message)", message)


@pytest.fixture
def new_browser(
    playwright: Playwright, built_extension: Path, tmp_path: Path
) -> Iterator[Callable[..., Extended]]:
    """Starts Chromium with the extension; the same `profile` name is the same profile again."""
    with ExitStack() as stack:

        def make(profile: str = "profile", **options: Any) -> Extended:
            flags = [
                *FLAGS,
                f"--disable-extensions-except={built_extension}",
                f"--load-extension={built_extension}",
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
