"""The trace of a run: a folder with `trace.json` and a picture of the page before each step.

The file is written anew after every step and always whole, so a run that is killed leaves what it
did. It holds what was typed: it is for the person whose run it is.
"""

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from lam_core.act_types import Action, Decision, Goal
from lam_core.observation import Element

TRACE_VERSION = 1


class Trace:
    """Writes a trace into `folder`, which is made, and must not hold another trace."""

    def __init__(self, folder: Path, goal: Goal) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "trace.json").exists():
            raise FileExistsError(f"{folder} already holds a trace")
        self._started = time.monotonic()
        self._document: dict[str, Any] = {
            "version": TRACE_VERSION,
            "instruction": goal.instruction,
            "slots": dict(goal.slots),
            "steps": [],
            "outcome": None,
        }
        self._write()

    def picture(self, png: bytes) -> str:
        """Keep a picture of the page; returns its file name."""
        name = f"{len(self._document['steps']):03}.png"
        (self.folder / name).write_bytes(png)
        return name

    def step(
        self,
        *,
        decision: Decision,
        target: Element | None,
        picture: str,
        result: str,
        decided_by: str,
    ) -> None:
        """Add a step. `result` is `changed`, `unchanged`, or why the action was not done."""
        self._document["steps"].append(
            {
                "at_ms": self._milliseconds(),
                "decided_by": decided_by,
                "confidence": round(decision.confidence, 4),
                "action": as_document(decision.action),
                "target": target and target.model_dump(mode="json", exclude_defaults=True),
                "picture": picture,
                "result": result,
            }
        )
        self._write()

    def close(self, *, reason: str, detail: str) -> None:
        """Say how the run ended."""
        self._document["outcome"] = {
            "at_ms": self._milliseconds(),
            "reason": reason,
            "detail": detail,
        }
        self._write()

    def _milliseconds(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    def _write(self) -> None:
        path = self.folder / "trace.json"
        unfinished = path.with_suffix(".json.part")
        unfinished.write_bytes(orjson.dumps(self._document, option=orjson.OPT_INDENT_2))
        os.replace(unfinished, path)


def as_document(action: Action) -> dict[str, Any]:
    """An action as JSON values, what is left at its default left out."""
    default = asdict(Action(action.kind))
    return {"kind": action.kind} | {
        name: value for name, value in asdict(action).items() if value != default[name]
    }
