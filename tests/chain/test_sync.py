"""Following the chain: nothing missed, nothing doubled, nothing final taken back silently."""

import threading

import pytest
from django.db import connection

from chain import projection
from chain.fetch import ChainMoved
from chain.models import Block, Chain, Cursor, Log
from chain.rpc import ChainUnavailable, Header, Rpc, RpcError, WrongChain
from chain.sync import ChainBehind, FinalizedChanged, sync

pytestmark = pytest.mark.django_db


def words() -> list[int]:
    """What is stored, in order."""
    logs = Log.objects.order_by("block_number", "log_index")
    return [int.from_bytes(bytes(log.data)) for log in logs]


def on_chain(emitter) -> list[int]:
    found = emitter.client.logs(addresses=[emitter.address], first=0, last=10**9)
    return [int.from_bytes(log.data) for log in found]


def test_logs_are_stored_with_their_blocks(emitter) -> None:
    for word in (1, 2, 3):
        emitter.say(word)
    result = sync(emitter.client)
    assert (result.logs, result.height) == (3, result.head)
    assert words() == [1, 2, 3]
    assert all(log.block_hash == log.block.hash for log in Log.objects.select_related("block"))
    assert sync(emitter.client).logs == 0


def test_final_headers_without_logs_are_dropped_and_logs_kept(emitter) -> None:
    emitter.say(1)
    emitter.mine(30)
    sync(emitter.client)
    row = Chain.objects.get()
    assert row.finalized_number == row.height - 2
    assert Block.objects.filter(number__lt=row.finalized_number).count() == 1
    assert words() == [1]


@pytest.mark.parametrize("depth", [1, 2])
def test_a_reorg_is_rewound_and_followed(emitter, depth: int) -> None:
    emitter.mine(5)
    for word in range(depth):
        emitter.say(word)
    sync(emitter.client)
    emitter.reorg(depth)
    emitter.say(77)
    result = sync(emitter.client)
    assert result.reorg_depth == depth
    assert words() == on_chain(emitter) == [77]
    assert (Chain.objects.get().reorgs, Chain.objects.get().deepest_reorg) == (1, depth)


@pytest.mark.parametrize("depth", [3, 4, 8])
def test_a_reorg_beyond_finality_is_refused_and_changes_nothing(emitter, depth: int) -> None:
    emitter.mine(6)
    for word in range(depth):
        emitter.say(word)
    sync(emitter.client)
    before = (words(), list(Chain.objects.values()), list(Block.objects.values()))
    emitter.reorg(depth)
    emitter.say(77)
    for _ in range(2):
        with pytest.raises(FinalizedChanged):
            sync(emitter.client)
    assert (words(), list(Chain.objects.values()), list(Block.objects.values())) == before


def test_a_node_that_lags_is_refused(emitter) -> None:
    emitter.mine(4)
    snapshot = emitter.rpc("evm_snapshot")
    emitter.mine(1)
    sync(emitter.client)
    emitter.rpc("evm_revert", snapshot)
    with pytest.raises(ChainBehind, match="lags"):
        sync(emitter.client)
    emitter.mine(5)
    sync(emitter.client)


def test_a_node_that_lost_final_blocks_is_refused(emitter) -> None:
    snapshot = emitter.rpc("evm_snapshot")
    emitter.mine(10)
    sync(emitter.client)
    emitter.rpc("evm_revert", snapshot)
    with pytest.raises(ChainBehind, match="already final"):
        sync(emitter.client)


def test_another_chain_is_refused(emitter) -> None:
    emitter.rpc("anvil_setChainId", 5)
    try:
        with pytest.raises(WrongChain):
            sync(emitter.client)
    finally:
        emitter.rpc("anvil_setChainId", 31337)
    assert not Chain.objects.exists()


def test_small_windows_store_the_same(emitter) -> None:
    for word in range(5):
        emitter.say(word)
        emitter.mine(2)
    sync(emitter.client)
    expected = list(Log.objects.values_list("block_hash", "log_index"))
    Chain.objects.all().delete()
    Block.objects.all().delete()
    sync(Stingy(emitter.url, most=1))
    assert list(Log.objects.values_list("block_hash", "log_index")) == expected


class Stingy(Rpc):
    """The real node, except that it refuses longer ranges."""

    def __init__(self, url: str, *, most: int) -> None:
        super().__init__(url)
        self.most = most

    def headers(self, numbers) -> list[Header | None]:
        if len(numbers) > self.most:
            raise RpcError(-32005, "query returned more than 10000 results")
        return super().headers(numbers)


def test_a_refused_range_is_halved_until_it_fits(emitter) -> None:
    for word in range(6):
        emitter.say(word)
    sync(Stingy(emitter.url, most=2))
    assert words() == list(range(6))
    assert Chain.objects.get().window <= 4


def test_a_node_that_dies_in_the_middle_leaves_whole_windows(emitter) -> None:
    for word in range(6):
        emitter.say(word)

    class Dying(Rpc):
        answers = 2

        def headers(self, numbers) -> list[Header | None]:
            if self.answers == 0:
                raise ChainUnavailable("gone")
            self.answers -= 1
            return super().headers(numbers)

    sync_rows(emitter, window=1)
    with pytest.raises(ChainUnavailable):
        sync(Dying(emitter.url))
    row = Chain.objects.get()
    assert 0 < len(words()) < 6
    assert max(Log.objects.values_list("block_number", flat=True)) <= row.height
    sync(emitter.client)
    assert words() == list(range(6))


def test_a_reorg_between_two_requests_is_seen_at_the_border_of_the_window(emitter) -> None:
    emitter.mine(4)
    emitter.say(1)
    sync(emitter.client)
    emitter.say(2)

    class Moving(Rpc):
        """The chain changes below what is asked for, after what we hold was compared with it."""

        def headers(self, numbers) -> list[Header | None]:
            if numbers[0] > Chain.objects.get().height:
                emitter.reorg(2)
            return super().headers(numbers)

    with pytest.raises(ChainMoved, match="does not link"):
        sync(Moving(emitter.url))
    assert words() == [1]
    sync(emitter.client)
    assert words() == on_chain(emitter) == []


def test_a_window_that_cannot_be_stored_whole_leaves_nothing(emitter, monkeypatch) -> None:
    emitter.say(1)
    sync(emitter.client)
    emitter.say(2)
    before = [list(model.objects.order_by("pk").values()) for model in (Chain, Block, Log)]
    with monkeypatch.context() as patch:
        patch.setattr("chain.sync._advance_finality", lambda chain, final: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sync(emitter.client)
    after = [list(model.objects.order_by("pk").values()) for model in (Chain, Block, Log)]
    assert after == before
    sync(emitter.client)
    assert words() == [1, 2]


def sync_rows(emitter, *, window: int) -> None:
    """Begin with a small window."""
    from chain.deployment import deployment
    from chain.sync import _row

    row = _row(emitter.client, deployment())
    row.window = window
    row.save()


def test_nobody_at_the_address_is_a_clear_error(emitter) -> None:
    with pytest.raises(ChainUnavailable, match="no answer"):
        sync(Rpc("http://127.0.0.1:9"))


@pytest.mark.django_db(transaction=True)
def test_two_followers_at_once_store_every_log_once(emitter) -> None:
    for word in range(20):
        emitter.say(word)
    sync_rows(emitter, window=1)
    errors: list[Exception] = []

    def follow() -> None:
        try:
            for _ in range(20):
                sync(Rpc(emitter.url))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert words() == list(range(20))


def take(handled: list[int]) -> int:
    def handler(log: projection.DecodedLog) -> None:
        handled.append(log.arguments["word"])

    return projection.consume("test", ["Emitter.Said"], handler)


def test_only_final_logs_are_handed_over_each_once(emitter) -> None:
    handled: list[int] = []
    emitter.say(1)
    sync(emitter.client)
    assert take(handled) == 0
    emitter.finalize()
    sync(emitter.client)
    emitter.say(2)
    assert take(handled) == 1
    assert take(handled) == 0
    emitter.finalize()
    sync(emitter.client)
    assert take(handled) == 1
    assert handled == [1, 2]


def test_more_logs_than_a_batch_arrive_in_order(emitter, monkeypatch) -> None:
    monkeypatch.setattr(projection, "BATCH_LOGS", 2)
    for word in range(5):
        emitter.say(word)
    emitter.finalize()
    sync(emitter.client)
    handled: list[int] = []
    assert take(handled) == 5
    assert handled == list(range(5))


def test_frequent_events_are_handed_over_together_after_the_others(emitter, monkeypatch) -> None:
    monkeypatch.setattr(projection, "BATCH_LOGS", 3)
    for word in range(5):
        emitter.say(word)
    emitter.finalize()
    sync(emitter.client)
    batches: list[list[int]] = []

    def together(logs) -> None:
        batches.append([log.arguments["word"] for log in logs])

    def alone(log: projection.DecodedLog) -> None:
        raise AssertionError(log)

    events = ["Emitter.Said"]
    assert projection.consume("test", events, alone, {"Emitter.Said": together}) == 5
    assert batches == [[0, 1, 2], [3, 4]]


def test_a_handler_that_fails_moves_no_cursor(emitter) -> None:
    emitter.say(1)
    emitter.finalize()
    sync(emitter.client)

    def fail(log: projection.DecodedLog) -> None:
        Cursor.objects.create(chain_id=31337, name="written by the handler")
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        projection.consume("test", ["Emitter.Said"], fail)
    assert not Cursor.objects.exists()
    handled: list[int] = []
    take(handled)
    assert handled == [1]
