"""Calls that must be made exactly once: the business writes an intent, the sender does the rest.

One sender per key: it gives the intent a nonce, signs, stores the signed transaction and only then
sends it. Whatever it died after, the next run finds in PostgreSQL and goes on with; the nonce makes
sending twice harmless. A transaction that waits too long gets a variant with higher fees and the
same nonce. An intent is done when one variant is in a final block.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from eth_utils.address import to_checksum_address

from chain import fetch, keys, locks
from chain.abi import revert_reason
from chain.deployment import deployment
from chain.models import Chain, Intent, Transaction
from chain.rpc import ChainError, Receipt, Reverted, Rpc, RpcError

GAS_PADDING_PERCENT = 150
FILLER_GAS = 21_000
BUMP_PERCENT = 125  # Nodes take a replacement from 110 on.

logger = logging.getLogger(__name__)


class IntentConflict(ValueError):
    """The key already stands for another call."""


class GasExceeded(Reverted):
    """The call would now use more gas than was set aside for it."""


class NonceUncertain(ChainError):
    """A nonce is used, and the node cannot say by which transaction; asked again later."""


def intend(
    *,
    sender: str,
    to: str,
    data: bytes,
    key: str,
    purpose: str,
    value_wei: int = 0,
    gas_max: int | None = None,
) -> Intent:
    """Write down a call to be made, inside the caller's transaction.

    `sender` names a key (see chain.keys), `key` the business event: the same key with the same
    call gives the intent there is, with another call raises IntentConflict. The transaction's gas
    limit is at most `gas_max`; a call that comes to need more is not sent, and fails.
    """
    call = {
        "sender": sender,
        "to": to_checksum_address(to),
        "data": data,
        "value_wei": value_wei,
        "chain_id": deployment().chain_id,
    }
    with transaction.atomic():
        intent, created = Intent.objects.get_or_create(
            key=key, defaults={**call, "purpose": purpose, "gas_max": gas_max}
        )
    if not created and any(_value(intent, name) != value for name, value in call.items()):
        raise IntentConflict(f"{key} already stands for another call")
    return intent


def _value(intent: Intent, name: str) -> object:
    value = getattr(intent, name)
    return bytes(value) if name == "data" else value


def senders() -> list[str]:
    """Keys with unfinished intents."""
    unfinished = Intent.objects.filter(
        chain_id=deployment().chain_id, state__in=[Intent.State.PENDING, Intent.State.ASSIGNED]
    )
    return sorted(set(unfinished.values_list("sender", flat=True)))


def send(sender: str, rpc: Rpc | None = None) -> int:
    """Sign and send what waits for the key `sender`; returns how many transactions a node took.

    Raises WrongChain, ChainUnavailable and KeyUnavailable; nothing is lost by any of them.
    """
    rpc = rpc or Rpc(settings.ETH_RPC_URL)
    ours = deployment()
    with locks.held(f"chain.send.{sender}") as mine:
        if not mine:
            return 0
        rpc.require_chain(ours.chain_id)
        return _Sender(sender, ours.chain_id, rpc).send()


def confirm(rpc: Rpc | None = None) -> int:
    """Finish intents whose transaction is final, send lost ones again; returns how many finished.

    Final is what chain.sync has stored as final, so an intent is never done before its logs are in.
    """
    rpc = rpc or Rpc(settings.ETH_RPC_URL)
    chain = Chain.objects.filter(chain_id=deployment().chain_id).first()
    if chain is None:
        return 0
    finished = 0
    for sender in senders():
        with locks.held(f"chain.send.{sender}") as mine:
            if mine:
                finished += _Sender(sender, chain.chain_id, rpc).confirm(chain.finalized_number)
    return finished


class _Sender:
    """One key at work, under its lock."""

    def __init__(self, name: str, chain_id: int, rpc: Rpc) -> None:
        self.name = name
        self.chain_id = chain_id
        self.rpc = rpc
        self.account: LocalAccount = keys.signer(name)
        self.sent = 0

    def intents(self, state: str) -> QuerySet[Intent]:
        """This key's intents in one state, in the order of their nonces, then of their making."""
        mine = Intent.objects.filter(chain_id=self.chain_id, sender=self.name, state=state)
        return mine.order_by("nonce", "id")

    def send(self) -> int:
        for intent in self.intents(Intent.State.ASSIGNED):
            self._resume(intent)
        for intent in self.intents(Intent.State.PENDING):
            self._start(intent)
        return self.sent

    def _start(self, intent: Intent) -> None:
        try:
            gas = self._estimate(intent)
        except Reverted as error:
            return self._fail(intent, revert_reason(error.data) if error.data else error.message)
        except RpcError as error:
            return self._note(intent, f"cannot be sent yet: {error}")
        self._assign(intent)
        return self._hand_over(self._sign(intent, gas))

    def _resume(self, intent: Intent) -> None:
        """Go on where an earlier run stopped: sign what has only a nonce, send what is unsent."""
        variants = list(self._variants(intent))
        if not variants:
            variants = [self._sign_again(intent)]
        for variant in variants:
            if variant.sent_at is None:
                self._hand_over(variant)

    def _estimate(self, intent: Intent) -> int:
        """The gas limit to sign with. Raises GasExceeded, Reverted."""
        gas = self.rpc.estimate_gas(
            sender=self.account.address,
            to=intent.to,
            data=bytes(intent.data),
            value_wei=intent.value_wei,
        )
        padded = gas * GAS_PADDING_PERCENT // 100
        if intent.gas_max is None:
            return padded
        if gas > intent.gas_max:
            raise GasExceeded(3, f"it needs {gas} gas now, {intent.gas_max} were set aside")
        return min(padded, intent.gas_max)

    def _assign(self, intent: Intent) -> None:
        """Give the intent the next nonce; the unique constraint refuses a second holder."""
        used = self._used()
        with transaction.atomic():
            intent.nonce = max(used, self._unheld())
            intent.address = self.account.address
            intent.state, intent.failure = Intent.State.ASSIGNED, ""
            intent.save(update_fields=["nonce", "address", "state", "failure"])

    def _unheld(self) -> int:
        """The first nonce above those of our intents."""
        held = Intent.objects.filter(chain_id=self.chain_id, address=self.account.address)
        highest = held.aggregate(highest=Max("nonce"))["highest"]
        return 0 if highest is None else highest + 1

    def _used(self) -> int:
        """How many nonces are gone. One more than are ours has to be proven: behind a nonce too
        high a call waits for ever."""
        said = self.rpc.nonce(self.account.address, "latest")
        if said <= self._unheld() or not settings.CHAIN_PROVE_LOGS:
            return said
        proven = fetch.nonce(self.rpc, self.account.address)
        if proven < said:
            logger.error("%s says nonce %d, and proves %d", self.rpc.url, said, proven)
        return proven

    def _sign_again(self, intent: Intent) -> Transaction:
        """Sign for a nonce already given; a call that has become impossible only uses it up."""
        try:
            return self._sign(intent, self._estimate(intent))
        except Reverted as error:
            return self._fill(intent, revert_reason(error.data) if error.data else error.message)

    def _fill(self, intent: Intent, reason: str) -> Transaction:
        """Sign an empty call with the intent's nonce, so that later nonces are not stuck."""
        self._note(intent, reason)
        return self._sign(intent, FILLER_GAS, fills=True)

    def _sign(self, intent: Intent, gas: int, *, fills: bool = False) -> Transaction:
        max_fee, tip = self._fees(intent)
        assert intent.nonce is not None
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": self.chain_id,
                "nonce": intent.nonce,
                "to": HexStr(self.account.address if fills else intent.to),
                "value": 0 if fills else intent.value_wei,
                "data": b"" if fills else bytes(intent.data),
                "gas": gas,
                "maxFeePerGas": max_fee,
                "maxPriorityFeePerGas": tip,
            }
        )
        return Transaction.objects.create(
            intent=intent,
            chain_id=self.chain_id,
            address=self.account.address,
            nonce=intent.nonce,
            hash="0x" + signed.hash.hex(),
            raw=bytes(signed.raw_transaction),
            gas=gas,
            max_fee_wei=max_fee,
            priority_fee_wei=tip,
            fills=fills,
        )

    def _fees(self, intent: Intent) -> tuple[int, int]:
        """Fee limits in wei: room for the base fee to double, and above every earlier variant."""
        head = self.rpc.header("latest")
        tip = max(1, self.rpc.priority_fee_wei())
        max_fee = 2 * (head.base_fee_wei if head else 0) + tip
        earlier = self._variants(intent).aggregate(
            fee=Max("max_fee_wei"), tip=Max("priority_fee_wei")
        )
        if earlier["fee"] is not None:
            max_fee = max(max_fee, int(earlier["fee"]) * BUMP_PERCENT // 100 + 1)
            tip = max(tip, int(earlier["tip"]) * BUMP_PERCENT // 100 + 1)
        return max_fee, tip

    def _variants(self, intent: Intent) -> QuerySet[Transaction]:
        """What was signed for the nonce the intent holds now, oldest first."""
        assert intent.nonce is not None
        return intent.transactions.filter(nonce=intent.nonce).order_by("id")

    def _hand_over(self, variant: Transaction) -> None:
        """Send a stored transaction. A refusal leaves it stored; `confirm` deals with it."""
        try:
            self.rpc.send_raw(bytes(variant.raw))
        except RpcError as error:
            if not _already_there(error):
                return self._refused(variant, error)
        variant.sent_at = timezone.now()
        variant.save(update_fields=["sent_at"])
        self.sent += 1
        return None

    def _refused(self, variant: Transaction, error: RpcError) -> None:
        self._note(variant.intent, f"the node refuses the transaction: {error}")
        if _never_valid(error) and not variant.fills:
            self._hand_over(self._fill(variant.intent, str(error)))

    def _note(self, intent: Intent, trouble: str) -> None:
        if intent.failure != trouble:
            logger.warning("%s: %s", intent, trouble)
            intent.failure = trouble
            intent.save(update_fields=["failure"])

    def _fail(self, intent: Intent, reason: str) -> None:
        intent.state, intent.failure = Intent.State.FAILED, reason
        intent.finished_at = timezone.now()
        intent.save(update_fields=["state", "failure", "finished_at"])
        logger.warning("%s failed: %s", intent.key, reason)

    def confirm(self, finalized: int) -> int:
        intents = list(self.intents(Intent.State.ASSIGNED))
        return sum(self._confirm(intent, finalized) for intent in intents)

    def _confirm(self, intent: Intent, finalized: int) -> bool:
        variants = list(self._variants(intent))
        receipts = self.rpc.receipts([variant.hash for variant in variants])
        for variant, receipt in zip(variants, receipts, strict=True):
            if receipt is not None:
                return self._mined(intent, variant, receipt, finalized)
        self._place(intent, None)
        if variants:
            self._chase(intent, variants, finalized)
        return False

    def _place(self, intent: Intent, receipt: Receipt | None) -> None:
        """Remember the block that holds the transaction now; none after a reorg took it out."""
        place = (
            (receipt.transaction_hash, receipt.block_number, receipt.block_hash)
            if receipt
            else None
        )
        found = place or ("", None, "")
        if found != (intent.transaction_hash, intent.block_number, intent.block_hash):
            intent.transaction_hash, intent.block_number, intent.block_hash = found
            intent.save(update_fields=["transaction_hash", "block_number", "block_hash"])

    def _mined(
        self, intent: Intent, variant: Transaction, receipt: Receipt, finalized: int
    ) -> bool:
        self._place(intent, receipt)
        if receipt.block_number > finalized:
            return False
        header = self.rpc.header(receipt.block_number)
        if header is None or header.hash != receipt.block_hash:
            return False
        succeeded = receipt.succeeded and not variant.fills
        intent.state = Intent.State.DONE if succeeded else Intent.State.FAILED
        if succeeded:
            intent.failure = ""
        elif not variant.fills:
            intent.failure = self._why(intent, receipt.block_number)
        intent.failure = intent.failure if succeeded else intent.failure or "the nonce was filled"
        intent.finished_at = timezone.now()
        intent.save(update_fields=["state", "failure", "finished_at"])
        return True

    def _why(self, intent: Intent, block: int) -> str:
        """The reason of a revert, by calling again on the state before its block."""
        data, sender = bytes(intent.data), self.account.address
        try:
            self.rpc.read(to=intent.to, data=data, sender=sender, block=block - 1)
        except Reverted as error:
            return revert_reason(error.data) if error.data else error.message
        except RpcError:
            pass
        return "reverted"

    def _chase(self, intent: Intent, variants: list[Transaction], finalized: int) -> None:
        """No variant is in a block: find out whether the nonce is gone, else make one go in."""
        assert intent.nonce is not None
        newest = variants[-1]
        patience = timedelta(seconds=settings.CHAIN_BUMP_SECONDS)
        waits_long = newest.signed_at < timezone.now() - patience
        gone = self.rpc.nonce(self.account.address, "latest") > intent.nonce
        if not self.rpc.knows(newest.hash) and (waits_long or not gone):
            # Harmless where the nonce is gone; where the node is wrong about it, the only way on.
            self._hand_over(newest)
        elif waits_long and not gone:
            self._bump(intent, newest)
        if gone and self.rpc.nonce(self.account.address, finalized) > intent.nonce:
            self._nonce_gone(intent, {variant.hash for variant in variants}, finalized)

    def _bump(self, intent: Intent, newest: Transaction) -> None:
        logger.warning("%s: waiting too long, sent again with higher fees", intent)
        self._hand_over(self._sign(intent, newest.gas, fills=newest.fills))

    def _nonce_gone(self, intent: Intent, ours: set[str], finalized: int) -> None:
        """A final block holds the nonce. If in a stranger's transaction, the intent starts over.

        A node that merely forgot a receipt must not make us repeat the call, so the transaction
        that used the nonce is looked up.
        """
        assert intent.nonce is not None
        taker = _taker(self.rpc, self.account.address, intent.nonce, finalized)
        if taker in ours:
            raise NonceUncertain(f"the node holds {taker} in a block, but not its receipt")
        logger.error("%s: nonce %d was used by %s, not by us", intent, intent.nonce, taker)
        intent.state, intent.nonce, intent.address = Intent.State.PENDING, None, ""
        intent.save(update_fields=["state", "nonce", "address"])


def _taker(rpc: Rpc, address: str, nonce: int, last: int) -> str:
    """The hash of the transaction that used a nonce in a block up to `last`."""
    first = 0
    while first < last:
        middle = (first + last) // 2
        if rpc.nonce(address, middle) > nonce:
            last = middle
        else:
            first = middle + 1
    block = rpc.call("eth_getBlockByNumber", hex(first), True)
    for each in block["transactions"]:
        if to_checksum_address(each["from"]) == address and int(each["nonce"], 16) == nonce:
            return str(each["hash"]).lower()
    raise NonceUncertain(f"block {first} should hold nonce {nonce} of {address}, but does not")


def _already_there(error: RpcError) -> bool:
    """The node has this very transaction."""
    return any(words in error.message.lower() for words in ("already known", "already imported"))


def _never_valid(error: RpcError) -> bool:
    """No node will ever take it, whatever the fees."""
    words = ("intrinsic gas", "exceeds block gas limit", "gas limit too high", "oversized data")
    return any(each in error.message.lower() for each in words)
