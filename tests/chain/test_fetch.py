"""What a node says of a range of blocks is checked: by hashes, or by bloom filters alone."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from chain import fetch
from chain.anvil import forked
from chain.fetch import ChainMoved, NodeLied, bloom_has
from chain.finality import FinalityDisputed
from chain.models import Chain, Log
from chain.rpc import ChainUnavailable, RawLog, Rpc, RpcError
from chain.sync import sync

pytestmark = pytest.mark.django_db


def words() -> list[int]:
    logs = Log.objects.order_by("block_number", "log_index")
    return [int.from_bytes(bytes(log.data)) for log in logs]


class Liar(Rpc):
    """The real node, except for what it makes of the answers to one method."""

    def __init__(self, url: str, method: str, change: Callable[[Any], Any]) -> None:
        super().__init__(url)
        self.method, self.change = method, change

    def _result(self, answer: dict[str, Any], method: str) -> Any:
        result = super()._result(answer, method)
        return self.change(copy.deepcopy(result)) if method == self.method else result


def field(name: str, value: Any) -> Callable[[dict], dict]:
    return lambda result: {**result, name: value}


FORGED = "0x" + "12" * 32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hash", FORGED),
        ("timestamp", "0x1"),
        ("logsBloom", "0x" + "00" * 256),
        ("receiptsRoot", FORGED),
        ("stateRoot", FORGED),
        ("extraData", "0x01"),
    ],
)
def test_a_header_that_has_another_hash_is_refused(emitter, name: str, value: str) -> None:
    emitter.say(1)
    with pytest.raises(NodeLied, match="hash"):
        sync(Liar(emitter.url, "eth_getBlockByNumber", field(name, value)))
    assert not Chain.objects.exists()
    sync(emitter.client)
    assert words() == [1]


def test_another_block_than_was_asked_for_is_refused(emitter) -> None:
    emitter.mine(2)
    first = emitter.rpc("eth_getBlockByNumber", "0x0", False)
    with pytest.raises(NodeLied, match="gave block 0"):
        fetch.header(Liar(emitter.url, "eth_getBlockByNumber", lambda _: first), 1)


def logs_of(receipts: list[dict]) -> list[dict]:
    return [log for receipt in receipts for log in receipt["logs"]]


def with_logs(change: Callable[[list[dict]], None]) -> Callable[[list[dict]], list[dict]]:
    """Changes the logs of every receipt in place."""

    def changed(receipts: list[dict]) -> list[dict]:
        for receipt in receipts:
            change(receipt["logs"])
        return receipts

    return changed


def set_in_logs(name: str, value: Any) -> Callable[[list[dict]], list[dict]]:
    return with_logs(lambda logs: [log.update({name: value}) for log in logs] and None)


LIES = {
    "no receipts": lambda receipts: [],
    "null": lambda receipts: None,
    "a receipt left out": lambda receipts: receipts[1:],
    "receipts doubled": lambda receipts: receipts * 2,
    "logs left out": with_logs(lambda logs: logs.clear()),
    "a log doubled": with_logs(lambda logs: logs.append(logs[0])),
    "other data": set_in_logs("data", "0x" + "05" * 32),
    "other topics": set_in_logs("topics", [FORGED]),
    "another contract": set_in_logs("address", "0x" + "05" * 20),
    "no topics at all": set_in_logs("topics", None),
    "a failure": lambda receipts: [{**each, "status": "0x0"} for each in receipts],
}


@pytest.mark.parametrize("change", LIES.values(), ids=LIES.keys())
def test_receipts_that_have_another_root_are_refused(emitter, change) -> None:
    emitter.say(1)
    with pytest.raises(NodeLied, match="receipts"):
        sync(Liar(emitter.url, "eth_getBlockReceipts", change))
    assert words() == []
    sync(emitter.client)
    assert words() == [1]


def test_where_a_log_stands_is_no_matter_of_trust(emitter) -> None:
    emitter.say(1)
    for name in ("logIndex", "blockNumber", "transactionIndex"):
        sync(Liar(emitter.url, "eth_getBlockReceipts", set_in_logs(name, "0x77")))
    stored = Log.objects.select_related("block").get()
    assert (stored.log_index, stored.transaction_index) == (0, 0)
    assert stored.block_number == stored.block.number


def test_many_logs_and_receipts_have_the_root_that_the_node_computed(emitter) -> None:
    emitter.rpc("evm_setAutomine", False)
    for word in range(140):
        call = {
            "from": emitter.payer,
            "to": emitter.address,
            "data": "0x" + word.to_bytes(32).hex(),
        }
        emitter.rpc("eth_sendTransaction", {**call, "gas": "0x186a0"})
    emitter.mine()
    emitter.rpc("evm_setAutomine", True)
    sync(emitter.client)
    assert words() == list(range(140))
    assert list(Log.objects.order_by("id").values_list("log_index", flat=True)) == list(range(140))


def test_a_node_without_receipts_of_blocks_is_said_to_be_one(emitter) -> None:
    class Old(Rpc):
        def block_receipts(self, numbers) -> list[Any]:
            raise RpcError(-32601, "the method does not exist")

    emitter.say(1)
    with pytest.raises(ChainUnavailable, match="CHAIN_PROVE_LOGS"):
        sync(Old(emitter.url))


BAD_LOGS = {
    "out of order": lambda logs: logs[::-1],
    "duplicated": lambda logs: logs + logs,
    "one left out": lambda logs: [log for log in logs if log.data[-1] != 1],
    "all left out": lambda logs: [],
}


class Sloppy(Rpc):
    """The real node, except for what it makes of a range of logs."""

    change: Callable[[list[RawLog]], list[RawLog]]

    def logs(self, *, addresses, first: int, last: int) -> list[RawLog]:
        return self.change(super().logs(addresses=addresses, first=first, last=last))


@pytest.fixture
def believing(settings, emitter) -> Sloppy:
    """A node whose logs are held against the bloom filters only."""
    settings.CHAIN_PROVE_LOGS = False
    return Sloppy(emitter.url)


@pytest.mark.parametrize("change", BAD_LOGS.values(), ids=BAD_LOGS.keys())
def test_by_bloom_filters_alone_no_block_is_missed_or_doubled(emitter, believing, change) -> None:
    for word in range(4):
        emitter.say(word)
    believing.change = change
    sync(believing)
    assert words() == [0, 1, 2, 3]


def test_logs_of_another_fork_are_refused(emitter, believing) -> None:
    emitter.say(1)
    believing.change = lambda logs: [logs[0]._replace(block_hash=FORGED)]
    with pytest.raises(ChainMoved):
        sync(believing)
    assert words() == []
    sync(emitter.client)
    assert words() == [1]


def test_the_bloom_filter_never_denies_what_is_there(emitter) -> None:
    emitter.say(1)
    assert bloom_has(fetch.header(emitter.client, "latest").bloom, emitter.address)
    emitter.mine()
    assert not bloom_has(fetch.header(emitter.client, "latest").bloom, emitter.address)


@pytest.fixture
def second(tmp_path, settings):
    """Another node, of another chain of blocks, that settings ask for its word."""
    from config import embedded, environment

    other = embedded.Anvil(
        tmp_path / "second",
        embedded.free_port(),
        environment.BASE_DIR,
        block_seconds=None,
        persistent=False,
    )
    other.start()
    settings.CHAIN_SECOND_RPC_URL = other.url
    yield other
    other.stop()


def test_nothing_is_taken_in_that_a_second_node_holds_for_another_block(emitter, second) -> None:
    emitter.say(1)
    emitter.finalize()
    Rpc(second.url).call("anvil_mine", "0x40")
    with pytest.raises(FinalityDisputed, match="is final as 0x"):
        sync(emitter.client)
    assert words() == []


def test_a_block_is_final_when_it_is_for_the_second_node_too(emitter, settings) -> None:
    settings.CHAIN_SECOND_RPC_URL = emitter.url
    emitter.say(1)
    emitter.finalize()
    result = sync(emitter.client)
    assert result.finalized == result.head - 2
    assert words() == [1]


def test_a_second_node_that_lags_holds_up_what_is_final_and_nothing_else(emitter, settings) -> None:
    settings.CHAIN_FINALITY_DEPTH = 2
    emitter.say(1)
    emitter.finalize()
    seen = emitter.client.header().number
    emitter.say(2)
    emitter.finalize()
    for lag in (0, 2):
        with forked(emitter.url, block=seen - lag, timeout_seconds=10) as behind:
            settings.CHAIN_SECOND_RPC_URL = behind.url
            result = sync(emitter.client)
            # What was final for both stays so when one falls back further.
            assert (result.finalized, result.height) == (seen - 2, seen + 4)
    assert words() == [1, 2]
    settings.CHAIN_SECOND_RPC_URL = emitter.url
    assert sync(emitter.client).finalized == seen + 2
