"""JSON-RPC to an EVM node, with errors that say what went wrong. No Django, no state."""

import contextlib
import functools
import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
import requests
from eth_utils.address import to_checksum_address

TIMEOUT_SECONDS = 20
BATCH_CALLS = 200

BlockId = int | str
# Few contracts log very often, and a checksum is a hash.
checksum = functools.lru_cache(maxsize=4096)(to_checksum_address)


class ChainError(RuntimeError):
    """Anything wrong between us and the chain."""


class ChainUnavailable(ChainError):
    """The node does not answer, or not with JSON-RPC; asking again later may work."""


class WrongChain(ChainError):
    """The node follows another chain than the one the contracts are deployed on."""


class RpcError(ChainError):
    """The node answered with an error object (`code`, `message`, `data`)."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Reverted(RpcError):
    """The call would revert; `data` holds the revert data as hex, if the node gave any."""


@dataclass(frozen=True)
class Header:
    """A block header; the timestamp in seconds since 1970, the base fee in wei.

    `fields` is all of it as the node gave it, to be checked against the hash.
    """

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee_wei: int
    bloom: int
    receipts_root: str
    fields: dict[str, Any] = field(repr=False, compare=False)


class RawLog(NamedTuple):
    """A log as the node gave it: hashes as lowercase hex, the address checksummed."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    block_number: int
    block_hash: str
    transaction_hash: str
    transaction_index: int
    log_index: int


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction in the block that holds it."""

    transaction_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int


def block_id(block: BlockId) -> str:
    """A number as hex; a tag or a hash as it is."""
    return hex(block) if isinstance(block, int) else block


@contextlib.contextmanager
def _understood(what: str) -> Iterator[None]:
    """A node that answers with the wrong shape is as good as none."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ChainUnavailable(f"the node gave {what} that is none: {error!r}") from error


@_understood("a header")
def parse_header(value: dict[str, Any]) -> Header:
    """A header of eth_getBlockByNumber or …ByHash."""
    return Header(
        number=int(value["number"], 16),
        hash=value["hash"].lower(),
        parent_hash=value["parentHash"].lower(),
        timestamp=int(value["timestamp"], 16),
        base_fee_wei=int(value.get("baseFeePerGas") or "0x0", 16),
        bloom=int(value.get("logsBloom") or "0x0", 16),
        receipts_root=value["receiptsRoot"].lower(),
        fields=value,
    )


@_understood("a log")
def parse_logs(values: Iterable[dict[str, Any]]) -> list[RawLog]:
    """The logs of an eth_getLogs answer."""
    return [_log(value) for value in values]


def _log(value: dict[str, Any]) -> RawLog:
    return RawLog(
        address=checksum(value["address"]),
        topics=tuple(map(str.lower, value["topics"])),
        data=bytes.fromhex(value["data"][2:]),
        block_number=int(value["blockNumber"], 16),
        block_hash=value["blockHash"].lower(),
        transaction_hash=value["transactionHash"].lower(),
        transaction_index=int(value["transactionIndex"], 16),
        log_index=int(value["logIndex"], 16),
    )


def _error(error: dict[str, Any]) -> RpcError:
    # Some nodes put the raw revert data into the message.
    message = "".join(c for c in str(error.get("message", "")) if c.isprintable())
    code = int(error.get("code", 0))
    data = error.get("data")
    # Some nodes wrap the revert data in an object.
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    data = data if isinstance(data, str) and data.startswith("0x") else ""
    kind = Reverted if code == 3 or data or "revert" in message.lower() else RpcError
    return kind(code, message, data)


def _bounded(gas_max: int | None) -> dict[str, str]:
    return {} if gas_max is None else {"gas": hex(gas_max)}


class Rpc:
    """A node at `url`. Safe to share between threads; connections are kept open per thread."""

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url
        self.timeout_seconds = timeout_seconds
        self._ids = itertools.count(1)
        self._local = threading.local()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises ChainUnavailable, RpcError or Reverted."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._post(body)
        if not isinstance(answer, dict):
            raise ChainUnavailable(f"{self.url} did not answer {method} with an object")
        return self._result(answer, method)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of many calls, in their order; the first error is raised."""
        results: list[Any] = []
        for start in range(0, len(calls), BATCH_CALLS):
            results += self._batch(calls[start : start + BATCH_CALLS])
        return results

    def _batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        bodies = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
            for method, params in calls
        ]
        answers = self._post(bodies)
        if not isinstance(answers, list):
            raise ChainUnavailable(f"{self.url} does not answer batches")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        if any(body["id"] not in by_id for body in bodies):
            raise ChainUnavailable(f"{self.url} left calls of a batch unanswered")
        return [self._result(by_id[body["id"]], str(body["method"])) for body in bodies]

    def _post(self, body: Any) -> Any:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        try:
            response = session.post(self.url, json=body, timeout=self.timeout_seconds)
            answer = orjson.loads(response.content)
        except requests.RequestException as error:
            raise ChainUnavailable(f"no answer from the node at {self.url}: {error}") from error
        except ValueError as error:
            raise ChainUnavailable(
                f"the node at {self.url} answered {response.status_code} without JSON"
            ) from error
        return answer

    def _result(self, answer: dict[str, Any], method: str) -> Any:
        if answer.get("error"):
            raise _error(answer["error"])
        if "result" not in answer:
            raise ChainUnavailable(f"{self.url} answered {method} without a result")
        return answer["result"]

    def _quantity(self, method: str, *params: Any) -> int:
        answer = self.call(method, *params)
        with _understood("a number"):
            return int(answer, 16)

    def _bytes(self, method: str, *params: Any) -> bytes:
        answer = self.call(method, *params)
        with _understood("bytes"):
            return bytes.fromhex(answer[2:])

    def _list(self, method: str, *params: Any) -> list[Any]:
        answer = self.call(method, *params)
        if not isinstance(answer, list):
            raise ChainUnavailable(f"{self.url} did not answer {method} with a list")
        return answer

    def chain_id(self) -> int:
        """The chain the node follows (EIP-155)."""
        return self._quantity("eth_chainId")

    def require_chain(self, chain_id: int) -> None:
        """Raises WrongChain when the node follows another chain."""
        found = self.chain_id()
        if found != chain_id:
            raise WrongChain(f"the node at {self.url} follows chain {found}, not {chain_id}")

    def header(self, block: BlockId = "latest") -> Header | None:
        """The header at a number, tag or hash; None when the node has none."""
        by_hash = isinstance(block, str) and len(block) == 66
        method = "eth_getBlockByHash" if by_hash else "eth_getBlockByNumber"
        value = self.call(method, block_id(block), False)
        return parse_header(value) if value else None

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        """The headers at these numbers, in their order; None where the node has none."""
        values = self.batch([("eth_getBlockByNumber", (hex(n), False)) for n in numbers])
        return [parse_header(value) if value else None for value in values]

    def logs(self, *, addresses: Sequence[str], first: int, last: int) -> list[RawLog]:
        """Logs of these addresses in blocks first..last, both included."""
        query = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
        return parse_logs(self._list("eth_getLogs", query))

    def logs_of_block(self, *, addresses: Sequence[str], block_hash: str) -> list[RawLog]:
        """Logs of these addresses in exactly this block (EIP-234)."""
        query = {"address": list(addresses), "blockHash": block_hash}
        return parse_logs(self._list("eth_getLogs", query))

    def block_receipts(self, numbers: Sequence[int]) -> list[Any]:
        """The receipts of these blocks as the node gives them (see chain.receipts)."""
        return self.batch([("eth_getBlockReceipts", (hex(n),)) for n in numbers])

    def read(
        self,
        *,
        to: str,
        data: bytes,
        block: BlockId = "latest",
        sender: str = "",
        gas_max: int | None = None,
    ) -> bytes:
        """The return data of a call that changes nothing. Raises Reverted."""
        call = {"to": to, "data": "0x" + data.hex()} | ({"from": sender} if sender else {})
        call |= _bounded(gas_max)
        return self._bytes("eth_call", call, block_id(block))

    def create(
        self, code: bytes, block: BlockId = "latest", *, gas_max: int | None = None
    ) -> bytes:
        """What creation code returns, executed and thrown away. Raises Reverted."""
        call = {"data": "0x" + code.hex()} | _bounded(gas_max)
        return self._bytes("eth_call", call, block_id(block))

    def estimate_gas(
        self,
        *,
        sender: str,
        to: str,
        data: bytes,
        value_wei: int = 0,
        gas_max: int | None = None,
    ) -> int:
        """Gas the call would use now, unpadded. Raises Reverted, RpcError beyond `gas_max`."""
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value_wei)}
        call |= _bounded(gas_max)
        return self._quantity("eth_estimateGas", call)

    def send_raw(self, raw: bytes) -> str:
        """Hand a signed transaction to the node; its hash."""
        return str(self.call("eth_sendRawTransaction", "0x" + raw.hex())).lower()

    def knows(self, transaction_hash: str) -> bool:
        """The node has the transaction, mined or waiting."""
        return self.call("eth_getTransactionByHash", transaction_hash) is not None

    def receipts(self, hashes: Sequence[str]) -> list[Receipt | None]:
        """The receipts of mined transactions, in their order; None for the others."""
        values = self.batch([("eth_getTransactionReceipt", (each,)) for each in hashes])
        return [self._receipt(value) if value else None for value in values]

    def receipt(self, transaction_hash: str) -> Receipt | None:
        """The receipt of a mined transaction."""
        return self.receipts([transaction_hash])[0]

    @staticmethod
    @_understood("a receipt")
    def _receipt(value: dict[str, Any]) -> Receipt:
        return Receipt(
            transaction_hash=value["transactionHash"].lower(),
            block_number=int(value["blockNumber"], 16),
            block_hash=value["blockHash"].lower(),
            succeeded=int(value["status"], 16) == 1,
            gas_used=int(value["gasUsed"], 16),
        )

    def nonce(self, address: str, block: BlockId = "latest") -> int:
        """How many transactions of this address the chain holds up to the block."""
        return self._quantity("eth_getTransactionCount", address, block_id(block))

    def balance_wei(self, address: str, block: BlockId = "latest") -> int:
        """The address's native coin, for gas."""
        return self._quantity("eth_getBalance", address, block_id(block))

    def code(self, address: str, block: BlockId = "latest") -> bytes:
        """The code at the address; empty for an account held by a key."""
        return self._bytes("eth_getCode", address, block_id(block))

    def priority_fee_wei(self) -> int:
        """The tip the node suggests."""
        return self._quantity("eth_maxPriorityFeePerGas")
