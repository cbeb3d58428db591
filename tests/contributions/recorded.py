"""Workflows as clients make them, for tests: small, valid, and signed where they must be."""

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import orjson
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from accounts.models import User
from contributions import attestation, submit
from contributions.models import Workflow
from lam_core.schema import parse_workflow

CHAIN_ID = 31337


def document(*, offset: int = 0, **changes: Any) -> dict[str, Any]:
    """A click and a typed word on a page of two elements; `offset` (ms) delays them."""
    value = {"kind": "word", "length": "4-7"}
    keys = [
        {
            "kind": "character",
            "down": 1_900 + offset + 140 * n + 31 * (n % 2),
            "up": 1_990 + offset + 140 * n,
        }
        for n in range(5)
    ]
    steps = [
        {
            "action": "click",
            "at": 812 + offset,
            "until": 913 + offset,
            "observation": 0,
            "target": 1,
            "point": [40, 20],
            "presses": [{"down": 812 + offset, "up": 913 + offset}],
        },
        {
            "action": "type",
            "at": 1_900 + offset,
            "until": 2_700 + offset,
            "observation": 0,
            "target": 1,
            "text": {"source": "instruction", "start": 6, "end": 11},
            "pattern": value,
            "keys": keys,
        },
    ]
    elements = [
        {"parent": -1, "tag": "body", "box": [0, 0, 160, 210]},
        {"parent": 0, "tag": "input", "box": [10, 10, 100, 20], "type": "text", "id": "name"},
    ]
    return {
        "schema_version": 2,
        "id": str(uuid.uuid4()),
        "source": "miniwob",
        "task": {"name": "enter-text", "instruction": "Enter Alice into the field."},
        "observations": [{"width": 160, "height": 210, "elements": elements}],
        "steps": steps,
        **changes,
    }


def attest(operator: LocalAccount, workflow: dict[str, Any], *, success: bool = True) -> dict:
    """The operator's signature over a workflow's outcome."""
    parsed = parse_workflow(workflow)
    message = attestation.typed_data(
        chain_id=CHAIN_ID,
        workflow_id=str(parsed.id),
        digest=parsed.digest(),
        success=success,
    )
    signature = operator.sign_message(encode_typed_data(full_message=message)).signature
    return {"success": success, "operator": operator.address, "signature": "0x" + signature.hex()}


def envelope(workflow: dict[str, Any], attested: dict[str, Any] | None = None) -> bytes:
    """What a client sends."""
    return orjson.dumps({"workflow": workflow, **({"attestation": attested} if attested else {})})


def submitted(contributor: User, operator: LocalAccount | None = None, **changes: Any) -> Workflow:
    """A workflow that went through `submit`, attested as done when an operator is given."""
    workflow = document(**changes)
    attested = attest(operator, workflow) if operator else None
    row, _ = submit.submit(contributor=contributor, envelope=envelope(workflow, attested))
    return row


def demonstration(*, time_offset: int = 0, raw_reward: float = 1.0) -> dict[str, Any]:
    """A recording in the public MiniWoB++ format: one button, clicked."""
    button = {
        "tag": "BUTTON", "ref": 2, "left": 10, "top": 60, "width": 60, "height": 20,
        "text": "Ok", "id": "b", "classes": "", "children": [],
    }  # fmt: skip
    body = {
        "tag": "BODY", "ref": 1, "left": 0, "top": 0, "width": 160, "height": 210,
        "id": "", "classes": "", "children": [button],
    }  # fmt: skip

    def event(kind: str, time: int, timing: int = 1) -> dict[str, Any]:
        action = {"type": kind, "x": 30, "y": 70, "timing": timing}
        return {"time": time + time_offset, "action": action, "dom": body}

    return {
        "taskName": "click-button",
        "utterance": 'Click on the "Ok" button.',
        "rawReward": raw_reward,
        "states": [
            {"time": 0, "action": None, "dom": body},
            event("mousedown", 1_312),
            event("mouseup", 1_408),
            event("click", 1_409),
        ],
    }


def write_recordings(folder: Path, recordings: dict[str, dict[str, Any] | bytes]) -> Path:
    """A data set of `click-button` recordings by name; bytes are written as they are."""
    task = folder / "batch" / "click-button"
    task.mkdir(parents=True, exist_ok=True)
    for name, content in recordings.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        packed = data if isinstance(content, bytes) else gzip.compress(data)
        (task / f"{name}.json.gz").write_bytes(packed)
    return folder
