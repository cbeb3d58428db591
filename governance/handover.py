"""The handover of the founders' capabilities, as the contract itself says it stands."""

from dataclasses import dataclass
from typing import Any

from chain import contracts
from chain.abi import contract
from chain.deploy import Capability
from chain.deployment import deployment
from chain.rpc import Reverted, Rpc
from governance.call_words import CAPABILITIES

ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True)
class Term:
    """`holder` holds a capability up to and including the second `not_after`."""

    holder: str
    not_after: int


@dataclass(frozen=True)
class Holding:
    """Who holds a capability now, until when, and what comes after.

    `stage` counts the founders' terms that are over; at the last one the voters hold it for good,
    unless they elected somebody (`elected`) for a time. `due` says that anyone can call `advance`
    to record on chain that a term is over.
    """

    capability: Capability
    holder: str
    stage: int
    terms: tuple[Term, ...]
    elected: Term | None
    due: bool

    @property
    def name(self) -> str:
        """As the API names it."""
        return self.capability.name.lower()

    @property
    def label(self) -> str:
        """In plain words."""
        return CAPABILITIES[self.capability]

    @property
    def held_by_voters(self) -> bool:
        """The founders' terms are over, and nobody is elected now."""
        return self.stage >= len(self.terms) and self.elected is None

    @property
    def ends_at(self) -> int | None:
        """The last second of the present holder's term; None when the voters hold it."""
        if self.stage < len(self.terms):
            return self.terms[self.stage].not_after
        return self.elected.not_after if self.elected else None


def holdings(rpc: Rpc) -> tuple[int, list[Holding]]:
    """The chain's time, and every capability as of the latest block. Raises ChainError."""
    header = rpc.header("latest")
    assert header is not None
    views = ("stage", "holder", "stages", "electedTerm")
    handover, to = contract("Handover"), deployment().address("Handover")
    datas = [handover.encode_call(view, int(each)) for each in Capability for view in views]
    calls = [("eth_call", ({"to": to, "data": "0x" + data.hex()}, "latest")) for data in datas]
    answers = iter(rpc.batch(calls))
    found = []
    for each in Capability:
        read = {
            view: handover.decode_result(view, bytes.fromhex(next(answers)[2:])) for view in views
        }
        found.append(_holding(rpc, each, header.timestamp, read))
    return header.timestamp, found


def _holding(rpc: Rpc, capability: Capability, now: int, read: dict[str, Any]) -> Holding:
    elected = read["electedTerm"]
    in_office = elected["holder"] != ZERO_ADDRESS and now <= elected["notAfter"]
    return Holding(
        capability=capability,
        holder=read["holder"],
        stage=read["stage"],
        terms=tuple(Term(each["holder"], each["notAfter"]) for each in read["stages"]),
        elected=Term(elected["holder"], elected["notAfter"]) if in_office else None,
        due=read["stage"] > 0 and _can_advance(rpc, capability),
    )


def _can_advance(rpc: Rpc, capability: Capability) -> bool:
    """Whether a stranger's `advance` would succeed now."""
    try:
        contracts.read(rpc, "Handover", "advance", int(capability))
    except Reverted:
        return False
    return True


def advance_call(capability: Capability) -> bytes:
    """The calldata with which anyone records that a term is over."""
    return contract("Handover").encode_call("advance", int(capability))
