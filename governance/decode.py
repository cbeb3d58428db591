"""Every call of a proposal in plain words; what we cannot read is said to be unknown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chain.abi import AbiError, DecodedCall
from chain.deployment import deployment

KINDS = ("reward policy", "verifier release", "model release", "extension release")
CAPABILITIES = (
    "publishing reward roots",
    "guarding",
    "releasing the extension",
    "releasing the verifier",
    "releasing the model",
    "setting the reward policy",
    "the treasury",
)
WEI_DIGITS = 18


@dataclass(frozen=True)
class Explanation:
    """What a call does. `known` is False when its target or its data is not ours to read."""

    known: bool
    contract: str
    function: str
    summary: str
    arguments: dict[str, Any]


def lam(wei: int) -> str:
    """An amount for people, exact: 1.5 LAM."""
    whole, part = divmod(wei, 10**WEI_DIGITS)
    decimals = f"{part:0{WEI_DIGITS}d}".rstrip("0")
    return f"{whole:,}{'.' + decimals if decimals else ''} LAM"


def duration(seconds: int) -> str:
    """Seconds in the largest unit that divides them."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def plain(value: Any) -> Any:
    """Decoded values for JSON: integers as decimal strings."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def explain(*, target: str, value_wei: int, calldata: bytes) -> Explanation:
    """What one call would do. Never raises on strange data: it is explained as unknown."""
    abi = deployment().contract_at(target)
    if abi is None:
        return _unknown(target, value_wei, calldata, "which is not a contract of Action Model")
    try:
        call = abi.decode_call(calldata)
    except AbiError:
        return _unknown(target, value_wei, calldata, f"which {abi.name} does not understand")
    summary = _words(abi.name, call) + _with_value(value_wei)
    return Explanation(True, abi.name, call.signature, summary, call.arguments)


def _unknown(target: str, value_wei: int, calldata: bytes, why: str) -> Explanation:
    if not calldata:
        return Explanation(False, "", "", f"Send {value_wei} wei to {target}, {why}", {})
    text = f"Call {target} with {len(calldata)} bytes of data, {why}{_with_value(value_wei)}"
    return Explanation(False, "", "0x" + calldata[:4].hex(), text, {})


def _with_value(value_wei: int) -> str:
    return f", sending {value_wei} wei along" if value_wei else ""


def _words(contract: str, call: DecodedCall) -> str:
    """A sentence for the calls that proposals are made of, else the call as code."""
    say = SENTENCES.get(f"{contract}.{call.name}")
    if say is not None:
        return say(call.arguments)
    arguments = ", ".join(f"{name}={value}" for name, value in call.arguments.items())
    return f"Call {contract}.{call.name}({arguments})"


def _name(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else f"unknown kind {index}"


def _adopt(values: Mapping[str, Any]) -> str:
    kind = _name(KINDS, values["kind"])
    return (
        f"Adopt the {kind} {values['contentHash']} ({values['uri']}) "
        f"from epoch {values['effectiveEpoch']} on"
    )


def _elect(values: Mapping[str, Any]) -> str:
    capability = _name(CAPABILITIES, values["capability"])
    return f"Elect {values['elected']} for {capability} until {values['notAfter']} (Unix time)"


Say = Callable[[Mapping[str, Any]], str]
SENTENCES: dict[str, Say] = {
    "Registry.adopt": _adopt,
    "Handover.advance": lambda v: (
        f"End the founders' term for {_name(CAPABILITIES, v['capability'])} now"
    ),
    "Handover.elect": _elect,
    "LAMToken.transfer": lambda v: f"Send {lam(v['value'])} of the treasury to {v['to']}",
    "LAMToken.burn": lambda v: f"Burn {lam(v['value'])} of the treasury",
    "LAMToken.limitEmission": lambda v: (
        f"Emit at most {lam(v['limitWei'])} an epoch from epoch {v['fromEpoch']} on"
    ),
    "LAMGovernor.setVotingDelay": lambda v: (
        f"Begin voting {duration(v['newVotingDelay'])} after a proposal"
    ),
    "LAMGovernor.setVotingPeriod": lambda v: f"Vote for {duration(v['newVotingPeriod'])}",
    "LAMGovernor.setProposalThreshold": lambda v: (
        f"Require {lam(v['newProposalThreshold'])} of votes to propose"
    ),
    "LAMGovernor.updateQuorumNumerator": lambda v: (
        f"Require {v['newQuorumNumerator']} % of the supply as quorum"
    ),
    "LAMGovernor.setLateQuorumVoteExtension": lambda v: (
        f"Vote on for {duration(v['newVoteExtension'])} after a late quorum"
    ),
    "LAMGovernor.updateTimelock": lambda v: (
        f"DANGER: hand everything voters control to the timelock {v['newTimelock']}"
    ),
    "TimelockController.updateDelay": lambda v: (
        f"Wait {duration(v['newDelay'])} before executing what passed"
    ),
    "TimelockController.grantRole": lambda v: (
        f"DANGER: let {v['account']} act on the timelock with role {v['role']}"
    ),
    "TimelockController.revokeRole": lambda v: (
        f"DANGER: take role {v['role']} of the timelock from {v['account']}"
    ),
}
