"""Why a call of a proposal would fail, for people who do not read contracts."""

from chain.abi import AbiError, all_errors, custom_error, revert_reason
from chain.rpc import Reverted
from governance.call_words import filled

# Of the contracts' own errors those that a passed proposal can meet.
FAILURES = {
    "AccessControlUnauthorizedAccount": "{account} does not act on the timelock as "
    "{neededRole:role}",
    "CapExceeded": "more LAM would have been minted than there may ever be",
    "ERC20InsufficientAllowance": "{spender} may spend {allowance:lam}, and {needed:lam} would be "
    "needed",
    "ERC20InsufficientBalance": "{sender} has {balance:lam}, and {needed:lam} would be needed",
    "ERC20InvalidReceiver": "LAM cannot be sent to {receiver}",
    "EmissionAlreadyMinted": "the LAM of epoch {epoch} was minted already",
    "EmptyAdoption": "an adoption needs the hash of a document and a place where it can be read",
    "EpochNotStarted": "epoch {epoch} begins on {startsAt:when}",
    "FounderTermRunning": "for {capability:capability} the founders' term is not over, and nobody "
    "is elected before",
    "GovernorInvalidQuorumFraction": "a quorum of {quorumNumerator} % is more than the supply",
    "GovernorInvalidVotingPeriod": "a vote cannot last {votingPeriod:duration}",
    "GovernorOnlyExecutor": "only a passed vote may do this, not {account}",
    "GovernorPreventLateQuorumVoteExtensionTooLarge": "after a late quorum a vote goes on for at "
    "most {maxVoteExtension:duration}, not {newVoteExtension:duration}",
    "GovernorUnexpectedProposalState": "proposal {proposalId} is not in a state for this",
    "InvalidEmissionLimit": "a limit of emission only falls, and only for epochs to come: not to "
    "{limitWei:lam} from epoch {fromEpoch} on",
    "InvalidTerm": "a term has no holder, is out of order, or is too long",
    "NoFurtherStage": "{capability:capability} is with the voters already",
    "NoRootPending": "no rewards are waiting",
    "NotDistributor": "only the rewards distributor may do this, not {caller}",
    "NotFundable": "the rewards of the {source:source} cannot be paid in for",
    "NotGuardian": "only the guardian may do this, not {caller}",
    "NotHolder": "{caller} may not adopt a {kind:kind} now",
    "NotPolicyHolder": "only who may set the reward policy may do this, not {caller}",
    "NotPublisher": "only who may publish reward roots may do this, not {caller}",
    "NotTimelock": "only a passed vote may do this, not {caller}",
    "TermNotOver": "the term for {capability:capability} is over on {notAfter:when}, and before "
    "that only by a vote",
    "TimelockUnauthorizedCaller": "only a passed vote may do this, not {caller}",
    "Underfunded": "{wantedWei:lam} are wanted, and {availableWei:lam} are there",
}


def reason_of(error: Reverted) -> str:
    """Why a call reverts: in words with the error's name, or as revert_reason has it."""
    if not error.data:
        return error.message
    data = bytes.fromhex(error.data.removeprefix("0x"))
    try:
        name, arguments = custom_error(data, all_errors())
    except AbiError:
        return revert_reason(error.data)
    words = FAILURES.get(name)
    return f"{filled(words, arguments)} ({name})" if words else revert_reason(error.data)
