"""A sentence for every function of our contracts, for people who do not read calldata.

What the timelock calls it calls as the treasury: it holds LAM, and what it approves is spent.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any

from eth_utils.crypto import keccak

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
SOURCES = ("emission", "marketplace", "bounties")
ROLES = {
    "0x" + keccak(text=f"{name}_ROLE").hex(): name.lower()
    for name in ("PROPOSER", "EXECUTOR", "CANCELLER")
} | {"0x" + "00" * 32: "administrator"}
WEI_DIGITS = 18

SENTENCES = {
    "ActionCredits.activate": "Put the waiting settlement of credits in force",
    "ActionCredits.cancelWithdrawal": "Take back the treasury's request for its unspent credits",
    "ActionCredits.deposit": "Pay {amount:lam} of the treasury in as credits of {account}",
    "ActionCredits.depositWithPermit": "Pay {amount:lam} in as credits of {account}, by permit",
    "ActionCredits.requestWithdrawal": "Ask for the treasury's unspent credits back",
    "ActionCredits.skim": "Send LAM that lies at the credits without a deposit to the treasury",
    "ActionCredits.submitSettlement": "Publish a settlement of spent credits",
    "ActionCredits.veto": "Refuse the waiting settlement of credits of epoch {epoch}",
    "ActionCredits.withdraw": "Take back the treasury's credits but the {spent:lam} it spent",
    "Handover.advance": "End the founders' term for {capability:capability} now",
    "Handover.elect": "Elect {elected} for {capability:capability} until {notAfter:when}",
    "LAMGovernor.cancel": "Withdraw another proposal before its vote begins",
    "LAMGovernor.castVote": "Vote {support:support} on proposal {proposalId} as the treasury",
    "LAMGovernor.castVoteBySig": "Cast the signed vote of {voter} on proposal {proposalId}",
    "LAMGovernor.castVoteWithReason": "Vote {support:support} on proposal {proposalId} as the "
    "treasury, saying: {reason}",
    "LAMGovernor.castVoteWithReasonAndParams": "Vote {support:support} on proposal {proposalId} as "
    "the treasury, saying: {reason}",
    "LAMGovernor.castVoteWithReasonAndParamsBySig": "Cast the signed vote of {voter} on proposal "
    "{proposalId}",
    "LAMGovernor.execute": "Execute another proposal that has passed",
    "LAMGovernor.onERC1155BatchReceived": "Tell the governor that it got tokens; changes nothing",
    "LAMGovernor.onERC1155Received": "Tell the governor that it got a token; changes nothing",
    "LAMGovernor.onERC721Received": "Tell the governor that it got a token; changes nothing",
    "LAMGovernor.propose": "Make another proposal as the treasury",
    "LAMGovernor.queue": "Queue another proposal that has passed",
    "LAMGovernor.relay": "Have the governor itself do this",
    "LAMGovernor.setLateQuorumVoteExtension": "Vote on for {newVoteExtension:duration} after a "
    "late quorum",
    "LAMGovernor.setProposalThreshold": "Require {newProposalThreshold:lam} of votes to propose",
    "LAMGovernor.setVotingDelay": "Begin voting {newVotingDelay:duration} after a proposal",
    "LAMGovernor.setVotingPeriod": "Vote for {newVotingPeriod:duration}",
    "LAMGovernor.updateQuorumNumerator": "Require {newQuorumNumerator} % of the supply as quorum",
    "LAMGovernor.updateTimelock": "DANGER: hand everything voters control to the timelock "
    "{newTimelock}",
    "LAMToken.approve": "Let {spender} spend up to {value:lam} of the treasury",
    "LAMToken.burn": "Burn {value:lam} of the treasury",
    "LAMToken.burnFrom": "Burn {value:lam} of {account}, which has allowed it",
    "LAMToken.delegate": "Give the votes of the treasury's LAM to {delegatee}",
    "LAMToken.delegateBySig": "Carry out a signed delegation to {delegatee}",
    "LAMToken.delegateFor": "Give the votes of {account} to {delegatee}",
    "LAMToken.limitEmission": "Emit at most {limitWei:lam} an epoch from epoch {fromEpoch} on",
    "LAMToken.mintEmission": "Mint the LAM that the schedule gives to epoch {epoch} to the rewards",
    "LAMToken.permit": "Let {spender} spend up to {value:lam} of {owner}, who has signed it",
    "LAMToken.transfer": "Send {value:lam} of the treasury to {to}",
    "LAMToken.transferFrom": "Send {value:lam} of {from}, which has allowed it, to {to}",
    "Registry.adopt": "Adopt the {kind:kind} {contentHash} ({uri}) from epoch {effectiveEpoch} on",
    "RewardsDistributor.activate": "Put the waiting rewards in force",
    "RewardsDistributor.claim": "Pay {account} the LAM it has earned",
    "RewardsDistributor.claimAndDelegate": "Pay {account} the LAM it has earned, and carry out its "
    "signed delegation",
    "RewardsDistributor.claimAndDelegateTo": "Pay the treasury the LAM it has earned, and give its "
    "votes to {delegatee}",
    "RewardsDistributor.claimMany": "Pay several accounts the LAM they have earned",
    "RewardsDistributor.claimOwn": "Pay the treasury the LAM it has earned",
    "RewardsDistributor.claimTo": "Pay the LAM that {account} has earned to {recipient}, as signed",
    "RewardsDistributor.expireMany": "Send LAM that several accounts never claimed to the treasury",
    "RewardsDistributor.expireThrough": "Let what was earned up to epoch {epoch} and never claimed "
    "go to the treasury",
    "RewardsDistributor.pause": "Stop all claims for a while",
    "RewardsDistributor.resume": "Pay claims again",
    "RewardsDistributor.setThirdPartyClaims": "Say whether others may claim for the treasury: "
    "{allowed:yes}",
    "RewardsDistributor.submitRoot": "Publish the rewards of an epoch",
    "RewardsDistributor.veto": "Refuse the waiting rewards of epoch {epoch}",
    "RewardsVault.escrow": "Set {amount:lam} aside for rewards under veto",
    "RewardsVault.fund": "Pay {amount:lam} of the treasury in for rewards of the {source:source}",
    "RewardsVault.refund": "Give up what is set aside for refused rewards",
    "RewardsVault.release": "Hand over what is set aside for rewards",
    "RewardsVault.skim": "Send LAM that was given to the vault without a purpose to the treasury",
    "TimelockController.cancel": "Cancel the queued operation {id}",
    "TimelockController.execute": "Execute a queued call",
    "TimelockController.executeBatch": "Execute queued calls",
    "TimelockController.grantRole": "DANGER: let {account} act on the timelock as {role:role}",
    "TimelockController.onERC1155BatchReceived": "Tell the timelock that it got tokens; changes "
    "nothing",
    "TimelockController.onERC1155Received": "Tell the timelock that it got a token; changes "
    "nothing",
    "TimelockController.onERC721Received": "Tell the timelock that it got a token; changes nothing",
    "TimelockController.renounceRole": "DANGER: give up the timelock's role of {role:role}",
    "TimelockController.revokeRole": "DANGER: take the timelock's role of {role:role} from "
    "{account}",
    "TimelockController.schedule": "DANGER: queue a call without a vote of its own",
    "TimelockController.scheduleBatch": "DANGER: queue calls without a vote of their own",
    "TimelockController.updateDelay": "Wait {newDelay:duration} before executing what passed",
}


def lam(wei: int) -> str:
    """An amount for people, exact: 1.5 LAM."""
    return f"{decimal(wei)} LAM"


def decimal(wei: int) -> str:
    """Wei with 18 decimals, exact: 1.5."""
    whole, part = divmod(wei, 10**WEI_DIGITS)
    decimals = f"{part:0{WEI_DIGITS}d}".rstrip("0")
    return f"{whole:,}{'.' + decimals if decimals else ''}"


def duration(seconds: int) -> str:
    """Seconds in the largest unit that divides them."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def _when(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%d %B %Y, %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} seconds after 1970"


def _name(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else f"unknown kind {index}"


WORDS = {
    "lam": lam,
    "duration": duration,
    "when": _when,
    "kind": lambda index: _name(KINDS, index),
    "capability": lambda index: _name(CAPABILITIES, index),
    "source": lambda index: _name(SOURCES, index),
    "support": lambda index: _name(("against", "for", "abstain"), index),
    "role": lambda role: ROLES.get(role, role),
    "yes": lambda said: "yes" if said else "no",
}


class _Sentence(Formatter):
    """`{name:words}` puts an argument into words."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return str(WORDS[format_spec](value)) if format_spec else str(value)


def sentence(name: str, arguments: Mapping[str, Any]) -> str | None:
    """What the call `Contract.function` does; None for a function that has no words."""
    words = SENTENCES.get(name)
    return None if words is None else filled(words, arguments)


def filled(words: str, arguments: Mapping[str, Any]) -> str:
    """Words with the arguments in them, each by the WORDS that it names."""
    return str(_Sentence().vformat(words, (), arguments))
