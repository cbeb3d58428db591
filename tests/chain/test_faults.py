"""Random schedules of reorgs, crashes and kills: nothing missed, doubled, lost or sent twice."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from django.db import connection

from chain import outbox, projection, sync
from chain.fetch import ChainMoved
from chain.follow import step
from chain.models import Cursor, Intent, Log, Transaction
from chain.projection import Projection
from chain.rebuild import differences
from chain.rpc import ChainUnavailable, Rpc
from config.environment import BASE_DIR
from tests.chain.test_outbox import Died, said, say

WORDS = "tests.chain.test_faults.words"


def note(log) -> None:
    """One cursor row per word; a word taken in twice breaks the unique constraint."""
    Cursor.objects.create(chain_id=1, name=f"word {log.arguments['word']}")


words = Projection(name="words", events=("Emitter.Said",), handler=note, tables=("chain.Cursor",))

POINTS = [
    (outbox._Sender, "_assign"),
    (outbox._Sender, "_sign"),
    (outbox._Sender, "_hand_over"),
    (outbox._Sender, "_mined"),
    (Rpc, "send_raw"),
    (Rpc, "logs"),
    (sync, "_copy_logs"),
    (sync, "_advance_finality"),
    (projection, "_decode"),
]


def dying(real: Callable, dice: random.Random, *, after: bool) -> Callable:
    """The same, except that one time in two the process dies before or after it."""

    def run(*args, **kwargs):
        dies = dice.random() < 0.5
        if dies and not after:
            raise Died
        result = real(*args, **kwargs)
        if dies:
            raise Died
        return result

    return run


def round_with_a_crash(emitter, dice: random.Random) -> None:
    """One round of the chain process that may die in a step or find the node gone."""
    owner, name = dice.choice(POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying(getattr(owner, name), dice, after=dice.random() < 0.5))
        with contextlib.suppress(Died, ChainUnavailable, ChainMoved, sync.ChainBehind):
            step(emitter.client)


def run_schedule(emitter, dice: random.Random, settings) -> int:
    """A random history; returns how many calls were intended."""
    settings.PROJECTIONS = [WORDS]
    intended = spoken = 0
    for _ in range(dice.randint(8, 16)):
        move = dice.choice(["intend", "say", "mine", "reorg", "round", "round", "crash", "crash"])
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
        elif move == "round":
            step(emitter.client)
        else:
            round_with_a_crash(emitter, dice)
    return intended


def check(emitter, intended: int) -> None:
    """Everything final: chain, rows and intents tell the same story."""
    for _ in range(4):
        step(emitter.client)
        emitter.finalize()
    step(emitter.client)
    on_chain = said(emitter)
    assert sorted(word for word in on_chain if word < 1000) == list(range(intended))
    stored = Log.objects.order_by("block_number", "log_index")
    assert [int.from_bytes(bytes(log.data)) for log in stored] == on_chain
    assert Cursor.objects.filter(chain_id=1).count() == len(on_chain)
    assert differences(words, keep=False) == []
    assert set(Intent.objects.values_list("state", flat=True)) <= {"done"}


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(10))
def test_a_random_history_ends_right(emitter, relayer, settings, seed: int) -> None:
    emitter.mine(3)
    check(emitter, run_schedule(emitter, random.Random(seed), settings))


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(10, 210))
def test_two_hundred_random_histories_end_right(emitter, relayer, settings, seed: int) -> None:
    emitter.mine(3)
    check(emitter, run_schedule(emitter, random.Random(seed), settings))


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
