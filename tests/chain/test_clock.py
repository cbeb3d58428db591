"""The chain's time, as last followed."""

import threading
from typing import Any

import pytest
from django.db import connection

from chain.clock import Clock, clock
from chain.models import Block, Chain
from chain.rpc import Rpc
from chain.sync import sync


@pytest.mark.django_db
def test_there_is_no_time_before_the_chain_was_followed(emitter) -> None:
    assert clock() == Clock(0, 0)


@pytest.mark.django_db
def test_both_times_are_those_of_blocks(emitter) -> None:
    emitter.rpc("anvil_mine", hex(5), hex(2))  # two seconds apart
    sync(emitter.client)
    final = Block.objects.get(number=Chain.objects.get().finalized_number)
    assert clock() == Clock(Chain.objects.get().height_timestamp, final.timestamp)
    assert clock().final < clock().head


@pytest.mark.django_db(transaction=True)
def test_it_is_told_while_another_process_follows_and_drops_the_header(emitter) -> None:
    emitter.rpc("anvil_mine", hex(5), hex(2))  # two seconds apart
    sync(emitter.client)
    before = clock()
    asked: list[str] = []

    def follow() -> None:
        emitter.rpc("anvil_mine", hex(5), hex(2))  # two seconds apart
        sync(Rpc(emitter.url))
        connection.close()

    def and_follow(execute: Any, sql: str, *others: Any) -> Any:
        result = execute(sql, *others)
        if not asked:
            asked.append(sql)
            other = threading.Thread(target=follow)
            other.start()
            other.join()
        return result

    with connection.execute_wrapper(and_follow):
        told = clock()
    assert asked
    assert told in (before, clock())
    assert before.final < clock().final
