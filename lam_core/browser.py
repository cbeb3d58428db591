"""A real Chromium under Playwright: finding it, starting it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright
from playwright.sync_api import Error as PlaywrightError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What Chromium is called on PATH."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


class BrowserError(RuntimeError):
    """The browser can't be used: not found, did not start, or died; the text says which."""


def chromium_path() -> str | None:
    """The Chromium to use: CHROMIUM_PATH, else one on PATH; None leaves it to Playwright.

    Raises BrowserError when CHROMIUM_PATH names no executable file.
    """
    given = os.environ.get("CHROMIUM_PATH")
    if given and not (Path(given).is_file() and os.access(given, os.X_OK)):
        raise BrowserError(f"CHROMIUM_PATH={given} is not an executable file")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser(*, headless: bool = True) -> Iterator[Browser]:
    """A running Chromium, closed at the end. Raises BrowserError when there is none to start."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=list(FLAGS), headless=headless
            )
        except PlaywrightError as error:
            raise BrowserError(
                f"Chromium did not start ({str(error).splitlines()[0]}): set CHROMIUM_PATH, put "
                "chromium on PATH or run `playwright install chromium`"
            ) from error
        try:
            yield browser
        finally:
            if browser.is_connected():
                browser.close()


@contextmanager
def open_context(
    browser: Browser, *, width: int = 1280, height: int = 800
) -> Iterator[BrowserContext]:
    """A fresh profile without cookies, its window `width` by `height` CSS pixels."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", accept_downloads=False
    )
    try:
        yield context
    finally:
        if browser.is_connected():
            context.close()
