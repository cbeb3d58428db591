"""Voting by signature: the typed data to sign, and its relay (EOA and EIP-1271 voters)."""

from typing import Any

from django.conf import settings
from eth_utils.address import to_checksum_address

from accounts.models import User
from chain import signatures
from chain.abi import contract
from chain.contracts import read, signing_domain
from chain.models import Intent
from chain.relayer import NotRelayed
from chain.rpc import Reverted, Rpc
from governance.models import Proposal, RelayedCall, Support
from governance.relay import relay, require_weight

PACKED_BYTES = 48
UINT192_MAX = 2**192 - 1
UINT128_MAX = 2**128 - 1
DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
BALLOT_TYPE = [
    {"name": "proposalId", "type": "uint256"},
    {"name": "support", "type": "uint8"},
    {"name": "voter", "type": "address"},
    {"name": "nonce", "type": "uint256"},
]
EXTENDED_BALLOT_TYPE = [
    *BALLOT_TYPE,
    {"name": "reason", "type": "string"},
    {"name": "params", "type": "bytes"},
]


def split_params(*, against_wei: int, for_wei: int, abstain_wei: int) -> str:
    """The parameters of a split vote: three packed uint128 as hex."""
    parts = (against_wei, for_wei, abstain_wei)
    if any(not 0 <= part <= UINT128_MAX for part in parts):
        raise ValueError("each part of a split vote is a uint128")
    return "0x" + b"".join(part.to_bytes(16) for part in parts).hex()


def typed_data(
    *,
    proposal: Proposal,
    support: int,
    voter: str,
    reason: str = "",
    params: str = "0x",
    rpc: Rpc | None = None,
) -> dict[str, Any]:
    """What the voter signs (EIP-712): OpenZeppelin's Ballot, or ExtendedBallot with more to say.

    The nonce is the proposal's own (GovernorNoncesKeyed), so that a person may sign for several
    proposals at once. All integers are decimal strings, as wallets and JSON keep them exactly.
    """
    rpc = rpc or Rpc(settings.ETH_RPC_URL)
    extended = bool(reason) or params != "0x"
    nonce = read(rpc, "LAMGovernor", "nonces", voter, proposal.pk & UINT192_MAX)
    message = {
        "proposalId": str(proposal.pk),
        "support": support,
        "voter": to_checksum_address(voter),
        "nonce": str(nonce),
    }
    name, fields = ("ExtendedBallot", EXTENDED_BALLOT_TYPE) if extended else ("Ballot", BALLOT_TYPE)
    return {
        "types": {"EIP712Domain": DOMAIN_TYPE, name: fields},
        "primaryType": name,
        "domain": signing_domain(rpc, "LAMGovernor"),
        "message": {**message, "reason": reason, "params": params} if extended else message,
    }


def relay_vote(
    *,
    user: User,
    proposal: Proposal,
    support: int,
    voter: str,
    signature: bytes,
    reason: str = "",
    params: str = "0x",
) -> Intent:
    """Cast a signed vote through the relayer. Raises NotRelayed, ChainUnavailable.

    The user who asks need not be the voter: the signature says whose vote it is.
    """
    rpc = Rpc(settings.ETH_RPC_URL)
    message = typed_data(
        proposal=proposal, support=support, voter=voter, reason=reason, params=params, rpc=rpc
    )
    digest = signatures.typed_data_digest(exact(message))
    if not signatures.verify(address=voter, digest=digest, signature=signature, rpc=rpc):
        raise NotRelayed("The signature is not the voter's, or signs something else.")
    _require_power(rpc, voter, proposal)
    return relay(
        user=user,
        kind=RelayedCall.Kind.VOTE,
        contract="LAMGovernor",
        calldata=_calldata(proposal, support, voter, signature, reason, params),
        purpose=f"vote {Support(support).label} on {proposal.pk} by {voter}",
        about=str(proposal.pk),
        signer=voter,
        rpc=rpc,
    )


def _require_power(rpc: Rpc, voter: str, proposal: Proposal) -> None:
    try:
        power_wei = read(rpc, "LAMToken", "getPastVotes", voter, proposal.vote_start)
    except Reverted:
        # Voting has not begun; trying the call says so.
        return
    require_weight(power_wei, f"When voting began, {voter} had the votes of")


def exact(message: dict[str, Any]) -> dict[str, Any]:
    """The typed data with its decimal strings as the integers they stand for."""
    kinds = {field["name"]: field["type"] for field in message["types"][message["primaryType"]]}
    values = {
        name: int(value) if kinds[name].startswith("uint") else value
        for name, value in message["message"].items()
    }
    return {**message, "message": values}


def _calldata(
    proposal: Proposal, support: int, voter: str, signature: bytes, reason: str, params: str
) -> bytes:
    governor = contract("LAMGovernor")
    if reason or params != "0x":
        return governor.encode_call(
            "castVoteWithReasonAndParamsBySig",
            proposal.pk,
            support,
            voter,
            reason,
            params,
            signature,
        )
    return governor.encode_call("castVoteBySig", proposal.pk, support, voter, signature)


def cast_call(*, proposal: Proposal, support: int, reason: str = "", params: str = "0x") -> bytes:
    """The calldata with which a voter votes from their own wallet."""
    governor = contract("LAMGovernor")
    if params != "0x":
        return governor.encode_call(
            "castVoteWithReasonAndParams", proposal.pk, support, reason, params
        )
    if reason:
        return governor.encode_call("castVoteWithReason", proposal.pk, support, reason)
    return governor.encode_call("castVote", proposal.pk, support)
