"""Points on a real chain: what is intended is sent, mined, followed and projected."""

from django.conf import settings
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.abi import contract
from chain.follow import step
from chain.rpc import Receipt, Rpc
from points import epochs, publication
from points.models import Epoch
from tests.conftest import Chain


def rpc() -> Rpc:
    """The node of the test."""
    return Rpc(settings.ETH_RPC_URL)


def follow(chain: Chain, rounds: int = 2) -> None:
    """Rounds of the chain process, each with everything mined so far final."""
    for _ in range(rounds):
        step(rpc())
        chain.finalize()
    step(rpc())


def publish_until(chain: Chain, number: int, state: str = "active") -> None:
    """Publish an epoch step by step, until it is in a state."""
    for _ in range(12):
        if epochs.state(Epoch.objects.get(pk=number)) == state:
            return
        publication.publish(number)
        follow(chain, 1)
        chain.advance(2)
    raise AssertionError(f"epoch {number} is {epochs.state(Epoch.objects.get(pk=number))}")


def send(chain: Chain, account: LocalAccount, name: str, function: str, *arguments) -> Receipt:
    """Call a contract with a wallet of one's own; the receipt, also of a revert."""
    chain.fund(account.address)
    signed = account.sign_transaction(
        {
            "chainId": 31337,
            "nonce": rpc().nonce(account.address),
            "to": chain.address(name),
            "value": 0,
            "data": contract(name).encode_call(function, *arguments),
            "gas": 2_000_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 1,
        }
    )
    transaction = rpc().send_raw(bytes(signed.raw_transaction))
    for _ in range(1000):
        if receipt := rpc().receipt(transaction):
            return receipt
    raise AssertionError(f"{transaction} was not mined")


def lam_of(chain: Chain, address: str) -> int:
    """LAM wei an address holds."""
    token = contract("LAMToken")
    answer = rpc().read(to=chain.address("LAMToken"), data=token.encode_call("balanceOf", address))
    return token.decode_result("balanceOf", answer)


def stranger() -> LocalAccount:
    """A fresh wallet."""
    return Account.create()
