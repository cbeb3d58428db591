"""A service with an operator whose attestations count, on a chain of which only the id matters."""

import json
from pathlib import Path

import pytest

from tests.contributions.conftest import operator

__all__ = ["operator"]


@pytest.fixture(autouse=True)
def deployment(settings, tmp_path: Path) -> None:
    """A manifest that names a distributor; tests that need a real one ask for `chain`."""
    settings.DEPLOYMENT_PATH = tmp_path / "deployment.json"
    contracts = {"RewardsDistributor": {"address": "0x" + "d1" * 20}}
    content = {"chain_id": 31337, "block_number": 0, "contracts": contracts, "parameters": {}}
    settings.DEPLOYMENT_PATH.write_text(json.dumps(content))
