"""A service with an operator, on a chain that these tests only need the id of."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount


@pytest.fixture(autouse=True)
def deployment(settings, tmp_path: Path) -> None:
    """A deployment manifest of chain 31337 without contracts."""
    settings.DEPLOYMENT_PATH = tmp_path / "deployment.json"
    content = {"chain_id": 31337, "block_number": 0, "contracts": {}, "parameters": {}}
    settings.DEPLOYMENT_PATH.write_text(json.dumps(content))


@pytest.fixture
def operator(settings) -> LocalAccount:
    """The operator whose attestations count."""
    account = Account.create()
    settings.OPERATOR_ADDRESSES = [account.address]
    return account
