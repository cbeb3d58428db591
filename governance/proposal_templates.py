"""Templates of proposals: from a few fields to the calls the timelock would make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from chain.abi import AbiError, contract
from chain.deploy import Capability
from chain.deployment import deployment
from contributions.models import Kind
from governance.propose import Call, Draft, ProposalError, adopt_call, draft, free_call

ASSETS = ("LAM", "ether")
CAPABILITIES = {each.name.lower(): each for each in Capability}
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class GovernanceParameter:
    """A number that voters set: its setter, and how the current value is read."""

    contract: str
    setter: str
    getter: str
    label: str


PARAMETERS = {
    "voting_delay_seconds": GovernanceParameter(
        "LAMGovernor", "setVotingDelay", "votingDelay", "Seconds before voting starts"
    ),
    "voting_period_seconds": GovernanceParameter(
        "LAMGovernor", "setVotingPeriod", "votingPeriod", "Seconds of voting"
    ),
    "proposal_threshold_wei": GovernanceParameter(
        "LAMGovernor", "setProposalThreshold", "proposalThreshold", "LAM wei needed to propose"
    ),
    "quorum_percent": GovernanceParameter(
        "LAMGovernor", "updateQuorumNumerator", "quorumNumerator", "Quorum in per cent"
    ),
    "late_quorum_extension_seconds": GovernanceParameter(
        "LAMGovernor",
        "setLateQuorumVoteExtension",
        "lateQuorumVoteExtension",
        "Seconds of voting after a late quorum",
    ),
    "timelock_delay_seconds": GovernanceParameter(
        "TimelockController", "updateDelay", "getMinDelay", "Seconds in the timelock"
    ),
}


def _encoded(name: str, field: str, function: str, *arguments: Any) -> Call:
    """A call of one of our contracts. Raises ProposalError naming the field that does not fit."""
    try:
        return Call(deployment().address(name), 0, contract(name).encode_call(function, *arguments))
    except AbiError:
        raise ProposalError(field, f"{name}.{function} cannot take this value.") from None


def _adoption(kind: Kind) -> Callable[[Fields], list[Call]]:
    return lambda fields: [
        adopt_call(
            kind=kind,
            document_hash=fields["document_hash"],
            effective_epoch=fields["effective_epoch"],
        )
    ]


def _treasury(fields: Fields) -> list[Call]:
    """From what the timelock itself holds."""
    recipient, amount_wei = _address("recipient", fields["recipient"]), fields["amount_wei"]
    if amount_wei <= 0:
        raise ProposalError("amount_wei", "The amount must be above zero.")
    if fields["asset"] == "ether":
        return [Call(recipient, amount_wei, b"")]
    return [_encoded("LAMToken", "amount_wei", "transfer", recipient, amount_wei)]


def _advance(fields: Fields) -> list[Call]:
    return [_encoded("Handover", "capability", "advance", int(_capability(fields)))]


def _elect(fields: Fields) -> list[Call]:
    holder = _address("holder", fields["holder"])
    return [
        _encoded(
            "Handover", "not_after", "elect", int(_capability(fields)), holder, fields["not_after"]
        )
    ]


def _parameter(fields: Fields) -> list[Call]:
    if fields["parameter"] not in PARAMETERS:
        raise ProposalError("parameter", f"One of {', '.join(PARAMETERS)}.")
    found = PARAMETERS[fields["parameter"]]
    if fields["parameter"] == "quorum_percent" and fields["value"] > 100:
        raise ProposalError("value", "A quorum is at most 100 per cent.")
    return [_encoded(found.contract, "value", found.setter, fields["value"])]


def _free(fields: Fields) -> list[Call]:
    return [free_call(**dict(each)) for each in fields["calls"]]


def _capability(fields: Fields) -> Capability:
    if fields["capability"] not in CAPABILITIES:
        raise ProposalError("capability", f"One of {', '.join(CAPABILITIES)}.")
    return CAPABILITIES[fields["capability"]]


def _address(field: str, value: str) -> str:
    if not is_address(value):
        raise ProposalError(field, "This is not an address.")
    return to_checksum_address(value)


@dataclass(frozen=True)
class Template:
    """A kind of proposal: the fields it needs, and the calls they make."""

    label: str
    fields: tuple[str, ...]
    calls: Callable[[Fields], Sequence[Call]]


DOCUMENT = ("document_hash", "effective_epoch")
TEMPLATES = {
    "reward_policy": Template("Change the reward policy", DOCUMENT, _adoption(Kind.REWARD_POLICY)),
    "verifier_release": Template(
        "Adopt a verifier release", DOCUMENT, _adoption(Kind.VERIFIER_RELEASE)
    ),
    "model_release": Template("Adopt a model release", DOCUMENT, _adoption(Kind.MODEL_RELEASE)),
    "treasury": Template("Move treasury funds", ("asset", "recipient", "amount_wei"), _treasury),
    "handover_advance": Template("Advance the handover", ("capability",), _advance),
    "handover_elect": Template(
        "Elect a holder of a capability", ("capability", "holder", "not_after"), _elect
    ),
    "parameter": Template("Change a governance parameter", ("parameter", "value"), _parameter),
    "calls": Template("Free calldata", ("calls",), _free),
}


def build(*, template: str, fields: Fields, title: str, body: str, proposer: str) -> Draft:
    """The proposal that a template and its fields make. Raises ProposalError naming the field."""
    if template not in TEMPLATES:
        raise ProposalError("template", f"One of {', '.join(TEMPLATES)}.")
    calls = TEMPLATES[template].calls(fields)
    return draft(calls=calls, title=title, body=body, proposer=proposer)
