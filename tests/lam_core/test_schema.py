import json

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam_core.canonical import content_hash
from lam_core.schema import MAX_BODY_BYTES, SchemaError, Workflow, json_schema, parse_workflow
from tests.lam_core.workflows import click, typing, workflow_document

PRIVATE = {"parent": 0, "tag": "input", "box": [2, 52, 120, 20], "private": True}
SECRET = {"kind": "secret", "length": "0"}


def errors_of(document) -> list[tuple[str, str]]:
    with pytest.raises(SchemaError) as caught:
        parse_workflow(document)
    return caught.value.errors


def changed(path: str, value) -> dict:
    """The example document with one value replaced; `path` is written as errors write it."""
    document = workflow_document()
    *parents, last = path.replace("]", "").replace("[", ".").split(".")
    part = document
    for name in parents:
        part = part[int(name)] if name.isdigit() else part[name]
    part[int(last) if last.isdigit() else last] = value
    return document


def test_bytes_and_documents_read_alike():
    document = workflow_document()
    assert parse_workflow(json.dumps(document).encode()) == parse_workflow(document)


def test_a_workflow_written_and_read_again_is_equal():
    workflow = parse_workflow(workflow_document())
    assert parse_workflow(workflow.to_json()) == workflow
    assert parse_workflow(workflow.document()) == workflow


def test_the_digest_is_the_content_hash_of_the_document():
    workflow = parse_workflow(workflow_document())
    assert workflow.digest() == content_hash(workflow.document() | {"schema_version": 1})


def test_writing_defaults_out_does_not_change_the_digest():
    spelled_out = changed("steps[0].button", "left")
    assert parse_workflow(spelled_out).digest() == parse_workflow(workflow_document()).digest()


def test_a_workflow_cannot_be_changed():
    workflow = parse_workflow(workflow_document())
    with pytest.raises(ValueError, match="frozen"):
        workflow.source = "sample"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema_version", 3),
        ("id", "not-a-uuid"),
        ("source", "somewhere"),
        ("task.name", "no spaces allowed"),
        ("task.name", "x" * 101),
        ("task.instruction", "x" * 2001),
        ("surprise", 1),
        ("steps", []),
        ("steps[0].at", 900.0),
        ("steps[0].at", "900"),
        ("steps[0].at", -1),
        ("steps[0].at", True),
        ("steps[0].until", 800),
        ("steps[1].at", 100),
        ("steps[0].observation", 1),
        ("steps[0].target", 3),
        ("steps[0].presses[0].up", 1),
        ("steps[0].presses[0].down", 1),
        ("steps[0].presses", []),
        ("steps[0].point[0]", 10**9),
        ("steps[0].hidden", "secret"),
        ("outcome", 1),
        ("outcome", -1),
        ("steps[1].edits", [{"at": 1600, "kind": "insert", "characters": "K"}]),
        ("steps[1].edits", [{"at": 1600, "kind": "insert"}, {"at": 1500, "kind": "cut"}]),
        ("steps[1].keys[0].kind", "k"),
        ("steps[1].keys[0].character", "k"),
        ("steps[1].text.end", 7),
        ("steps[1].text.end", 99),
        ("steps[1].text.characters", "Keneth"),
        ("steps[1].pattern.kind", "Keneth"),
        ("observations[0].elements[1].parent", 1),
        ("observations[0].elements[2].value", "Keneth"),
        ("observations[0].elements[1].states", ["hover"]),
        ("observations[0].elements[1].color", "red"),
        ("observations[0].elements[1].frame", 1),
        ("observations[0].elements[1].box", [0, 0, 1]),
    ],
)
def test_a_wrong_part_is_named(path, value):
    named = [where for where, _ in errors_of(changed(path, value))]
    assert any(where.startswith(path) or path.startswith(where) for where in named), named
    assert named != [""]


def test_a_wrong_version_is_the_only_thing_said():
    document = changed("schema_version", 3) | {"surprise": 1}
    assert [path for path, _ in errors_of(document)] == ["schema_version"]


def test_a_missing_version_is_named():
    document = workflow_document()
    del document["schema_version"]
    assert errors_of(document) == [("schema_version", "Field required")]


def test_a_document_of_version_1_is_brought_up_to_date_and_keeps_its_digest():
    current = parse_workflow(workflow_document())
    older = workflow_document(schema_version=1)
    assert parse_workflow(older) == current
    assert parse_workflow(json.dumps(older)).document()["schema_version"] == 2
    assert current.digest() == content_hash(current.document() | {"schema_version": 1})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("outcome", 0),
        ("steps[1].edits", [{"at": 1600, "kind": "insert"}]),
        ("observations[0].elements[1]", PRIVATE),
        ("observations[0].elements[1].fill", "#ff0000"),
        ("observations[0].elements[1].value_at", [7, 13]),
        ("observations[0].elements[1].said_at", [7, 13]),
    ],
)
def test_what_version_2_added_is_part_of_the_digest(path, value):
    document = changed(path, value)
    document["steps"] = document["steps"][: 1 if value is PRIVATE else 2]
    workflow = parse_workflow(document)
    assert workflow.digest() == content_hash(workflow.document())


def test_version_1_cannot_say_what_is_wrong_in_version_2():
    document = changed("surprise", 1) | {"schema_version": 1}
    assert [path for path, _ in errors_of(document)] == ["surprise"]


@pytest.mark.parametrize("version", [0, -1, 3, True, 1.0, "1", None])
def test_a_version_there_never_was_is_named(version):
    assert errors_of(changed("schema_version", version))[0][0] == "schema_version"


@pytest.mark.parametrize("words", ["name", "text", "type", "id"])
def test_a_private_element_must_not_be_described(words):
    document = changed("observations[0].elements[1]", PRIVATE | {words: "card"})
    path, message = errors_of(document)[0]
    assert (path, message) == (
        "observations[0].elements[1]",
        "is private and must not be described",
    )


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("text", {"source": "instruction", "start": 7, "end": 13}),
        ("keys", [{"kind": "character", "down": 1500, "up": 1560}]),
        ("edits", [{"at": 1500, "kind": "insert"}]),
    ],
)
def test_of_typing_into_a_private_element_only_the_fact_is_told(part, value):
    document = changed("observations[0].elements[1]", PRIVATE)
    typed = {"action": "type", "at": 1500, "until": 1600, "observation": 0, "target": 1}
    document["steps"][1] = typed | {"pattern": SECRET, "text": None, "keys": []}
    assert parse_workflow(document).observations[0].elements[1].private
    document["steps"][1][part] = value
    assert errors_of(document)[0][0] == f"steps[1].{part}"


def test_a_parameter_must_be_declared():
    text = {"source": "parameter", "name": "username"}
    document = changed("steps[1].text", text)
    assert [path for path, _ in errors_of(document)] == ["steps[1].text.name"]
    pattern = {"kind": "word", "length": "4-7"}
    document["task"]["parameters"] = [{"name": "username", "pattern": pattern}]
    assert parse_workflow(document).steps[1].text.name == "username"


def test_nan_is_refused():
    body = json.dumps(workflow_document()).replace("900", "NaN", 1).encode()
    errors_of(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(body):
    errors_of(body)


def test_a_tree_nested_too_deeply_is_refused():
    elements = [{"parent": i - 1, "tag": "div", "box": [0, 0, 1, 1]} for i in range(300)]
    document = workflow_document(observations=[{"elements": elements}])
    assert "nested deeper" in errors_of(document)[0][1]


def test_no_more_than_twenty_errors_are_listed():
    steps = [click(at=1) | {"at": "x"} for _ in range(50)]
    assert len(errors_of(workflow_document(steps=steps))) == 20


def test_a_body_over_the_bound_is_refused_before_parsing():
    assert "larger" in errors_of(b" " * (MAX_BODY_BYTES + 1))[0][1]


def test_an_eight_megabyte_body_is_read():
    instruction = "word " * 390
    elements = [
        {
            "parent": max(0, i - 1) if i else -1,
            "tag": "div",
            "box": [0, i, 9, 9],
            "text": instruction,
        }
        for i in range(100)
    ]
    document = workflow_document(observations=[{"elements": elements}] * 45)
    body = orjson.dumps(document)
    assert len(body) > 8_000_000
    assert len(parse_workflow(body).observations) == 45


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8))
def test_times_must_never_run_backwards(times):
    document = workflow_document(steps=[click(at=at) for at in times])
    if times == sorted(times):
        assert [step.at for step in parse_workflow(document).steps] == times
    else:
        assert errors_of(document)[0][1] == "runs backwards"


@given(st.text(max_size=30), st.sampled_from(["task", "steps[0]", "steps[1].keys[0]"]))
def test_unknown_fields_are_refused_wherever_they_stand(name, place):
    known = set(Workflow.model_fields) | set(click(at=1)) | set(typing(at=1)) | {"parameters"}
    known |= {"name", "instruction", "button", "modifiers", "pointer", "tab", "down", "up", "kind"}
    if name in known or not name:
        return
    document = workflow_document()
    part = {
        "task": document["task"],
        "steps[0]": document["steps"][0],
        "steps[1].keys[0]": document["steps"][1]["keys"][0],
    }[place]
    part[name] = 1
    try:
        orjson.dumps(document)
    except TypeError:
        return
    assert errors_of(document)[0][0] == f"{place}.{name}"


def test_the_json_schema_accepts_and_refuses_what_the_parser_does():
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(workflow_document())
    assert not validator.is_valid(changed("surprise", 1))
    assert not validator.is_valid(changed("steps[0].hidden", 1))
    assert not validator.is_valid(changed("schema_version", 3))


def test_where_a_value_stands_must_be_a_span_of_the_instruction():
    document = workflow_document()
    document["observations"][0]["elements"][1]["value_at"] = [7, 13]
    assert parse_workflow(document).observations[0].elements[1].value_at == (7, 13)
    document["observations"][0]["elements"][1]["value_at"] = [7, 400]
    with pytest.raises(SchemaError, match=r"elements\[1\]\.value_at: is not a span"):
        parse_workflow(document)
