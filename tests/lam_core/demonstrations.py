"""Small workflows for the tests of the model: pages with buttons, boxes and fields."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lam_core.schema import Workflow, parse_workflow

Document = dict[str, Any]


def element(tag: str, parent: int = 0, **more: Any) -> Document:
    return {"parent": parent, "tag": tag, "box": more.pop("box", [2, 52, 60, 20]), **more}


def page(*elements: Document) -> Document:
    body = {"parent": -1, "tag": "body", "box": [0, 0, 160, 210]}
    return {"width": 160, "height": 210, "elements": [body, *elements]}


def click(observation: int, target: int, at: int) -> Document:
    return {
        "action": "click",
        "at": at,
        "until": at + 50,
        "observation": observation,
        "target": target,
        "point": [10, 60],
        "presses": [{"down": at, "up": at + 50}],
    }


def typing(observation: int, target: int, at: int, text: Document | None, kind: str) -> Document:
    return {
        "action": "type",
        "at": at,
        "until": at + 90,
        "observation": observation,
        "target": target,
        "text": text,
        "pattern": {"kind": kind, "length": "4-7"},
        "keys": [{"kind": "character", "down": at, "up": at + 90}],
    }


def workflow(
    instruction: str,
    observations: list[Document],
    steps: list[Document],
    *,
    task: str = "click-button",
    name: str = "one",
) -> Workflow:
    return parse_workflow(
        {
            "schema_version": 2,
            "id": str(uuid5(NAMESPACE_URL, name)),
            "source": "miniwob",
            "task": {
                "name": task,
                "instruction": instruction,
                "parameters": [
                    {"name": step["text"]["name"], "pattern": step["pattern"]}
                    for step in steps
                    if (step.get("text") or {}).get("source") == "parameter"
                ],
            },
            "observations": observations,
            "steps": steps,
        }
    )


def button(text: str, top: int) -> Document:
    return element("button", text=text, role="button", box=[2, top, 60, 20])


def press_button(word: str, others: list[str], *, name: str) -> Workflow:
    """Clicking the button of that name among others."""
    words = sorted([word, *others])
    shown = page(*(button(text, 52 + 24 * i) for i, text in enumerate(words)))
    return workflow(
        f'Click on the "{word}" button.', [shown], [click(0, 1 + words.index(word), 900)], name=name
    )


def enter_word(word: str, *, name: str) -> Workflow:
    """Typing a word of the instruction and submitting."""
    empty = {"kind": "empty", "length": "0"}
    field = element("input", type="text", role="textbox", value=empty, id="tt")
    submit = button("Submit", 90)
    filled = {**field, "value": {"kind": "word", "length": "4-7"}, "value_at": [7, 7 + len(word)]}
    span = {"source": "instruction", "start": 7, "end": 7 + len(word)}
    return workflow(
        f'Enter "{word}" and press Submit.',
        [page(field, submit), page(filled, submit)],
        [click(0, 1, 500), typing(0, 1, 900, span, "word"), click(1, 2, 1500)],
        task="enter-text",
        name=name,
    )


WORDS = ["Ana", "Bo", "Cid", "Dora", "Eli", "Flo", "Gus", "Hal", "Ida", "Jo"]


def demonstrations(contributors: int = 6) -> list[tuple[str, Workflow]]:
    """Two tasks by some contributors, one recording of each task by each."""
    made = []
    for number in range(contributors):
        word = WORDS[number % len(WORDS)]
        others = [w for w in WORDS if w != word][number % 3 : number % 3 + 3]
        who = f"person{number}"
        made.append((who, press_button(word, others, name=f"press-{number}")))
        made.append((who, enter_word(word, name=f"enter-{number}")))
    return made
