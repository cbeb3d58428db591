"""Fetching the public recordings, from a git remote on this machine."""

import subprocess

import pytest

from contributions import recordings
from lam_core import miniwob
from tests.contributions import recorded


@pytest.fixture
def remote(tmp_path):
    """A repository with two folders, of which one is wanted."""
    work = tmp_path / "work"
    recorded.write_recordings(work / "wanted", {"click-button_AA_d1": recorded.demonstration()})
    recorded.write_recordings(work / "other", {"click-button_BB_d1": recorded.demonstration()})
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "data"]):
        subprocess.run(["git", "-C", work, *arguments], check=True)
    for option in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        subprocess.run(["git", "-C", work, "config", option, "true"], check=True)
    return f"file://{work}"


def test_one_folder_of_the_repository_is_fetched_and_used_again(remote, tmp_path):
    destination = tmp_path / "data" / "recordings"
    arguments = {"repository": remote, "folder": "wanted", "destination": destination}
    folder = recordings.fetch(**arguments)
    assert [r.name for r in miniwob.iter_recordings(folder)] == ["click-button_AA_d1"]
    assert not (destination / "other").exists()
    again = recordings.fetch(**{**arguments, "repository": "file:///nowhere"})
    assert again == folder


def test_a_fetch_that_broke_off_starts_anew(remote, tmp_path):
    destination = tmp_path / "recordings"
    (destination / "wanted").mkdir(parents=True)
    folder = recordings.fetch(repository=remote, folder="wanted", destination=destination)
    assert len(list(miniwob.iter_recordings(folder))) == 1


@pytest.mark.parametrize(
    ("repository", "folder"), [("file:///nowhere/at/all", "wanted"), (None, "missing")]
)
def test_what_is_not_there_is_a_named_error(remote, tmp_path, repository, folder):
    with pytest.raises(recordings.FetchError):
        recordings.fetch(repository=repository or remote, folder=folder, destination=tmp_path / "x")
    assert not (tmp_path / "x" / ".complete").exists()
