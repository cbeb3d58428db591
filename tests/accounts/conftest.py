"""Sign-in needs a chain id; these tests need no node."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def manifest(settings, tmp_path: Path) -> dict:
    """A deployment manifest of chain 31337 without contracts."""
    settings.DEPLOYMENT_PATH = tmp_path / "deployment.json"
    content = {"chain_id": 31337, "block_number": 0, "contracts": {}, "parameters": {}}
    settings.DEPLOYMENT_PATH.write_text(json.dumps(content))
    return content
