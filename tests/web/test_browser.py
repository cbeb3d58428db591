"""Finding Chromium: the variable first, then PATH; without any, an error that names every way."""

from pathlib import Path

import pytest

from config import browser


def executable(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_variable_wins_over_path(monkeypatch, tmp_path):
    chosen = executable(tmp_path, "my-browser")
    executable(tmp_path, "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM_PATH", str(chosen))
    assert browser.find() == chosen


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_the_usual_names_are_found_on_path(monkeypatch, tmp_path, name):
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    there = executable(tmp_path, name)
    assert browser.find() == there


def test_a_wrong_variable_is_an_error_even_when_path_has_one(monkeypatch, tmp_path):
    executable(tmp_path, "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM_PATH", str(tmp_path / "nothing"))
    with pytest.raises(browser.NoBrowser, match="nothing is not an executable file"):
        browser.find()


def test_without_any_browser_every_way_to_give_one_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "from_playwright", lambda: None)
    with pytest.raises(browser.NoBrowser) as error:
        browser.find()
    for way in ("CHROMIUM_PATH", "PATH", "apt-get", "playwright install"):
        assert way in str(error.value)
