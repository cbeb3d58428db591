"""Random histories of reorgs, lies, failures and kills: nothing missed, doubled or sent twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.core.management import call_command
from django.db import connection

from chain.deployment import deployment
from chain.finality import FinalityDisputed
from chain.follow import step
from chain.models import Block, Chain, Cursor, Intent, Log, Transaction
from chain.projection import Projection
from chain.rpc import ChainError, Rpc
from chain.sync import FinalizedChanged
from config.environment import BASE_DIR
from tests.chain.fault_proxy import FaultProxy
from tests.chain.lives import live
from tests.chain.test_outbox import said, say

WORDS = "tests.chain.test_faults.words"
PATIENCE_SECONDS = 0.4


def note(log) -> None:
    """One cursor row per word; a word taken in twice breaks the unique constraint."""
    Cursor.objects.create(chain_id=1, name=f"word {log.arguments['word']}")


words = Projection(name="words", events=("Emitter.Said",), handler=note, tables=("chain.Cursor",))


def rounds(url: str) -> None:
    """What the chain process does; it may be told off by the node, but never that final changed."""
    rpc = Rpc(url, timeout_seconds=PATIENCE_SECONDS)
    for _ in range(3):
        try:
            step(rpc)
        except (FinalizedChanged, FinalityDisputed):
            raise
        except ChainError:
            continue


def run_history(emitter, proxy: FaultProxy, dice: random.Random) -> int:
    """A random history; returns how many calls were intended."""
    intended = spoken = 0
    for _ in range(dice.randint(10, 20)):
        move = dice.choice(["intend", "say", "mine", "reorg", "life", "life", "life", "life"])
        if move == "intend":
            say(emitter, intended)
            intended += 1
        elif move == "say":
            emitter.say(1000 + spoken)
            spoken += 1
        elif move == "mine":
            emitter.mine(dice.randint(1, 3))
        elif move == "reorg":
            emitter.reorg(dice.randint(1, 2))
        else:
            proxy.rate = dice.choice([0, 0.05, 0.2, 0.4])
            dies_at = dice.choice([None, *[dice.randint(1, 50)] * 3])
            live(lambda: rounds(proxy.url), dies_at=dies_at)
    return intended


def check(emitter, intended: int) -> None:
    """Everything final: chain, rows and intents tell the same story."""
    for _ in range(4):
        step(emitter.client)
        emitter.finalize()
    step(emitter.client)
    on_chain = emitter.client.logs(
        addresses=[emitter.address], first=deployment().block_number, last=10**9
    )
    stored = Log.objects.order_by("block_number", "log_index")
    columns = ("block_hash", "log_index", "transaction_hash", "transaction_index", "address")
    assert list(stored.values_list(*columns)) == [
        tuple(getattr(log, name) for name in columns) for log in on_chain
    ]
    assert [bytes(log.data) for log in stored] == [log.data for log in on_chain]
    assert Cursor.objects.filter(chain_id=1).count() == len(on_chain)
    call_command("rebuild", "--check")
    spoken = [word for word in said(emitter) if word < 1000]
    assert sorted(spoken) == list(range(intended))
    assert set(Intent.objects.values_list("state", flat=True)) <= {"done"}
    check_mined(emitter)


def check_mined(emitter) -> None:
    """Of the variants of each intent one is in a block, the one it names; nothing else was sent."""
    mined = Counter(
        each["hash"]
        for number in range(deployment().block_number, emitter.client.header().number + 1)
        for each in emitter.rpc("eth_getBlockByNumber", hex(number), True)["transactions"]
        if each["from"] in {intent.address.lower() for intent in Intent.objects.all()}
    )
    variants = set(Transaction.objects.values_list("hash", flat=True))
    assert mined == Counter(Intent.objects.values_list("transaction_hash", flat=True))
    assert set(mined) <= variants


def check_refusal(emitter, proxy: FaultProxy, depth: int) -> None:
    """A reorg of what was final is refused, loudly and each time, and changes nothing."""
    for word in range(depth):
        emitter.say(5000 + word)
    step(emitter.client)
    before = [list(model.objects.order_by("pk").values()) for model in (Chain, Block, Log, Cursor)]
    emitter.reorg(depth)
    emitter.say(6000)
    proxy.rate = 0
    for client in (emitter.client, Rpc(proxy.url)):
        with pytest.raises(FinalizedChanged):
            step(client)
    after = [list(model.objects.order_by("pk").values()) for model in (Chain, Block, Log, Cursor)]
    assert after == before


def run_and_check(emitter, settings, seed: int) -> Counter[str]:
    """One history to its end; the faults there were."""
    dice = random.Random(seed)
    settings.PROJECTIONS = [WORDS]
    settings.CHAIN_BUMP_SECONDS = dice.choice([0, 30])
    emitter.mine(3)
    with FaultProxy(emitter.url, random.Random(seed)) as proxy:
        check(emitter, run_history(emitter, proxy, dice))
        if seed % 4 == 0:
            check_refusal(emitter, proxy, dice.randint(3, 8))
    return proxy.done


# Forking beside the proxy's threads is safe: the child never touches what they hold.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@forks
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(10))
def test_a_random_history_ends_right(emitter, relayer, settings, seed: int) -> None:
    run_and_check(emitter, settings, seed)


@forks
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(10, 210))
def test_two_hundred_random_histories_end_right(emitter, relayer, settings, seed: int) -> None:
    run_and_check(emitter, settings, seed)


@forks
@pytest.mark.django_db(transaction=True)
def test_a_kill_between_any_two_steps_of_a_round_costs_nothing(emitter, relayer, settings) -> None:
    settings.PROJECTIONS = [WORDS]
    dies_at, ended = 0, False
    while not ended:
        dies_at += 1
        # So that each round follows, projects, sends and confirms.
        say(emitter, dies_at - 1)
        emitter.say(1000 + dies_at)
        emitter.finalize()
        ended = live(lambda: step(emitter.client), dies_at=dies_at)
        step(emitter.client)
    assert dies_at > 30
    check(emitter, dies_at)


def process(settings) -> subprocess.Popen:
    """The real chain process on this test's database, node and keys."""
    database = connection.settings_dict
    who = f"{database['USER']}:{database['PASSWORD']}"
    url = f"postgresql://{who}@{database['HOST']}:{database['PORT']}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"{url}/{database['NAME']}",
        "ETH_RPC_URL": settings.ETH_RPC_URL,
        "LAM_DEPLOYMENT": str(settings.DEPLOYMENT_PATH),
        "LAM_KEYS_DIR": str(settings.KEYS_DIR),
        "CHAIN_POLL_SECONDS": "0.02",
        "CHAIN_TEST_ABI": str(settings.DEPLOYMENT_PATH.parent / "abi"),
    }
    command = [sys.executable, "-m", "tests.chain.chain_process"]
    return subprocess.Popen(command, cwd=BASE_DIR, env=environment)


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_again_and_again_repeats_nothing(emitter, relayer, settings) -> None:
    dice = random.Random(7)
    for word in range(30):
        say(emitter, word)
    for _ in range(4):
        child = process(settings)
        sent = Transaction.objects.filter(sent_at__isnull=False).count()
        deadline = time.monotonic() + 60
        while Transaction.objects.filter(sent_at__isnull=False).count() == sent:
            assert child.poll() is None
            assert time.monotonic() < deadline
            if not unfinished():
                break
            time.sleep(0.01)
        time.sleep(dice.random() / 5)
        child.send_signal(signal.SIGKILL)
        child.wait()
    settings.PROJECTIONS = [WORDS]
    check(emitter, 30)
    assert Transaction.objects.count() == 30


def unfinished() -> bool:
    return Intent.objects.filter(state__in=["pending", "assigned"]).exists()


@pytest.mark.django_db(transaction=True)
def test_the_process_ends_when_it_is_told_to(emitter, relayer, settings) -> None:
    child = process(settings)
    say(emitter, 1)
    deadline = time.monotonic() + 60
    while said(emitter) != [1] and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    assert Transaction.objects.count() == 1
