"""The deployment: whole, repeatable, and nobody is left with a power that voters did not give."""

import hashlib
import json
from itertools import chain as joined
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from chain.abi import ABI_DIR, contract
from chain.deploy import ORDER, created, deploy, verify_roles
from chain.parameters import DeploymentError, DeploymentParameters
from chain.rpc import ChainUnavailable, Rpc
from config import embedded
from tests.contracts.conftest import ETHER, POLICY, VERIFIER, Stage, parameters

ROLES = ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")


def test_every_contract_is_where_the_manifest_says(stage: Stage):
    assert tuple(stage.manifest["contracts"]) == ORDER
    for name in ORDER:
        # EIP-170: what mainnet refuses must not pass here.
        assert 0 < len(stage.rpc.code(stage.address(name))) <= 24_576
    assert stage.manifest["block_number"] <= stage.rpc.header("latest").number


def test_only_the_governor_ever_got_a_role_of_the_timelock(stage: Stage):
    timelock, governor = stage.address("TimelockController"), stage.address("LAMGovernor")
    abi = contract("TimelockController")
    logs = stage.rpc.logs(addresses=[timelock], first=0, last=stage.rpc.header("latest").number)
    granted = {
        (values["role"], values["account"])
        for name, values in (abi.decode_log(log.topics, log.data) for log in logs)
        if name == "RoleGranted"
    }
    roles = {(stage.read("TimelockController", role), governor) for role in ROLES}
    itself = (stage.read("TimelockController", "DEFAULT_ADMIN_ROLE"), timelock)
    assert granted == roles | {itself}


def test_a_leftover_role_is_refused(stage: Stage):
    with pytest.raises(DeploymentError, match="has PROPOSER_ROLE"):
        # The Governor does hold the roles: taken for the deployer, it must be reported.
        verify_roles(
            stage.rpc,
            {name: stage.address(name) for name in ORDER},
            deployer=stage.address("LAMGovernor"),
        )


@pytest.mark.parametrize(
    ("name", "message"),
    [("RewardsVault", "is not the deployed"), ("Handover", "is no Handover")],
)
def test_contracts_that_do_not_belong_together_are_refused(stage: Stage, name, message):
    addresses = {each: stage.address(each) for each in ORDER} | {name: stage.address("LAMToken")}
    with pytest.raises(DeploymentError, match=message):
        verify_roles(stage.rpc, addresses, stage.deployer.address)


def test_policy_and_verifier_are_adopted_at_genesis(stage: Stage):
    for kind, document in enumerate((POLICY, VERIFIER)):
        assert stage.read("Registry", "isAdopted", kind, document.content_hash)
        current = stage.read("Registry", "current", kind)
        assert current == {
            "contentHash": document.content_hash,
            "uri": document.uri,
            "effectiveEpoch": 0,
        }


def test_nobody_holds_lam_after_the_deployment(stage: Stage):
    assert stage.read("LAMToken", "totalSupply") == 0


def test_a_second_run_reuses_what_stands(fresh: embedded.Anvil, tmp_path: Path):
    deployer = Account.create()
    embedded.rpc(fresh.url, "anvil_setBalance", deployer.address, hex(100 * ETHER))
    path, chosen = tmp_path / "d.json", parameters(deployer.address, deployer.address)
    first = deploy(fresh.url, deployer.key, chosen, manifest_path=path)
    nonce = Rpc(fresh.url).nonce(deployer.address)
    assert deploy(fresh.url, deployer.key, chosen, manifest_path=path) == first
    assert Rpc(fresh.url).nonce(deployer.address) == nonce
    assert json.loads(path.read_text()) == first


def test_an_unfunded_deployer_is_told_so_and_nothing_is_written(
    fresh: embedded.Anvil, tmp_path: Path
):
    deployer = Account.create()
    path, chosen = tmp_path / "d.json", parameters(deployer.address, deployer.address)
    with pytest.raises(DeploymentError, match=f"{deployer.address} has 0 wei"):
        deploy(fresh.url, deployer.key, chosen, manifest_path=path)
    assert not path.exists()
    assert Rpc(fresh.url).nonce(deployer.address) == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("chain_id", 1, "of chain 1"), ("genesis_hash", "0x" + "00" * 32, "started over")],
)
def test_the_manifest_of_another_chain_is_refused(
    stage: Stage, tmp_path: Path, field, value, message
):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(stage.manifest | {field: value}))
    chosen = parameters(stage.publisher.address, stage.guardian.address)
    with pytest.raises(DeploymentError, match=message):
        deploy(stage.rpc.url, stage.deployer.key, chosen, manifest_path=path)


def test_other_code_at_an_address_is_refused(stage: Stage, tmp_path: Path):
    stage.rpc.call("anvil_setCode", stage.address("Registry"), "0x60006000fd")
    path = tmp_path / "d.json"
    path.write_text(json.dumps(stage.manifest))
    chosen = parameters(stage.publisher.address, stage.guardian.address)
    with pytest.raises(DeploymentError, match="the code of Registry"):
        deploy(stage.rpc.url, stage.deployer.key, chosen, manifest_path=path)


def test_no_node_is_a_clear_error(tmp_path: Path):
    account = Account.create()
    url = f"http://127.0.0.1:{embedded.free_port()}"
    chosen = parameters(account.address, account.address)
    with pytest.raises(ChainUnavailable, match="no answer"):
        deploy(url, account.key, chosen, manifest_path=tmp_path / "d.json")


def test_parameters_survive_json():
    account = Account.create().address
    chosen = parameters(account, account, voting_period_seconds=7, quorum_percent=9)
    assert DeploymentParameters.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


def test_unknown_and_missing_parameters_are_named():
    account = Account.create().address
    document = parameters(account, account).to_json()
    with pytest.raises(DeploymentError, match="votes_per_day"):
        DeploymentParameters.from_json(document | {"votes_per_day": 1})
    del document["policy"]
    with pytest.raises(DeploymentError, match="policy"):
        DeploymentParameters.from_json(document)


def test_addresses_follow_from_the_nonce():
    """Against the addresses the chain gives, over the boundaries of RLP's number encoding."""
    sender = "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"
    known = {
        0: "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d",
        1: "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8",
        2: "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91",
    }
    assert {nonce: created(sender, nonce).lower() for nonce in known} == known
    encoded = {0x7F: b"\x7f", 0x80: b"\x81\x80", 0x400: b"\x82\x04\x00"}
    for nonce, item in encoded.items():
        body = b"\x94" + bytes.fromhex(sender[2:]) + item
        digest = keccak(bytes([0xC0 + len(body)]) + body)
        assert created(sender, nonce).lower() == "0x" + digest[12:].hex()


def test_terms_run_from_the_deployment(stage: Stage):
    for capability, holder in ((0, stage.publisher), (1, stage.guardian)):
        assert stage.read("Handover", "holder", capability) == holder.address
    voters = list(joined((2, 3), (4, 5, 6)))
    timelock = stage.address("TimelockController")
    assert [stage.read("Handover", "holder", each) for each in voters] == [timelock] * 5


def test_the_manifest_names_the_sources_and_the_arguments(stage: Stage):
    for name, entry in stage.manifest["contracts"].items():
        artifact = json.loads((ABI_DIR / f"{name}.json").read_text())
        assert entry["source_hash"] == artifact["sourceHash"]
        source = ABI_DIR.parent / artifact["sourceName"]
        if source.exists():
            assert entry["source_hash"] == "0x" + hashlib.sha256(source.read_bytes()).hexdigest()
        inputs = contract(name).constructor.parameters
        assert len(entry["constructor_arguments"]) == len(inputs)


def test_a_manifest_of_fewer_contracts_is_refused(stage: Stage, tmp_path: Path):
    older = json.loads(json.dumps(stage.manifest))
    del older["contracts"]["ActionCredits"]
    path = tmp_path / "older.json"
    path.write_text(json.dumps(older))
    chosen = parameters(stage.publisher.address, stage.guardian.address)
    with pytest.raises(DeploymentError, match="has no 'ActionCredits'"):
        deploy(stage.rpc.url, stage.deployer.key, chosen, manifest_path=path)
