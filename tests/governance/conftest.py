"""Holders of LAM on a real chain: what they send is mined, followed and projected for real."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from rest_framework.test import APIClient

from chain.abi import contract
from chain.contracts import read
from chain.follow import step
from chain.rpc import Receipt, Rpc
from contributions import policy
from contributions.policy_document import load_policy
from governance import polls, proposal_templates
from governance.counting import Method
from governance.models import Proposal
from governance.poll_models import Poll
from governance.propose import Draft
from governance.state import State, state, tally
from tests.conftest import Chain
from tests.factories import bearer, make_user
from tests.governance.balloting import OPTIONS, person_of

LAM = 10**18


@dataclass(frozen=True)
class Assembly:
    """The chain, and three holders who delegated to themselves: 60, 30 and 10 LAM of 100."""

    chain: Chain
    holders: list[LocalAccount]

    @property
    def rpc(self) -> Rpc:
        return Rpc(self.chain.url)

    def send(self, account: LocalAccount, to: str, data: bytes) -> Receipt:
        """Sign, send and wait for the block."""
        signed = account.sign_transaction(
            {
                "chainId": 31337,
                "nonce": self.rpc.nonce(account.address, "pending"),
                "to": to,
                "value": 0,
                "data": data,
                "gas": 3_000_000,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 1,
            }
        )
        return self.mined(self.rpc.send_raw(bytes(signed.raw_transaction)))

    def play(self, address: str, data: bytes) -> Receipt:
        """Call the token as an address nobody has the key of."""
        self.chain.fund(address)
        self.chain.rpc("anvil_impersonateAccount", address)
        to = self.chain.address("LAMToken")
        # The node's own estimate is of a checkpoint overwritten in the same second.
        call = {"from": address, "to": to, "data": "0x" + data.hex(), "gas": hex(1_000_000)}
        receipt = self.mined(str(self.chain.rpc("eth_sendTransaction", call)))
        assert receipt.succeeded
        return receipt

    def mined(self, transaction_hash: str) -> Receipt:
        """Wait for the block."""
        for _ in range(1000):
            if receipt := self.rpc.receipt(transaction_hash):
                return receipt
            time.sleep(0.005)
        raise AssertionError(f"{transaction_hash} was not mined")

    def call(self, account: LocalAccount, name: str, function: str, *arguments: Any) -> Receipt:
        data = contract(name).encode_call(function, *arguments)
        return self.send(account, self.chain.address(name), data)

    def read(self, name: str, function: str, *arguments: Any) -> Any:
        return read(self.rpc, name, function, *arguments)

    def follow(self) -> None:
        """Two rounds of the chain process with final blocks after each."""
        for _ in range(2):
            self.chain.finalize()
            step(self.rpc)

    def propose(self, draft: Draft) -> Proposal:
        """Propose as the first holder and move on to where voting is open."""
        receipt = self.send(self.holders[0], self.chain.address("LAMGovernor"), draft.calldata)
        assert receipt.succeeded
        self.chain.advance(3)
        self.follow()
        return Proposal.objects.get(pk=draft.proposal_id)

    def end_voting(self) -> None:
        self.chain.advance(300)
        self.follow()

    def vote(self, number: int, proposal: Proposal, support: int) -> None:
        receipt = self.call(self.holders[number], "LAMGovernor", "castVote", proposal.pk, support)
        assert receipt.succeeded

    def state(self, proposal: Proposal) -> State:
        """By our rules, which must agree with the contract's."""
        proposal.refresh_from_db()
        ours = state(proposal, tally(proposal))
        names = ["pending", "active", "canceled", "defeated", "succeeded", "queued"]
        names += ["expired", "executed"]
        assert ours == names[self.read("LAMGovernor", "state", proposal.pk)]
        return ours


@pytest.fixture
def assembly(chain: Chain, settings, db) -> Assembly:
    """A supply of 100 LAM in the hands of three holders with votes."""
    settings.PROJECTIONS = ["governance.project.project", "governance.project.adoptions"]
    made = Assembly(chain, [Account.create() for _ in range(3)])
    vault = chain.address("RewardsVault")
    chain.fund(made.holders[0].address)
    assert made.call(made.holders[0], "LAMToken", "mintEmission", 1).succeeded
    surplus = made.read("LAMToken", "totalSupply") - 100 * LAM
    transfers = [
        (holder.address, share * LAM) for holder, share in zip(made.holders, SHARES, strict=True)
    ]
    token = contract("LAMToken")
    for each in transfers:
        made.play(vault, token.encode_call("transfer", *each))
    made.play(vault, token.encode_call("burn", surplus))
    for holder in made.holders:
        chain.fund(holder.address)
        assert made.call(holder, "LAMToken", "delegate", holder.address).succeeded
    # Votes count as of a past second.
    chain.advance(2)
    made.follow()
    return made


SHARES = (60, 30, 10)


def changed_policy(**fields: Any) -> dict[str, Any]:
    """A valid reward policy that is not the genesis one."""
    document = json.loads(json.dumps(load_policy().document))
    return {**document, "name": "twice as much", "points_per_action_millipoints": 2000, **fields}


def policy_draft(assembly: Assembly, *, title: str) -> Draft:
    """A proposal to change the reward policy from epoch 2 on."""
    document = policy.register_document(changed_policy())
    return proposal_templates.build(
        template="reward_policy",
        fields={"document_hash": document.hash, "effective_epoch": 2},
        title=title,
        body="Because the work is worth it.",
        proposer=assembly.holders[0].address,
    )


@pytest.fixture
def client() -> APIClient:
    """Nobody, until `headers` says who."""
    return APIClient()


@pytest.fixture
def member(db) -> dict[str, str]:
    """The headers of a signed-in user with every scope."""
    return bearer(make_user())


@pytest.fixture
def open_poll(assembly):
    """Opens a poll of the first holder; five minutes unless told otherwise."""

    def make(method: Method = Method.SINGLE, **fields) -> Poll:
        asked = {"title": "Which colour?", "options": OPTIONS, "duration_seconds": 300, **fields}
        return polls.open_poll(user=person_of(assembly.holders[0]), method=method, **asked)

    return make
