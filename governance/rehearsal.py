"""A proposal carried out on a fork of the chain: what it does, or why it would fail.

The fork takes the way that the vote would take: a copy of the proposal is made and voted through by
the delegates with the most votes, queued, and executed when the timelock's delay is over. Where the
votes on chain do not suffice for that, the calls are made from the timelock one by one; what only
answers to an executing Governor then fails, and the result says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chain import contracts
from chain.abi import AbiError, contract
from chain.deployment import deployment
from chain.rpc import ChainError, Reverted, Rpc, RpcError
from governance.failure_words import reason_of
from governance.observed import Observed, observe
from governance.propose import Call, Draft

FOR = 1
GAS_MAX = 30_000_000
VOTERS_MAX = 50
MARGIN_SECONDS = 2


@dataclass
class Rehearsal:
    """How it went; `failed_call` is the position of the call that failed, when one did."""

    route: str
    succeeded: bool
    failed_call: int | None = None
    reason: str = ""
    gas_used: int = 0
    seen: Observed = field(default_factory=Observed)
    warnings: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON: integers of the chain as decimal strings."""
        return {
            "route": self.route,
            "succeeded": self.succeeded,
            "failed_call": self.failed_call,
            "reason": self.reason,
            "gas_used": self.gas_used,
            "warnings": self.warnings,
            **self.seen.document(),
        }


class NotEnoughVotes(ChainError):
    """The delegates on chain cannot make a proposal pass."""


def rehearse(fork: Rpc, *, calls: Sequence[Call], delegates: Sequence[str]) -> Rehearsal:
    """Carry the calls out on a fork. `delegates` are asked for their votes, greatest first.

    Raises ChainError when the fork itself fails; a proposal that fails is a result.
    """
    warnings = list(_warnings(fork, calls))
    try:
        result = _by_vote(fork, calls, delegates)
    except NotEnoughVotes:
        result = _one_by_one(fork, calls)
    result.warnings = warnings
    return result


def _warnings(fork: Rpc, calls: Sequence[Call]) -> Iterator[str]:
    for position, call in enumerate(calls, start=1):
        if call.calldata and not fork.code(call.target):
            yield (
                f"Call {position} goes to {call.target}, which has no code: "
                "it would succeed and do nothing."
            )


def _by_vote(fork: Rpc, calls: Sequence[Call], delegates: Sequence[str]) -> Rehearsal:
    voters = _voters(fork, delegates)
    copy = Draft(tuple(calls), "# Rehearsal")
    _sent(fork, voters[0], "LAMGovernor", copy.calldata)
    _wait_until(fork, _read(fork, "proposalSnapshot", copy.proposal_id))
    ballot = contract("LAMGovernor").encode_call("castVote", copy.proposal_id, FOR)
    for voter in voters:
        _sent(fork, voter, "LAMGovernor", ballot)
    _wait_until(fork, _read(fork, "proposalDeadline", copy.proposal_id))
    _sent(fork, voters[0], "LAMGovernor", copy.call_to("queue"))
    _wait_until(fork, _read(fork, "proposalEta", copy.proposal_id))
    governor = deployment().address("LAMGovernor")
    return _carried_out(
        fork, "governor", voters[0], Call(governor, 0, copy.call_to("execute")), calls
    )


def _voters(fork: Rpc, delegates: Sequence[str]) -> list[str]:
    """The fewest of the greatest delegates whose votes pass it. Raises NotEnoughVotes."""
    header = fork.header("latest")
    assert header is not None
    past = header.timestamp - 1
    quorum = _read(fork, "quorum", past)
    threshold = _read(fork, "proposalThreshold")
    powers = [(_read(fork, "getVotes", each, past), each) for each in delegates[:VOTERS_MAX]]
    powers.sort(key=lambda pair: -pair[0])
    found: list[str] = []
    votes_wei = 0
    for power, delegate in powers:
        if votes_wei > quorum or not power:
            break
        votes_wei += power
        found.append(delegate)
    if not found or votes_wei < quorum or powers[0][0] < threshold:
        raise NotEnoughVotes("the delegates on chain cannot make a proposal pass")
    return found


def _one_by_one(fork: Rpc, calls: Sequence[Call]) -> Rehearsal:
    """From the timelock, until one fails."""
    timelock = deployment().address("TimelockController")
    whole = Rehearsal("timelock", succeeded=True)
    for position, call in enumerate(calls):
        step = _carried_out(fork, "timelock", timelock, call, [])
        whole.gas_used += step.gas_used
        whole.seen.add(step.seen)
        if not step.succeeded:
            return Rehearsal("timelock", False, position, step.reason, whole.gas_used, whole.seen)
    return whole


def _carried_out(
    fork: Rpc, route: str, sender: str, call: Call, inner: Sequence[Call]
) -> Rehearsal:
    """One transaction on the fork, with what it changed; `inner` are calls the timelock makes."""
    try:
        fork.call("eth_call", _transaction(sender, call), "latest")
    except Reverted as error:
        position = _failing(fork, sender, call, inner)
        return Rehearsal(route, False, position, reason_of(error))
    before = _number(fork)
    receipt = _mined(fork, _transaction(sender, call))
    if int(receipt["status"], 16) != 1:
        return Rehearsal(route, False, None, "The transaction failed: out of gas.")
    seen = observe(fork, receipt, before=before, sender=sender)
    return Rehearsal(route, True, gas_used=int(receipt["gasUsed"], 16), seen=seen)


def _failing(fork: Rpc, sender: str, call: Call, inner: Sequence[Call]) -> int | None:
    """Which of the timelock's calls failed, by the trace of the execution; None when unknown."""
    tracer = {"tracer": "callTracer"}
    try:
        trace = fork.call("debug_traceCall", _transaction(sender, call), "latest", tracer)
    except RpcError:
        return None
    timelock = deployment().address("TimelockController").lower()
    made = [each for each in _frames(trace) if each.get("from", "").lower() == timelock]
    wanted = {(each.target.lower(), "0x" + each.calldata.hex()) for each in inner}
    own = [each for each in made if (each.get("to", "").lower(), each.get("input")) in wanted]
    return next((place for place, each in enumerate(own) if "error" in each), None)


def _frames(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield frame
    for inner in frame.get("calls", ()):
        yield from _frames(inner)


def _transaction(sender: str, call: Call) -> dict[str, str]:
    return {
        "from": sender,
        "to": call.target,
        "data": "0x" + call.calldata.hex(),
        "value": hex(call.value_wei),
        "gas": hex(GAS_MAX),
        "gasPrice": "0x0",
    }


def _sent(fork: Rpc, sender: str, name: str, data: bytes) -> None:
    """A step on the way; one that fails means that the way is closed to these voters."""
    call = Call(deployment().address(name), 0, data)
    receipt = _mined(fork, _transaction(sender, call))
    if int(receipt["status"], 16) != 1:
        raise NotEnoughVotes(f"a step of the vote failed in {receipt['transactionHash']}")


def _mined(fork: Rpc, transaction: dict[str, str]) -> dict[str, Any]:
    sent = fork.call("eth_sendTransaction", transaction)
    fork.call("evm_mine")
    receipt: dict[str, Any] | None = fork.call("eth_getTransactionReceipt", sent)
    if receipt is None:
        raise ChainError(f"the fork did not mine {sent}")
    return receipt


def _wait_until(fork: Rpc, timestamp: int) -> None:
    """Move the fork's clock past a second."""
    header = fork.header("latest")
    assert header is not None
    fork.call("evm_setNextBlockTimestamp", max(timestamp, header.timestamp) + MARGIN_SECONDS)
    fork.call("evm_mine")


def _number(fork: Rpc) -> int:
    return int(fork.call("eth_blockNumber"), 16)


def _read(fork: Rpc, function: str, *arguments: Any) -> Any:
    try:
        return contracts.read(fork, "LAMGovernor", function, *arguments)
    except (Reverted, AbiError) as error:
        raise NotEnoughVotes(f"{function} cannot be read: {error}") from error
