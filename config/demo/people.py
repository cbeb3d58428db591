"""People of the demo: a wallet that sends its own transactions and a client of the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr

from chain.rpc import Reverted, Rpc
from contributions.operator_client import OperatorClient

ETHER_WEI = 10**18
GAS_PADDING_PERCENT = 150


class TransactionFailed(RuntimeError):
    """A transaction of a demo's wallet was refused or reverted."""


@dataclass
class Sender:
    """A wallet on chain; remembers its nonce, so that several transactions can be under way."""

    account: LocalAccount
    rpc: Rpc
    nonce: int | None = None

    def send(self, *, to: str, data: str = "0x", value_wei: int = 0) -> str:
        """Sign and send; returns the transaction hash. Raises TransactionFailed."""
        if self.nonce is None:
            self.nonce = self.rpc.nonce(self.account.address, "pending")
        header = self.rpc.header("latest")
        fee = 2 * (header.base_fee_wei if header else 0) + 10**9
        try:
            gas = self.rpc.estimate_gas(
                sender=self.account.address,
                to=to,
                data=bytes.fromhex(data[2:]),
                value_wei=value_wei,
            )
        except Reverted as error:
            raise TransactionFailed(f"{self.account.address} to {to}: {error}") from error
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": self.rpc.chain_id(),
                "nonce": self.nonce,
                "to": HexStr(to),
                "value": value_wei,
                "data": HexStr(data),
                "gas": gas * GAS_PADDING_PERCENT // 100,
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": 10**9,
            }
        )
        transaction_hash = self.rpc.send_raw(bytes(signed.raw_transaction))
        self.nonce += 1
        return transaction_hash


@dataclass
class Person:
    """Somebody with a wallet and a signed-in client."""

    account: LocalAccount
    api: OperatorClient
    sender: Sender

    @property
    def address(self) -> str:
        """Checksummed."""
        return self.account.address

    def get(self, path: str) -> Any:
        """GET from the API; the JSON. Raises Refused, ServiceUnreachable."""
        return self.api.call("GET", path).json()

    def post(self, path: str, body: Any | None = None) -> Any:
        """POST JSON to the API; the JSON. Raises Refused, ServiceUnreachable."""
        return self.api.call("POST", path, orjson.dumps(body) if body is not None else b"").json()

    def sign(self, typed_data: dict[str, Any]) -> str:
        """An EIP-712 signature, 0x…"""
        signed = self.account.sign_message(encode_typed_data(full_message=typed_data))
        return "0x" + signed.signature.hex()

    def send(self, transaction: dict[str, Any]) -> str:
        """Send a transaction the API has prepared: {to, data, value}."""
        value_wei = int(transaction.get("value") or 0)
        return self.sender.send(to=transaction["to"], data=transaction["data"], value_wei=value_wei)


def arrive(account: LocalAccount, *, site: str, rpc: Rpc, invite: str) -> Person:
    """Sign in as anybody does; a new wallet redeems the invite."""
    http = httpx.Client(base_url=f"{site.rstrip('/')}/api/v1/", timeout=60)
    api = OperatorClient(http)
    api.sign_in(account, invite=invite)
    return Person(account, api, Sender(account, rpc))


def give_gas(deployer: Sender, addresses: Iterable[str], *, wei: int = ETHER_WEI) -> list[str]:
    """The deployer pays for the gas of those who have none; transaction hashes."""
    poor = [each for each in addresses if deployer.rpc.balance_wei(each) < wei // 2]
    return [deployer.send(to=address, value_wei=wei) for address in poor]
