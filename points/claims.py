"""Claims of allocated LAM: proofs, signed claims that the platform relays, and what the chain paid.

`project` takes in the distributor's finalized logs; it is the only writer of claims, and posts each
to the ledger.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from eth_utils.address import is_checksum_formatted_address, to_checksum_address

from accounts.models import User, Wallet
from chain import outbox, relayer, signatures
from chain.abi import contract
from chain.deployment import deployment
from chain.models import Intent
from chain.projection import DecodedLog, Projection
from chain.rpc import Rpc
from points import bundle, ledger
from points.chain_models import (
    Claim,
    EmissionLimit,
    RelayedClaim,
    RootActivation,
    RootSubmission,
    RootVeto,
)
from points.ledger import Amount
from points.models import (
    Account,
    Allocation,
    Category,
    Entry,
    EntryKind,
    Epoch,
    SystemAccount,
    Unit,
)

DEADLINE_SECONDS = 3600
RELAYS_PER_ACCOUNT_PER_DAY = 5
CLAIM_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Claim": [
        {"name": "account", "type": "address"},
        {"name": "recipient", "type": "address"},
        {"name": "cumulative", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ],
}


class NoProof(LookupError):
    """The address has no leaf in that epoch's tree."""


class ClaimRefused(ValueError):
    """A claim would not be paid; `field` names what is wrong with it, where one thing is."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class TooManyRelays(ClaimRefused):
    """The account has had its share of relayed claims for today."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an address needs to claim under an epoch's root."""

    epoch: int
    address: str
    leaf_index: int
    leaf: str
    cumulative_wei: int
    root: str
    proof: list[str]


def proof(*, epoch: Epoch, address: str) -> Proof:
    """The proof of an address in a closed epoch's tree. Raises NoProof."""
    allocated = Allocation.objects.filter(leaf__account__address=address, epoch__lte=epoch.number)
    last = allocated.order_by("-epoch_id").values_list("leaf_id", "cumulative_wei").first()
    if last is None or not epoch.closed_at:
        raise NoProof(f"{address} has no leaf in the tree of epoch {epoch.number}.")
    leaf, cumulative_wei = last
    tree = bundle.open_tree(bundle.path_of(settings.BUNDLES_DIR, epoch.number))
    return Proof(
        epoch=epoch.number,
        address=address,
        leaf_index=leaf,
        leaf=tree.leaf(leaf),
        cumulative_wei=int(cumulative_wei),
        root=tree.root,
        proof=tree.proof(leaf),
    )


def active_epoch() -> Epoch | None:
    """The epoch whose root claims are paid under, by finalized logs."""
    newest = RootActivation.objects.order_by("-epoch_number").first()
    return Epoch.objects.filter(pk=newest.epoch_number).first() if newest else None


def claimed_wei(address: str) -> int:
    """LAM an address was paid so far, by finalized logs."""
    sums = Claim.objects.filter(account=address).order_by("-cumulative_wei")
    return int(sums.values_list("cumulative_wei", flat=True).first() or 0)


def domain() -> dict[str, Any]:
    """The EIP-712 domain of signed claims."""
    ours = deployment()
    return {
        "name": "LAM Rewards",
        "version": "1",
        "chainId": ours.chain_id,
        "verifyingContract": ours.address("RewardsDistributor"),
    }


def _message(
    *, account: str, recipient: str, cumulative_wei: int, nonce: int, deadline: int
) -> dict[str, Any]:
    return {
        "types": CLAIM_TYPES,
        "primaryType": "Claim",
        "domain": domain(),
        "message": {
            "account": account,
            "recipient": recipient,
            "cumulative": str(cumulative_wei),
            "nonce": str(nonce),
            "deadline": str(deadline),
        },
    }


def typed_data(*, user: User, account: str, recipient: str) -> dict[str, Any]:
    """What the account signs to have everything claimable paid to `recipient`. Raises ClaimRefused.

    The nonce is a fresh key of its own (ERC-4337 style: 192 bits of key, 64 of sequence), so claims
    signed one after another do not wait for each other.
    """
    _require_own(user, account)
    claimable = _claimable_proof(account)
    return _message(
        account=account,
        recipient=_checked_recipient(recipient),
        cumulative_wei=claimable.cumulative_wei,
        nonce=secrets.randbits(192) << 64,
        deadline=int(time.time()) + DEADLINE_SECONDS,
    )


def relay(
    *,
    user: User,
    account: str,
    recipient: str,
    cumulative_wei: int,
    nonce: int,
    deadline: int,
    signature: bytes,
) -> Intent:
    """Have the platform send a signed claim and pay its gas; the same claim again is one intent.

    Raises ClaimRefused: not one's own account, wrong signature, not the amount under the active
    root, already claimed, or whatever the contract says; TooManyRelays; ChainUnavailable.
    """
    _require_own(user, account)
    recipient = _checked_recipient(recipient)
    key = f"claim:{deployment().chain_id}:{account}:{nonce}"
    message = _message(
        account=account,
        recipient=recipient,
        cumulative_wei=cumulative_wei,
        nonce=nonce,
        deadline=deadline,
    )
    digest = signatures.typed_data_digest(message)
    if not signatures.verify(address=account, digest=digest, signature=signature):
        raise ClaimRefused(f"The signature is not one of {account} for this claim.", "signature")
    if known := RelayedClaim.objects.select_related("intent").filter(intent__key=key).first():
        return _same_claim(known, recipient, cumulative_wei)
    held = _claimable_proof(account)
    if cumulative_wei != held.cumulative_wei:
        raise ClaimRefused(
            f"Under the active root {account} has {held.cumulative_wei} wei in all, "
            f"not {cumulative_wei}.",
            "cumulative_wei",
        )
    data = contract("RewardsDistributor").encode_call(
        "claimTo", account, cumulative_wei, held.root, held.proof, recipient, deadline, nonce,
        signature,
    )  # fmt: skip
    return _intend(
        key,
        data,
        {
            "user": user,
            "account": account,
            "recipient": recipient,
            "cumulative_wei": cumulative_wei,
        },
    )


def _intend(key: str, data: bytes, claim: dict[str, Any]) -> Intent:
    """Write down the call and whose claim it is, within what the relayer pays."""
    to, account = deployment().address("RewardsDistributor"), claim["account"]
    gas = _gas_bound(to, data)
    with transaction.atomic():
        relayer.lock()
        _require_allowance(account, gas)
        intent = outbox.intend(
            sender=relayer.RELAYER,
            to=to,
            data=data,
            key=key,
            purpose=f"claim of {account}",
            gas_max=gas,
        )
        RelayedClaim.objects.get_or_create(intent=intent, defaults=claim)
    return intent


def _same_claim(known: RelayedClaim, recipient: str, cumulative_wei: int) -> Intent:
    if (known.recipient, int(known.cumulative_wei)) != (recipient, cumulative_wei):
        raise ClaimRefused("The nonce stands for another claim.", "nonce")
    return known.intent


def _require_own(user: User, account: str) -> None:
    if not Wallet.objects.filter(user=user, address=account).exists():
        raise ClaimRefused(f"{account} is not a wallet of yours.", "account")


def _checked_recipient(recipient: str) -> str:
    if not is_checksum_formatted_address(recipient) or int(recipient, 16) == 0:
        raise ClaimRefused("The recipient must be a checksummed address.", "recipient")
    if recipient in deployment().addresses.values():
        raise ClaimRefused("The recipient is a contract of the platform.", "recipient")
    return to_checksum_address(recipient)


def _claimable_proof(account: str) -> Proof:
    """The proof under the active root, when it pays the account more than it had so far."""
    epoch = active_epoch()
    if epoch is None:
        raise ClaimRefused("No root is active yet: there is nothing to claim.")
    try:
        found = proof(epoch=epoch, address=account)
    except NoProof as error:
        raise ClaimRefused(str(error), "account") from error
    if found.cumulative_wei <= claimed_wei(account):
        raise ClaimRefused(f"{account} has claimed all of its LAM already.", "account")
    return found


def _gas_bound(to: str, data: bytes) -> int:
    """Ask the node before gas is spent: it sees claims that are not final yet."""
    try:
        return relayer.gas_bound(to=to, data=data, rpc=Rpc(settings.ETH_RPC_URL))
    except relayer.NotRelayed as error:
        raise ClaimRefused(str(error)) from error


def _require_allowance(account: str, gas: int) -> None:
    since = timezone.now() - timedelta(days=1)
    relayed = RelayedClaim.objects.filter(account=account)
    recent = relayed.filter(requested_at__gt=since).count()
    if recent >= RELAYS_PER_ACCOUNT_PER_DAY:
        raise TooManyRelays(
            f"{account} has had {recent} claims relayed within a day; "
            "claim with the wallet itself, or tomorrow."
        )
    # Of two claims under one root the chain pays one, and the gas of both.
    if relayed.exclude(intent__state__in=[Intent.State.DONE, Intent.State.FAILED]).exists():
        raise ClaimRefused(f"A claim of {account} is under way; wait until it is final.", "account")
    try:
        relayer.require_budget(gas)
    except relayer.LimitReached as error:
        raise TooManyRelays(str(error)) from error


def _place(log: DecodedLog) -> dict[str, Any]:
    return {
        "chain_id": log.chain_id,
        "block_number": log.block_number,
        "block_hash": log.block_hash,
        "log_index": log.log_index,
        "transaction_hash": log.transaction_hash,
        "at": datetime.fromtimestamp(log.block_timestamp, UTC),
    }


def _submitted(log: DecodedLog) -> RootSubmission:
    given = log.arguments
    return RootSubmission(
        **_place(log),
        epoch_number=given["epoch"],
        root=given["root"],
        total_wei=given["total"],
        source_totals_wei=[str(each) for each in given["sourceTotals"]],
        policy_hash=given["policyHash"],
        ledger_root=given["ledgerRoot"],
        bundle_hash=given["bundleHash"],
        activatable_at=given["activatableAt"],
    )


def _activated(log: DecodedLog) -> RootActivation:
    epoch, root = log.arguments["epoch"], log.arguments["root"]
    return RootActivation(**_place(log), epoch_number=epoch, root=root)


def _vetoed(log: DecodedLog) -> RootVeto:
    epoch, root = log.arguments["epoch"], log.arguments["root"]
    return RootVeto(**_place(log), epoch_number=epoch, root=root)


def _limited(log: DecodedLog) -> EmissionLimit:
    given = log.arguments
    return EmissionLimit(**_place(log), from_epoch=given["fromEpoch"], limit_wei=given["limitWei"])


def _claimed(log: DecodedLog) -> Claim:
    # Claimed is paid to the account itself, ClaimedTo to whom it signed for.
    return _used_up(log, recipient=log.arguments.get("recipient", log.arguments["account"]))


def _expired(log: DecodedLog) -> Claim:
    return _used_up(log, recipient=log.arguments["treasury"], expired=True)


def _used_up(log: DecodedLog, *, recipient: str, expired: bool = False) -> Claim:
    given = log.arguments
    return Claim(
        **_place(log),
        account=given["account"],
        recipient=recipient,
        amount_wei=given["amount"],
        cumulative_wei=given["cumulative"],
        expired=expired,
    )


def claim_key(claim: Claim) -> str:
    """The idempotency key of the entry that books a claim."""
    return f"claim:{claim.chain_id}:{claim.block_hash}:{claim.log_index}"


def claim_request(claim: Claim) -> dict[str, str]:
    """What that entry was asked for."""
    return {"account": claim.account, "amount": str(claim.amount_wei)}


def claim_inputs(claim: Claim) -> dict[str, str]:
    """What that entry says of the claim."""
    return {
        "transaction_hash": claim.transaction_hash,
        "recipient": claim.recipient,
        "cumulative_wei": str(claim.cumulative_wei),
    }


def _claim_entry(claim: Claim) -> Entry | None:
    """Post a paid claim. None when the ledger never allocated as much: reconciliation names it,
    and following the chain goes on."""
    account = Account.objects.filter(address=claim.account).first()
    if account is None:
        return None
    category = Category.EXPIRED if claim.expired else Category.CLAIMED
    target = SystemAccount.EXPIRED if claim.expired else SystemAccount.CLAIMED
    amount = claim.amount_wei
    try:
        return ledger.post(
            kind=EntryKind.EXPIRY if claim.expired else EntryKind.CLAIM,
            key=claim_key(claim),
            epoch=ledger.lock_epoch()[0],
            lines=[
                Amount(account.pk, -amount, category, Unit.LAM_WEI),
                Amount(target, amount, category, Unit.LAM_WEI),
            ],
            request=claim_request(claim),
            inputs=claim_inputs(claim),
        )
    except ledger.InsufficientBalance:
        return None


EventRow = RootSubmission | RootActivation | RootVeto | EmissionLimit | Claim
_ROWS: dict[str, Callable[[DecodedLog], EventRow]] = {
    "RootSubmitted": _submitted,
    "RootActivated": _activated,
    "RootVetoed": _vetoed,
    "EmissionLimited": _limited,
    "Claimed": _claimed,
    "ClaimedTo": _claimed,
    "Expired": _expired,
}


def row_of(log: DecodedLog) -> EventRow:
    """The row that records a log, unsaved; a claim's without its entry."""
    return _ROWS[log.event](log)


def _handle(log: DecodedLog) -> None:
    row = row_of(log)
    if isinstance(row, Claim):
        row.entry = _claim_entry(row)
    row.save(force_insert=True)


project = Projection(
    name="points.claims",
    events=(
        "RewardsDistributor.RootSubmitted",
        "RewardsDistributor.RootActivated",
        "RewardsDistributor.RootVetoed",
        "LAMToken.EmissionLimited",
        "RewardsDistributor.Claimed",
        "RewardsDistributor.ClaimedTo",
        "RewardsDistributor.Expired",
    ),
    handler=_handle,
    tables=(
        "points.RootSubmission",
        "points.RootActivation",
        "points.RootVeto",
        "points.EmissionLimit",
        "points.Claim",
    ),
)
