"""Building proposals: their calls, description, id and calldata, without touching the chain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from chain.abi import Codec, Parameter, contract
from chain.deployment import deployment
from contributions import policy
from contributions.models import Kind

CALLS_MAX = 20
DESCRIPTION_BYTES_MAX = 32_768
UINT64_MAX = 2**64 - 1
UINT256_MAX = 2**256 - 1
LOADERS: dict[Kind, Callable[[str], object]] = {
    Kind.REWARD_POLICY: policy.policy,
    Kind.VERIFIER_RELEASE: policy.release,
    Kind.MODEL_RELEASE: policy.model_release,
}
_proposal = Codec(
    [
        Parameter("targets", "address[]", False, ()),
        Parameter("values", "uint256[]", False, ()),
        Parameter("calldatas", "bytes[]", False, ()),
        Parameter("descriptionHash", "bytes32", False, ()),
    ]
)


class ProposalError(ValueError):
    """The proposal cannot be built; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Call:
    """One call the timelock would make."""

    target: str
    value_wei: int
    calldata: bytes


@dataclass(frozen=True)
class Draft:
    """A proposal that anyone with enough votes can send; nothing of it is stored."""

    calls: tuple[Call, ...]
    description: str

    @property
    def description_hash(self) -> bytes:
        """What the Governor's queue and execute take in place of the text."""
        return keccak(text=self.description)

    @property
    def lists(self) -> tuple[list[str], list[int], list[bytes]]:
        """Targets, values and calldatas, as the Governor takes them."""
        return (
            [call.target for call in self.calls],
            [call.value_wei for call in self.calls],
            [call.calldata for call in self.calls],
        )

    @property
    def proposal_id(self) -> int:
        """The id the Governor will give it (IGovernor.hashProposal)."""
        return int.from_bytes(keccak(_proposal.encode([*self.lists, self.description_hash])))

    @property
    def calldata(self) -> bytes:
        """The call to the Governor that proposes it."""
        return contract("LAMGovernor").encode_call("propose", *self.lists, self.description)

    @property
    def transaction(self) -> dict[str, Any]:
        """What the proposer's wallet sends: {to, data, value}."""
        to = deployment().address("LAMGovernor")
        return {"to": to, "data": "0x" + self.calldata.hex(), "value": 0}

    def call_to(self, function: str) -> bytes:
        """The Governor's `queue` or `execute` of this proposal."""
        return contract("LAMGovernor").encode_call(function, *self.lists, self.description_hash)


def description(*, title: str, body: str, proposer: str) -> str:
    """`# Title`, a blank line, the body, and the proposer last.

    OpenZeppelin's Governor lets only the address after `#proposer=` send it, so nobody can take a
    published draft and propose it in their own name.
    """
    title, body = title.strip(), body.strip()
    if not title or "\n" in title:
        raise ProposalError("title", "A title of one line is needed.")
    if not is_address(proposer):
        raise ProposalError("proposer", "This is not an address.")
    text = f"# {title}\n\n{body}\n\n#proposer={to_checksum_address(proposer)}"
    if "\0" in text or len(text.encode()) > DESCRIPTION_BYTES_MAX:
        raise ProposalError("body", f"At most {DESCRIPTION_BYTES_MAX} bytes, without NUL.")
    return text


def draft(*, calls: Sequence[Call], title: str, body: str, proposer: str) -> Draft:
    """A proposal of these calls. Raises ProposalError."""
    if not 1 <= len(calls) <= CALLS_MAX:
        raise ProposalError("calls", f"Between 1 and {CALLS_MAX} calls are needed.")
    return Draft(tuple(calls), description(title=title, body=body, proposer=proposer))


def adopt_call(*, kind: Kind, document_hash: str, effective_epoch: int) -> Call:
    """Adopting a registered document of this kind. Raises ProposalError for one not known."""
    try:
        LOADERS[kind](document_hash)
    except (policy.UnknownDocument, policy.InvalidDocument) as error:
        raise ProposalError("document_hash", f"Register the {kind.label} first: {error}") from None
    if not 0 <= effective_epoch <= UINT64_MAX:
        raise ProposalError("effective_epoch", "This is not an epoch's number.")
    uri = f"/api/v1/policies/{document_hash}"
    calldata = contract("Registry").encode_call(
        "adopt", int(kind), document_hash, uri, effective_epoch
    )
    return Call(deployment().address("Registry"), 0, calldata)


def free_call(*, target: str, value_wei: int, calldata: str) -> Call:
    """A call as a person typed it. Raises ProposalError."""
    if not is_address(target):
        raise ProposalError("calls", f"{target} is not an address.")
    if not 0 <= value_wei <= UINT256_MAX:
        raise ProposalError("calls", "The value in wei must be a uint256.")
    try:
        data = bytes.fromhex(calldata.removeprefix("0x"))
    except ValueError:
        raise ProposalError("calls", "Calldata is 0x and an even number of hex digits.") from None
    return Call(to_checksum_address(target), value_wei, data)
