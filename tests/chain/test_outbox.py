"""An intent is carried out exactly once, whatever dies in between."""

import random
import threading
from dataclasses import replace

import pytest
from django.db import connection, transaction

from chain import keys, outbox, proofs
from chain.deployment import deployment
from chain.models import Intent, Transaction
from chain.rpc import ChainError, ChainUnavailable, Rpc, RpcError
from chain.sync import sync
from tests.chain.fault_proxy import FaultProxy

pytestmark = pytest.mark.django_db


def say(emitter, word: int) -> Intent:
    return outbox.intend(
        sender="relayer",
        to=emitter.address,
        data=word.to_bytes(32),
        key=f"say:{word}",
        purpose=f"say {word}",
    )


def said(emitter) -> list[int]:
    logs = emitter.client.logs(
        addresses=[emitter.address], first=deployment().block_number, last=10**9
    )
    return [int.from_bytes(log.data) for log in logs]


def work(emitter) -> None:
    """One round of the chain process, and the blocks that make everything final."""
    outbox.send("relayer", emitter.client)
    emitter.finalize()
    sync(emitter.client)
    outbox.confirm(emitter.client)


def states() -> list[str]:
    return list(Intent.objects.order_by("id").values_list("state", flat=True))


def test_the_same_key_is_the_same_intent(emitter, relayer) -> None:
    assert say(emitter, 1).pk == say(emitter, 1).pk
    with pytest.raises(outbox.IntentConflict):
        outbox.intend(
            sender="relayer", to=emitter.address, data=b"\1", key="say:1", purpose="other"
        )


def test_an_intent_goes_with_its_business_transaction(emitter, relayer) -> None:
    @transaction.atomic
    def business() -> None:
        say(emitter, 1)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        business()
    assert not Intent.objects.exists()


def test_an_intent_is_done_only_when_final(emitter, relayer) -> None:
    intent = say(emitter, 1)
    assert intent.progress == "waiting"
    assert outbox.send("relayer", emitter.client) == 1
    progress = []
    for _ in range(4):
        sync(emitter.client)
        outbox.confirm(emitter.client)
        intent.refresh_from_db()
        progress.append(intent.progress)
        emitter.mine()
    assert progress == ["mined", "mined", "done", "done"]
    assert said(emitter) == [1]
    assert intent.transaction_hash == Transaction.objects.get().hash


def test_many_intents_take_consecutive_nonces_in_their_order(emitter, relayer) -> None:
    for word in range(6):
        say(emitter, word)
    work(emitter)
    assert said(emitter) == list(range(6))
    assert list(Intent.objects.order_by("id").values_list("nonce", flat=True)) == list(range(6))
    assert set(states()) == {"done"}


def test_a_call_that_would_revert_fails_without_a_nonce(emitter, relayer) -> None:
    outbox.intend(sender="relayer", to=emitter.address, data=b"", key="bad", purpose="nothing")
    say(emitter, 2)
    work(emitter)
    bad = Intent.objects.get(key="bad")
    assert (bad.state, bad.nonce) == ("failed", None)
    assert bad.failure
    assert not bad.transactions.exists()
    assert Intent.objects.get(key="say:2").nonce == 0
    assert said(emitter) == [2]


def test_a_key_without_coin_waits_and_then_goes(emitter) -> None:
    account = keys.create("relayer")
    intent = say(emitter, 1)
    work(emitter)
    intent.refresh_from_db()
    assert intent.state in {"pending", "assigned"}
    assert intent.failure
    emitter.fund(account.address)
    work(emitter)
    assert said(emitter) == [1]
    assert states() == ["done"]


class Died(Exception):
    """The process is gone at this point."""


def dies_before(method: str):
    def patch(monkeypatch) -> None:
        def die(*args, **kwargs):
            raise Died

        monkeypatch.setattr(outbox._Sender, method, die)

    return patch


def dies_sending(*, taken: bool):
    def patch(monkeypatch) -> None:
        real = Rpc.send_raw

        def die(self, raw: bytes) -> str:
            if taken:
                real(self, raw)
            raise Died

        monkeypatch.setattr(Rpc, "send_raw", die)

    return patch


def dies_confirming(monkeypatch) -> None:
    def die(*args, **kwargs):
        raise Died

    monkeypatch.setattr(outbox._Sender, "_mined", die)


CRASHES = {
    "before the nonce": dies_before("_assign"),
    "between nonce and signature": dies_before("_sign"),
    "between storing and sending": dies_sending(taken=False),
    "between sending and noting it": dies_sending(taken=True),
    "while confirming": dies_confirming,
}


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES.keys())
def test_a_crash_anywhere_neither_loses_nor_repeats(emitter, relayer, crash) -> None:
    for word in (1, 2, 3):
        say(emitter, word)
    with pytest.MonkeyPatch.context() as monkeypatch:
        crash(monkeypatch)
        with pytest.raises(Died):
            work(emitter)
    work(emitter)
    work(emitter)
    assert said(emitter) == [1, 2, 3]
    assert states() == ["done"] * 3


def test_a_reorg_that_drops_the_transaction_sends_it_again(emitter, relayer) -> None:
    emitter.mine(4)
    intent = say(emitter, 1)
    outbox.send("relayer", emitter.client)
    sync(emitter.client)
    outbox.confirm(emitter.client)
    intent.refresh_from_db()
    assert intent.progress == "mined"
    emitter.reorg(1)
    assert said(emitter) == []
    sync(emitter.client)
    outbox.confirm(emitter.client)
    emitter.finalize()
    work(emitter)
    intent.refresh_from_db()
    assert said(emitter) == [1]
    assert intent.progress == "done"
    assert Transaction.objects.count() == 1


@pytest.fixture
def no_mining(emitter):
    emitter.rpc("evm_setAutomine", False)
    yield
    emitter.rpc("evm_setAutomine", True)


def test_a_transaction_that_waits_too_long_gets_a_dearer_variant(
    emitter, relayer, no_mining, settings
) -> None:
    settings.CHAIN_BUMP_SECONDS = 0
    say(emitter, 1)
    outbox.send("relayer", emitter.client)
    sync(emitter.client)
    outbox.confirm(emitter.client)
    first, second = Transaction.objects.order_by("id")
    assert (first.nonce, first.intent) == (second.nonce, second.intent)
    assert second.max_fee_wei * 100 >= first.max_fee_wei * 110
    assert second.priority_fee_wei > first.priority_fee_wei
    work(emitter)
    assert said(emitter) == [1]
    assert Intent.objects.get().transaction_hash == second.hash


def test_calls_that_wait_for_a_block_have_nonces_of_their_own(emitter, relayer, no_mining) -> None:
    for word in range(3):
        say(emitter, word)
        outbox.send("relayer", emitter.client)
    assert list(Intent.objects.order_by("id").values_list("nonce", flat=True)) == [0, 1, 2]
    assert emitter.client.nonce(relayer) == 0
    work(emitter)
    assert said(emitter) == [0, 1, 2]


REVERTS = "0x5f5ffd"


def test_a_nonce_whose_call_became_impossible_is_filled(emitter, relayer) -> None:
    say(emitter, 1)
    with pytest.MonkeyPatch.context() as patch:
        dies_before("_sign")(patch)
        with pytest.raises(Died):
            outbox.send("relayer", emitter.client)
    code = emitter.rpc("eth_getCode", emitter.address, "latest")
    emitter.rpc("anvil_setCode", emitter.address, REVERTS)
    outbox.send("relayer", emitter.client)
    emitter.rpc("anvil_setCode", emitter.address, code)
    say(emitter, 2)
    work(emitter)
    assert states() == ["failed", "done"]
    assert said(emitter) == [2]
    assert Transaction.objects.get(nonce=0).fills


def test_a_call_that_reverts_in_its_block_has_failed(emitter, relayer, no_mining) -> None:
    say(emitter, 1)
    outbox.send("relayer", emitter.client)
    emitter.rpc("anvil_setCode", emitter.address, REVERTS)
    work(emitter)
    intent = Intent.objects.get()
    assert (intent.state, intent.nonce) == ("failed", 0)
    assert "revert" in intent.failure


def test_a_nonce_taken_by_somebody_else_is_given_up(emitter, relayer, no_mining) -> None:
    say(emitter, 1)
    with pytest.MonkeyPatch.context() as patch:
        dies_sending(taken=False)(patch)
        with pytest.raises(Died):
            outbox.send("relayer", emitter.client)
    signed = keys.signer("relayer").sign_transaction(
        {
            "chainId": 31337,
            "nonce": 0,
            "to": relayer,
            "value": 0,
            "gas": 21000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    emitter.client.send_raw(bytes(signed.raw_transaction))
    emitter.finalize()
    for _ in range(3):
        work(emitter)
    assert said(emitter) == [1]
    assert states() == ["done"]
    assert Intent.objects.get().nonce == 1


def test_a_node_that_forgets_a_receipt_makes_us_repeat_nothing(
    emitter, relayer, monkeypatch
) -> None:
    say(emitter, 1)
    outbox.send("relayer", emitter.client)
    emitter.finalize()
    sync(emitter.client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rpc, "receipts", lambda self, hashes: [None] * len(hashes))
        with pytest.raises(outbox.NonceUncertain):
            outbox.confirm(emitter.client)
    work(emitter)
    assert said(emitter) == [1]
    assert states() == ["done"]


def test_a_receipt_of_another_fork_finishes_nothing(emitter, relayer) -> None:
    say(emitter, 1)
    outbox.send("relayer", emitter.client)
    emitter.finalize()
    sync(emitter.client)

    class Elsewhere(Rpc):
        def receipts(self, hashes):
            return [replace(each, block_hash="0x" + "12" * 32) for each in super().receipts(hashes)]

    assert outbox.confirm(Elsewhere(emitter.url)) == 0
    assert states() == ["assigned"]
    assert outbox.confirm(emitter.client) == 1


def test_a_node_that_is_down_loses_nothing(emitter, relayer) -> None:
    say(emitter, 1)
    with pytest.raises(ChainUnavailable):
        outbox.send("relayer", Rpc("http://127.0.0.1:9"))
    work(emitter)
    assert said(emitter) == [1]


def test_a_transaction_no_node_takes_gives_its_nonce_back(emitter, relayer, monkeypatch) -> None:
    say(emitter, 1)
    say(emitter, 2)
    real = Rpc.send_raw
    refused = []

    def refuse_first(self, raw: bytes) -> str:
        if not refused:
            refused.append(raw)
            raise RpcError(-32000, "exceeds block gas limit")
        return real(self, raw)

    monkeypatch.setattr(Rpc, "send_raw", refuse_first)
    work(emitter)
    work(emitter)
    assert states() == ["failed", "done"]
    assert said(emitter) == [2]
    assert "gas limit" in Intent.objects.get(key="say:1").failure


@pytest.mark.django_db(transaction=True)
def test_two_senders_of_one_key_send_nothing_twice(emitter, relayer) -> None:
    for word in range(10):
        say(emitter, word)
    errors: list[Exception] = []

    def run() -> None:
        try:
            for _ in range(5):
                outbox.send("relayer", Rpc(emitter.url))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(emitter)
    assert not errors
    assert said(emitter) == list(range(10))
    assert Transaction.objects.count() == 10


NONCE_TOO_HIGH = "eth_getTransactionCount: nonce to come"


def test_a_node_that_overstates_our_nonce_leaves_no_gap(emitter, relayer) -> None:
    emitter.mine()
    with FaultProxy(emitter.url, random.Random(1), always=NONCE_TOO_HIGH) as proxy:
        for word in range(2):
            say(emitter, word)
            outbox.send("relayer", Rpc(proxy.url))
    assert proxy.done[NONCE_TOO_HIGH] > 0
    assert list(Intent.objects.values_list("nonce", flat=True).order_by("nonce")) == [0, 1]
    work(emitter)
    assert said(emitter) == [0, 1]


def test_a_nonce_that_is_used_without_us_is_taken_by_proof(emitter, relayer) -> None:
    emitter.rpc("anvil_setNonce", relayer, "0x5")
    emitter.mine()
    say(emitter, 1)
    work(emitter)
    assert (said(emitter), Intent.objects.get().nonce) == ([1], 5)


def test_a_nonce_without_proof_is_not_believed(emitter, relayer, monkeypatch) -> None:
    emitter.rpc("anvil_setNonce", relayer, "0x5")
    emitter.mine()
    say(emitter, 1)
    monkeypatch.setattr(proofs, "keccak", lambda data: bytes(32))
    with pytest.raises(ChainError, match=r"hash|prove"):
        outbox.send("relayer", emitter.client)
    assert states() == ["pending"]


def test_a_call_lost_by_a_node_that_overstates_our_nonce_is_sent_again(
    emitter, relayer, settings
) -> None:
    emitter.mine(4)
    say(emitter, 1)
    outbox.send("relayer", emitter.client)
    emitter.reorg(1)
    assert said(emitter) == []
    sync(emitter.client)
    settings.CHAIN_BUMP_SECONDS = 0
    with (
        FaultProxy(emitter.url, random.Random(1), always=NONCE_TOO_HIGH) as proxy,
        pytest.raises(outbox.NonceUncertain),
    ):
        outbox.confirm(Rpc(proxy.url))
    work(emitter)
    assert said(emitter) == [1]
    assert states() == ["done"]
    assert Transaction.objects.count() == 1
