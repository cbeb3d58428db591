"""Recordings for the tests: the project's own samples, and small ones written by hand."""

from typing import Any

from lam_core.miniwob import Recording, convert, iter_recordings, success
from lam_core.samples.record import FOLDER
from lam_core.schema import Workflow
from lam_core.verify import Attestation, History, Release, Trace, assess, shape_key, trace

Node = dict[str, Any]


def samples() -> list[Recording]:
    return list(iter_recordings(FOLDER))


def sample(name: str) -> dict[str, Any]:
    return next(r for r in samples() if r.name == name).read()


def workflow_of(recording: Recording) -> Workflow:
    return convert(recording.read(), task=recording.task, name=recording.name)


def accepted_samples(release: Release) -> tuple[list[Workflow], dict[str, list[Trace]]]:
    """The samples as a service takes them in: each judged against those accepted before."""
    accepted: list[Workflow] = []
    traces: dict[str, list[Trace]] = {}
    for recording in samples():
        workflow = workflow_of(recording)
        known = traces.setdefault(shape_key(workflow), [])
        history = History(tuple(known), Attestation(success(recording.read())))
        if assess(workflow, history, release).accepted:
            accepted.append(workflow)
            known.append(trace(workflow))
    return accepted, traces


def node(tag: str, ref: int, *children: Node, at: tuple[int, int] = (0, 0), **changes: Any) -> Node:
    """A DOM node as the pages' recorder writes it, 50 by 20 pixels."""
    described = {
        "tag": tag,
        "ref": ref,
        "left": at[0],
        "top": at[1],
        "width": 50,
        "height": 20,
        "id": "",
        "classes": "",
        "bgColor": "rgba(0, 0, 0, 0)",
        "fgColor": "rgb(0, 0, 0)",
        "children": list(children),
    }
    return described | changes


def body(*children: Node) -> Node:
    return node("BODY", 1, *children, width=160, height=210)


def recording(*states: tuple[int, dict[str, Any] | None, Node], **changes: Any) -> dict[str, Any]:
    """A recording from (time, action, dom); actions are written with `down`, `up` and `key`."""
    written = [{"time": time, "action": action, "dom": dom} for time, action, dom in states]
    return {"utterance": "Press OK.", "states": written, "rawReward": 1} | changes


def event(kind: str, x: int = 10, y: int = 60, **changes: Any) -> dict[str, Any]:
    place = {} if kind.startswith("key") or kind == "scroll" else {"x": x, "y": y}
    return {"type": kind, "timing": 1, **place, **changes}
