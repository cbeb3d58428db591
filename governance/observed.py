"""What a transaction changed: its events, the state of our contracts in words, raw storage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from chain.abi import AbiError, Contract, contract
from chain.deploy import Capability
from chain.deployment import deployment
from chain.rpc import RawLog, Rpc, RpcError, parse_logs
from governance.decode import plain

CAPABILITY_COUNT = len(Capability)
KIND_COUNT = 4
# Views that change by themselves.
CLOCKS = {"clock"}
# Views of one small number, and how far to read them.
INDEXED = {
    ("Registry", "current"): KIND_COUNT,
    ("Handover", "holder"): CAPABILITY_COUNT,
    ("Handover", "stage"): CAPABILITY_COUNT,
    ("Handover", "electedTerm"): CAPABILITY_COUNT,
}
# Views of an address, read for every address that the events name.
BY_ADDRESS = (("LAMToken", "balanceOf"), ("LAMToken", "getVotes"), ("LAMToken", "delegates"))
ADDRESSES_MAX = 20
ZERO_WORD = "0x" + "00" * 32


@dataclass(frozen=True)
class View:
    """A reading of one of our contracts, and what it is called."""

    contract: str
    function: str
    arguments: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """As code: LAMToken.balanceOf(0x…)."""
        return f"{self.contract}.{self.function}({', '.join(map(str, self.arguments))})"


@dataclass
class Observed:
    """Events in their order, readings that changed, and storage slots that changed."""

    events: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    storage: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: "Observed") -> None:
        """What a later transaction changed."""
        self.events += other.events
        self.changes += other.changes
        self.storage += other.storage

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"events": self.events, "changes": self.changes, "storage": self.storage}


def observe(fork: Rpc, receipt: dict[str, Any], *, before: int, sender: str) -> Observed:
    """What a transaction of the fork changed against the block `before` it."""
    logs = parse_logs(receipt["logs"])
    after = int(receipt["blockNumber"], 16)
    views = [*_fixed_views(), *_address_views(logs, sender)]
    old, new = _readings(fork, views, before), _readings(fork, views, after)
    changes = [
        {"contract": view.contract, "name": view.name, "before": was, "after": now}
        for view, was, now in zip(views, old, new, strict=True)
        if was != now
    ]
    written = _written(fork, receipt)
    changes += _ether(fork, written, before, after)
    return Observed([_event(each) for each in logs], changes, list(_storage(written)))


def _fixed_views() -> Iterator[View]:
    """All views without arguments, and those of a small number."""
    for name in sorted(deployment().addresses):
        for each in contract(name).functions:
            if each.constant and not each.inputs.types and each.name not in CLOCKS:
                yield View(name, each.name)
    for (name, function), count in INDEXED.items():
        yield from (View(name, function, (number,)) for number in range(count))


def _address_views(logs: Sequence[RawLog], sender: str) -> Iterator[View]:
    named = {sender} | {value for log in logs for value in _addresses(_decoded(log))}
    for address in sorted(named)[:ADDRESSES_MAX]:
        yield from (View(name, function, (address,)) for name, function in BY_ADDRESS)


def _addresses(decoded: tuple[str, dict[str, Any]] | None) -> Iterator[str]:
    values = decoded[1].values() if decoded else ()
    yield from (v for v in values if isinstance(v, str) and len(v) == 42 and v.startswith("0x"))


def _readings(fork: Rpc, views: Sequence[View], block: int) -> list[Any]:
    """The values at a block; None for what reverts."""
    return [_reading(fork, view, block) for view in views]


def _reading(fork: Rpc, view: View, block: int) -> Any:
    abi = contract(view.contract)
    data = abi.encode_call(view.function, *view.arguments)
    try:
        answer = fork.read(to=deployment().address(view.contract), data=data, block=block)
        return plain(abi.decode_result(view.function, answer, len(view.arguments)))
    except (RpcError, AbiError):
        return None


def _abi_at(address: str) -> Contract | None:
    return deployment().contract_at(address)


def _decoded(log: RawLog) -> tuple[str, dict[str, Any]] | None:
    abi = _abi_at(log.address)
    try:
        return abi.decode_log(log.topics, log.data) if abi else None
    except AbiError:
        return None


def _event(log: RawLog) -> dict[str, Any]:
    """In words where the contract is ours, else as it is."""
    abi, decoded = _abi_at(log.address), _decoded(log)
    if abi and decoded:
        name, arguments = decoded
        return {
            "known": True,
            "contract": abi.name,
            "address": log.address,
            "event": name,
            "arguments": plain(arguments),
        }
    raw = {"topics": list(log.topics), "data": "0x" + log.data.hex()}
    return {
        "known": False,
        "contract": abi.name if abi else "",
        "address": log.address,
        "event": "",
        "arguments": raw,
    }


def _written(fork: Rpc, receipt: dict[str, Any]) -> dict[str, Any]:
    """What the transaction wrote, by the node's prestate tracer; empty where it has none."""
    options = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    try:
        return dict(fork.call("debug_traceTransaction", receipt["transactionHash"], options))
    except RpcError:
        return {}


def _storage(written: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for address in sorted(written.get("post", {})):
        old = written.get("pre", {}).get(address, {}).get("storage", {})
        new = written["post"][address].get("storage", {})
        abi = _abi_at(address)
        place = {"contract": abi.name if abi else "", "address": to_checksum_address(address)}
        for slot in sorted({*old, *new}):
            was, now = old.get(slot, ZERO_WORD), new.get(slot, ZERO_WORD)
            if was != now:
                yield {**place, "slot": slot, "before": was, "after": now}


def _ether(fork: Rpc, written: dict[str, Any], before: int, after: int) -> Iterator[dict[str, Any]]:
    """Balances of ether that the transaction moved; gas is free on the fork."""
    touched = {a for a, state in written.get("post", {}).items() if "balance" in state}
    for address in sorted(touched):
        was, now = fork.balance_wei(address, before), fork.balance_wei(address, after)
        if was != now:
            name = f"ether of {to_checksum_address(address)} in wei"
            yield {"contract": "", "name": name, "before": str(was), "after": str(now)}
