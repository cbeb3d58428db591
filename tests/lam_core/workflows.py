"""Workflows for the tests of lam_core: a small valid document to start from."""

from typing import Any
from uuid import UUID

Document = dict[str, Any]


def workflow_document(**changes: Any) -> Document:
    """A click on a button and a typed word, three seconds long."""
    document: Document = {
        "schema_version": 2,
        "id": str(UUID(int=1)),
        "source": "extension",
        "task": {"name": "enter-text", "instruction": 'Enter "Keneth" and press Submit.'},
        "observations": [observation()],
        "steps": [click(at=900), typing(at=1500)],
    }
    return document | changes


def observation() -> Document:
    return {
        "width": 160,
        "height": 210,
        "elements": [
            {"parent": -1, "tag": "body", "box": [0, 0, 160, 210]},
            {
                "parent": 0,
                "tag": "input",
                "type": "text",
                "role": "textbox",
                "box": [2, 52, 120, 20],
            },
            {
                "parent": 0,
                "tag": "button",
                "role": "button",
                "box": [2, 80, 60, 20],
                "text": "Submit",
            },
        ],
    }


def click(*, at: int, target: int = 1, point: tuple[int, int] = (40, 60)) -> Document:
    return {
        "action": "click",
        "at": at,
        "until": at + 90,
        "observation": 0,
        "target": target,
        "trusted": True,
        "point": list(point),
        "presses": [{"down": at, "up": at + 90}],
    }


def typing(*, at: int, gaps: tuple[int, ...] = (0, 130, 310, 402, 590, 701)) -> Document:
    keys = [{"kind": "character", "down": at + gap, "up": at + gap + 60} for gap in gaps]
    return {
        "action": "type",
        "at": at,
        "until": keys[-1]["up"],
        "observation": 0,
        "target": 1,
        "trusted": True,
        "text": {"source": "instruction", "start": 7, "end": 13},
        "pattern": {"kind": "word", "length": "4-7"},
        "keys": keys,
    }
