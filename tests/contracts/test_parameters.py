"""What may be deployed where: times that are too short are refused where money is real."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from chain.abi import ABI_DIR
from chain.deploy import deploy
from chain.parameters import PRODUCTION_MINIMUMS, DeploymentError, DeploymentParameters
from chain.rpc import Rpc
from config import embedded
from tests.contracts.conftest import ETHER, parameters

PRODUCTION = ABI_DIR.parent / "parameters" / "production.json"


def production(**changes) -> DeploymentParameters:
    account = Account.create().address
    given = parameters(account, account).to_json()
    return DeploymentParameters.from_json(given | json.loads(PRODUCTION.read_text()) | changes)


def test_the_production_parameters_choose_every_time_and_are_enough():
    production().check_production()
    assert json.loads(PRODUCTION.read_text()).keys() >= PRODUCTION_MINIMUMS.keys()


@pytest.mark.parametrize("name", PRODUCTION_MINIMUMS)
def test_production_refuses_a_value_below_its_minimum(name: str):
    production(**{name: PRODUCTION_MINIMUMS[name]}).check_production()
    with pytest.raises(DeploymentError, match=f"not for production: {name} is"):
        production(**{name: PRODUCTION_MINIMUMS[name] - 1}).check_production()


def test_a_chain_that_is_not_a_development_chain_gets_no_development_parameters(
    fresh: embedded.Anvil, tmp_path: Path
):
    deployer = Account.create()
    embedded.rpc(fresh.url, "anvil_setBalance", deployer.address, hex(100 * ETHER))
    chosen = parameters(deployer.address, deployer.address)
    path = tmp_path / "d.json"
    embedded.rpc(fresh.url, "anvil_setChainId", 8453)
    try:
        with pytest.raises(DeploymentError, match="veto_seconds is 1, at least 86400"):
            deploy(fresh.url, deployer.key, chosen, manifest_path=path)
        assert not path.exists()
        rehearsal = deploy(fresh.url, deployer.key, chosen, manifest_path=path, short_times=True)
        assert rehearsal["short_times"]
    finally:
        embedded.rpc(fresh.url, "anvil_setChainId", 31337)


def test_no_chain_takes_a_veto_window_of_nothing(fresh: embedded.Anvil, tmp_path: Path):
    deployer = Account.create()
    embedded.rpc(fresh.url, "anvil_setBalance", deployer.address, hex(100 * ETHER))
    chosen = parameters(deployer.address, deployer.address, veto_seconds=0)
    with pytest.raises(DeploymentError, match="RewardsDistributor cannot be created"):
        deploy(fresh.url, deployer.key, chosen, manifest_path=tmp_path / "d.json")
    assert Rpc(fresh.url).nonce(deployer.address) == 0


def test_credits_that_could_leave_before_they_are_settled_are_refused(
    fresh: embedded.Anvil, tmp_path: Path
):
    deployer = Account.create()
    embedded.rpc(fresh.url, "anvil_setBalance", deployer.address, hex(100 * ETHER))
    chosen = parameters(deployer.address, deployer.address, credit_withdrawal_seconds=2)
    with pytest.raises(DeploymentError, match="ActionCredits cannot be created"):
        deploy(fresh.url, deployer.key, chosen, manifest_path=tmp_path / "d.json")
