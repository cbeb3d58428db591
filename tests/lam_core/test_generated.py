"""What is generated from the schema and committed must be what the schema gives today."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lam_core.__main__ import main
from lam_core.canonical import canonical_json, content_hash
from lam_core.schema import json_schema, parse_workflow

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "extension"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "canonical.json").read_text())
WORKFLOW = json.loads((ROOT / "tests" / "vectors" / "workflow.json").read_text())


def node(*arguments: str) -> None:
    binary = shutil.which("node")
    assert binary, "Node.js is needed to generate types; install node >= 20 and run npm ci"
    subprocess.run([binary, *arguments], cwd=ROOT, check=True, timeout=120)


def test_the_committed_json_schema_is_current():
    written = (EXTENSION / "workflow.schema.json").read_text()
    assert json.loads(written) == json_schema(), "python -m lam_core schema > extension/workflow…"


def test_the_schema_command_writes_the_committed_file(capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == (EXTENSION / "workflow.schema.json").read_text()


def test_the_committed_types_are_current(tmp_path):
    output = tmp_path / "workflow.ts"
    node("extension/generate.mjs", str(EXTENSION / "workflow.schema.json"), str(output))
    assert output.read_text() == (EXTENSION / "src" / "workflow.ts").read_text()


def test_an_example_workflow_fits_the_types(tmp_path):
    types = EXTENSION / "src" / "workflow.ts"
    good, bad = tmp_path / "good.ts", tmp_path / "bad.ts"
    example = json.dumps(WORKFLOW["document"])
    imported = f'import type {{ Workflow }} from "{types.with_suffix("")}";'
    head = f"{imported}\nexport const example: Workflow = "
    good.write_text(head + example)
    bad.write_text(head + example.replace('"elements"', '"nodes"'))
    compiler = "node_modules/typescript/bin/tsc"
    options = ("--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext")
    node(compiler, *options, "--allowImportingTsExtensions", str(good))
    with pytest.raises(subprocess.CalledProcessError):
        node(compiler, *options, "--allowImportingTsExtensions", str(bad))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["hash"][2:10])
def test_canonical_vectors_hold(vector):
    assert canonical_json(vector["value"]).decode() == vector["canonical"]
    assert content_hash(vector["value"]) == vector["hash"]


def test_the_workflow_vector_holds():
    assert parse_workflow(WORKFLOW["document"]).digest() == WORKFLOW["digest"]
