"""The whole life of a reward and of a vote, transaction by transaction, on a real node."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from chain.abi import contract
from tests.contracts import tree
from tests.contracts.conftest import ETHER, POLICY, Refused, Stage

HASH = "0x" + "ab" * 32
NEW_POLICY = "0x" + "33" * 32
FOR = 1


def submit(stage: Stage, epoch: int, values: list[tree.Value], **changes) -> None:
    total = sum(amount for _, amount in values)
    header = {
        "epoch": epoch,
        "root": tree.root(values),
        "total": total,
        "sourceTotals": [total, 0, 0],
        "policyHash": POLICY.content_hash,
        "ledgerRoot": HASH,
        "bundleHash": HASH,
    }
    stage.send(stage.publisher, "RewardsDistributor", "submitRoot", header | changes)


def publish(stage: Stage, epoch: int, values: list[tree.Value]) -> None:
    submit(stage, epoch, values)
    stage.advance(2)
    stage.send(stage.deployer, "RewardsDistributor", "activate")


def domain(stage: Stage, name: str, contract_name: str) -> dict:
    return {
        "name": name,
        "version": "1",
        "chainId": stage.manifest["chain_id"],
        "verifyingContract": stage.address(contract_name),
    }


def sign(account: LocalAccount, domain_: dict, kind: str, fields: dict, message: dict) -> bytes:
    types = {kind: [{"name": name, "type": each} for name, each in fields.items()]}
    signable = encode_typed_data(domain_, types, message)
    return bytes(account.sign_message(signable).signature)


def claim_message(stage: Stage, account: str, recipient: str, cumulative: int) -> dict:
    return {
        "account": account,
        "recipient": recipient,
        "cumulative": cumulative,
        "nonce": stage.read("RewardsDistributor", "nonces", account),
        "deadline": stage.rpc.header("latest").timestamp + 3600,
    }


CLAIM = {
    "account": "address",
    "recipient": "address",
    "cumulative": "uint256",
    "nonce": "uint256",
    "deadline": "uint256",
}
DELEGATION = {"delegatee": "address", "nonce": "uint256", "expiry": "uint256"}
BALLOT = {"proposalId": "uint256", "support": "uint8", "voter": "address", "nonce": "uint256"}


@pytest.fixture
def people(stage: Stage) -> list[LocalAccount]:
    people = [Account.create() for _ in range(5)]
    stage.fund(*people)
    return people


@pytest.fixture
def values(people) -> list[tree.Value]:
    return [(person.address, (i + 1) * 100_000 * ETHER) for i, person in enumerate(people)]


def balance(stage: Stage, account: str) -> int:
    return stage.read("LAMToken", "balanceOf", account)


def claim_arguments(values: list[tree.Value], i: int) -> list:
    return [*values[i], tree.root(values), tree.proof(values, i)]


def test_from_emission_to_a_policy_changed_by_vote(stage: Stage, people, values):
    own, _helped, signing, delegating, stranger = people
    stage.send(stranger, "LAMToken", "mintEmission", 1)
    assert balance(stage, stage.address("RewardsVault")) == stage.read("LAMToken", "emission", 1)
    publish(stage, 1, values)

    stage.send(own, "RewardsDistributor", "claim", *claim_arguments(values, 0))
    stage.send(stranger, "RewardsDistributor", "claim", *claim_arguments(values, 1))
    message = claim_message(stage, signing.address, stranger.address, values[2][1])
    signature = sign(
        signing, domain(stage, "LAM Rewards", "RewardsDistributor"), "Claim", CLAIM, message
    )
    rest = [message[key] for key in ("recipient", "deadline", "nonce")]
    stage.send(
        stage.deployer,
        "RewardsDistributor",
        "claimTo",
        *claim_arguments(values, 2),
        *rest,
        signature,
    )
    claim_and_delegate(stage, delegating, values, 3)
    assert [balance(stage, each.address) for each in people] == [
        values[0][1],
        values[1][1],
        0,
        values[3][1],
        values[2][1],
    ]
    assert stage.read("LAMToken", "getVotes", delegating.address) == values[3][1]

    stage.send(own, "LAMToken", "delegate", own.address)
    change_policy_by_vote(stage, proposer=delegating, by_signature=own)
    assert stage.read("Registry", "current", 0)["contentHash"] == NEW_POLICY
    assert stage.read("Registry", "isAdopted", 0, POLICY.content_hash)


def claim_and_delegate(
    stage: Stage, account: LocalAccount, values: list[tree.Value], i: int
) -> None:
    message = {
        "delegatee": account.address,
        "nonce": stage.read("LAMToken", "nonces", account.address),
        "expiry": stage.rpc.header("latest").timestamp + 3600,
    }
    signature = sign(
        account, domain(stage, "Action Model", "LAMToken"), "Delegation", DELEGATION, message
    )
    delegation = message | {"r": signature[:32], "s": signature[32:64], "v": signature[64]}
    arguments = claim_arguments(values, i)
    stage.send(stage.deployer, "RewardsDistributor", "claimAndDelegate", *arguments, delegation)


def change_policy_by_vote(
    stage: Stage, *, proposer: LocalAccount, by_signature: LocalAccount
) -> None:
    calldata = contract("Registry").encode_call("adopt", 0, NEW_POLICY, "/policies/next", 2)
    description = f"# Pay more\n\nIt is better.\n\n#proposer={proposer.address.lower()}"
    action = [[stage.address("Registry")], [0], [calldata]]
    hashed = keccak(text=description)
    stage.advance(1)
    stage.send(proposer, "LAMGovernor", "propose", *action, description)
    proposal = stage.read("LAMGovernor", "hashProposal", *action, hashed)
    stage.advance(2)
    stage.send(proposer, "LAMGovernor", "castVote", proposal, FOR)
    message = {
        "proposalId": proposal,
        "support": FOR,
        "voter": by_signature.address,
        "nonce": stage.read("LAMGovernor", "nonces", by_signature.address),
    }
    signature = sign(
        by_signature, domain(stage, "LAM Governor", "LAMGovernor"), "Ballot", BALLOT, message
    )
    stage.send(
        stage.deployer,
        "LAMGovernor",
        "castVoteBySig",
        proposal,
        FOR,
        by_signature.address,
        signature,
    )
    stage.advance(121)
    stage.send(stage.deployer, "LAMGovernor", "queue", *action, hashed)
    stage.advance(2)
    stage.send(stage.deployer, "LAMGovernor", "execute", *action, hashed)


def test_a_second_epoch_pays_the_difference(stage: Stage, people, values):
    stage.send(people[0], "LAMToken", "mintEmission", 1)
    publish(stage, 1, values)
    stage.send(people[0], "RewardsDistributor", "claim", *claim_arguments(values, 0))
    stage.send(people[0], "LAMToken", "mintEmission", 2)
    later = [(account, amount * 2) for account, amount in values]
    publish(stage, 2, later)
    stage.send(people[0], "RewardsDistributor", "claim", *claim_arguments(later, 0))
    assert balance(stage, people[0].address) == later[0][1]
    with pytest.raises(Refused, match="NothingToClaim"):
        stage.send(people[0], "RewardsDistributor", "claim", *claim_arguments(later, 0))


def test_no_root_allocates_more_than_was_minted(stage: Stage, people):
    minted = stage.read("LAMToken", "emission", 1)
    values = [(people[0].address, minted), (people[1].address, 1)]
    stage.send(people[0], "LAMToken", "mintEmission", 1)
    with pytest.raises(Refused, match="SourceUnderfunded"):
        submit(stage, 1, values)


def test_a_policy_nobody_adopted_pays_nobody(stage: Stage, people, values):
    stage.send(people[0], "LAMToken", "mintEmission", 1)
    with pytest.raises(Refused, match="PolicyNotAdopted"):
        submit(stage, 1, values, policyHash="0x" + "44" * 32)


def test_the_deployer_can_do_nothing_a_stranger_cannot(stage: Stage):
    refused = {
        ("Registry", "adopt", (0, HASH, "u", 1)): "NotHolder",
        ("RewardsDistributor", "veto", (1,)): "NotGuardian",
        ("RewardsDistributor", "pause", ()): "NotGuardian",
        ("RewardsVault", "escrow", (1,)): "NotDistributor",
        ("RewardsVault", "release", ()): "NotDistributor",
        ("Handover", "advance", (0,)): "TermNotOver",
        ("Handover", "elect", (5, stage.deployer.address, 2**40)): "NotTimelock",
        ("LAMToken", "limitEmission", (9, 1)): "NotPolicyHolder",
        ("TimelockController", "updateDelay", (0,)): "TimelockUnauthorizedCaller",
        ("TimelockController", "grantRole", (b"\0" * 32, stage.deployer.address)): "Unauthorized",
    }
    for (name, function, arguments), message in refused.items():
        with pytest.raises(Refused, match=message):
            stage.send(stage.deployer, name, function, *arguments)
