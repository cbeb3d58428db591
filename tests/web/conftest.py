"""A real Chromium with a wallet of the test's own making, against Django's live server."""

import fcntl
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from config import browser as chromium
from config.environment import BASE_DIR
from lam_core import browser as driver
from points import epochs
from tests.conftest import KEYS, Chain
from tests.web.service import Service

FLAGS = ["--headless=new", *driver.FLAGS]
TIMEOUT_MILLISECONDS = 30_000


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Builds the page scripts, once for all xdist workers; returns the test wallet's script."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    wallet = folder / "wallet.js"
    with (folder / "bundles.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wallet.exists():
            _build(wallet)
    return wallet.read_text()


def _build(wallet: Path) -> None:
    esbuild = str(BASE_DIR / "node_modules" / ".bin" / "esbuild")
    source = str(Path(__file__).with_name("wallet.ts"))
    commands = [
        ["node", "web/build.mjs"],
        [esbuild, source, "--bundle", "--minify", "--format=iife", f"--outfile={wallet}"],
    ]
    for command in commands:
        subprocess.run(command, cwd=BASE_DIR, check=True, capture_output=True)


@pytest.fixture(scope="module")
def browser(django_db_setup) -> Iterator[Browser]:
    """One Chromium for the browser tests of a module.

    Playwright's sync API keeps an event loop running in the tests' thread for as long as it lives,
    and Django's ORM refuses to work next to one unless told otherwise.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            running = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
            yield running
            running.close()


@dataclass
class Person:
    """Someone at a browser with a wallet; `problems` are script errors and failed requests."""

    page: Page
    key: LocalAccount
    site: str
    pictures: Path
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.site + path)
        return self.page

    def photograph(self, name: str) -> None:
        """A picture of the whole page among the test's temporary files, for people to look at."""
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()


def forward(rpc_url: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function that hands a wallet's JSON-RPC request to the node."""

    def call(request: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, **request}).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(rpc_url, body, headers), timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    return call


def watch(page: Page, problems: list[str]) -> None:
    """Note every script error, console error and policy violation of a page."""
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )


@pytest.fixture
def new_person(
    browser: Browser, bundles: str, live_server, settings, chain, tmp_path: Path
) -> Iterator[Callable[..., Person]]:
    """Opens a browser of its own for a person with a funded wallet."""
    settings.SITE_URL = live_server.url
    contexts: list[BrowserContext] = []

    def make(**wallet: Any) -> Person:
        key = Account.create()
        chain.fund(key.address)
        context = browser.new_context()
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        contexts.append(context)
        context.expose_function("testWalletRpc", forward(chain.url))
        chain_id = int(chain.rpc("eth_chainId"), 16)
        data = {"key": "0x" + key.key.hex(), "chainId": chain_id, "name": "Test wallet", **wallet}
        context.add_init_script(f"window.testWallet = {json.dumps(data)};")
        context.add_init_script(bundles)
        person = Person(context.new_page(), key, live_server.url, tmp_path)
        watch(person.page, person.problems)
        return person

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def service(chain: Chain, settings) -> Service:
    """The service with its genesis policy adopted and the first epoch open."""
    settings.OPERATOR_ADDRESSES = [KEYS["operator"].address]
    running = Service(chain)
    running.follow()
    epochs.open_next()
    return running
