"""Every call of a proposal in plain words; what we cannot read is said to be unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chain.abi import AbiError, Contract, DecodedCall
from chain.deployment import deployment
from governance.call_words import decimal, sentence

# Calls within calls that are read: more serve only to hide something.
DEPTH_MAX = 5


@dataclass(frozen=True)
class Explanation:
    """What a call does. `known` is False when its target or its data is not ours to read."""

    known: bool
    contract: str
    function: str
    summary: str
    arguments: dict[str, Any]


def plain(value: Any) -> Any:
    """Decoded values for JSON: integers as decimal strings."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def explain(*, target: str, value_wei: int, calldata: bytes) -> Explanation:
    """What one call would do. Never raises on strange data: it is explained as unknown."""
    return _explain(target, value_wei, calldata, DEPTH_MAX)


def _explain(target: str, value_wei: int, calldata: bytes, depth: int) -> Explanation:
    abi = deployment().contract_at(target)
    if not calldata and value_wei:
        name = abi.name if abi else ""
        return Explanation(True, name, "", f"Send {decimal(value_wei)} ether to {target}", {})
    if abi is None:
        return _unknown(target, value_wei, calldata, "which is not a contract of Action Model")
    try:
        call = abi.decode_call(calldata)
    except AbiError:
        return _unknown(target, value_wei, calldata, f"which {abi.name} does not understand")
    if not depth:
        return _unknown(target, value_wei, calldata, "which hands on calls too deep to read")
    inner = [_explain(*each, depth - 1) for each in _inside(call)]
    summary = _words(abi, call) + _with_value(value_wei)
    if inner:
        summary += ": " + "; ".join(each.summary for each in inner)
    known = all(each.known for each in inner)
    return Explanation(known, abi.name, call.signature, summary, call.arguments)


def _unknown(target: str, value_wei: int, calldata: bytes, why: str) -> Explanation:
    text = f"Call {target} with {len(calldata)} bytes of data, {why}{_with_value(value_wei)}"
    selector = "0x" + calldata[:4].hex() if calldata else ""
    return Explanation(False, "", selector, text, {})


def _with_value(value_wei: int) -> str:
    return f", sending {decimal(value_wei)} ether along" if value_wei else ""


def _words(abi: Contract, call: DecodedCall) -> str:
    """A sentence; for a function that only reads, that it does."""
    if abi.function(call.signature).constant:
        return f"Read {call.name} of {abi.name}, which changes nothing"
    said = sentence(f"{abi.name}.{call.name}", call.arguments)
    if said is not None:
        return said
    arguments = ", ".join(f"{name}={value}" for name, value in call.arguments.items())
    return f"Call {abi.name}.{call.name}({arguments})"


def _inside(call: DecodedCall) -> Iterator[tuple[str, int, bytes]]:
    """The calls that a call hands on: nothing hides behind the governor or the timelock."""
    given = call.arguments
    if "targets" in given:
        datas = given["calldatas"] if "calldatas" in given else given["payloads"]
        for target, value, data in zip(given["targets"], given["values"], datas, strict=False):
            yield target, value, bytes.fromhex(data[2:])
    elif "target" in given:
        data = given["data"] if "data" in given else given["payload"]
        yield given["target"], given["value"], bytes.fromhex(data[2:])
