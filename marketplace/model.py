"""The model that decides where an automation's anchors fail: one release, loaded once per process.

It is the release that the Registry adopted. Until one is adopted it is the one that comes with the
code, as for everybody who runs the model without naming a release.
"""

from pathlib import Path
from threading import Lock

import torch
from django.conf import settings

from contributions import policy
from contributions.models import Kind
from lam_core.model_release import (
    ModelRelease,
    ReleaseError,
    default_release,
    load_release,
    read_manifest,
    shipped,
)
from lam_core.policy import ModelPolicy
from lam_core.takeover import Answer, Question, answer
from points.models import Epoch


class NoModel(LookupError):
    """The adopted release is not on this machine, or is damaged: no other stands in for it."""


class _Loaded:
    """The release in use. Decisions are made one at a time: one process takes one core."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.release: ModelRelease | None = None

    def decide(self, wanted: str, question: Question) -> tuple[Answer, ModelRelease]:
        """What the release with that hash answers. Raises NoModel."""
        with self.lock:
            if self.release is None or self.release.hash != wanted:
                torch.set_num_threads(1)
                self.release = _load(wanted)
            return answer(question, ModelPolicy(self.release.model)), self.release


_loaded = _Loaded()


def decide(question: Question) -> tuple[Answer, ModelRelease]:
    """What the model in force would do, and which it is. Raises NoModel."""
    return _loaded.decide(in_force(), question)


def in_force() -> str:
    """The hash of the model release that is adopted for now, else of the one that comes along."""
    epoch = Epoch.objects.order_by("-number").values_list("number", "closed_at").first()
    number, closed_at = epoch or (0, True)
    try:
        return policy.in_force(Kind.MODEL_RELEASE, number + 1 if closed_at else number).hash
    except policy.NotAdopted:
        return str(read_manifest(default_release())["hash"])


def _load(wanted: str) -> ModelRelease:
    try:
        return load_release(_folder(wanted))
    except ReleaseError as error:
        raise NoModel(str(error)) from error


def _folder(wanted: str) -> Path:
    """The folder of the release with that hash. Raises NoModel, ReleaseError."""
    own = sorted(path for path in settings.MODELS_DIR.glob("*") if path.is_dir())
    for folder in (*shipped(), *own):
        if read_manifest(folder)["hash"] == wanted:
            return folder
    raise NoModel(f"The adopted model release {wanted} is not on this machine.")
