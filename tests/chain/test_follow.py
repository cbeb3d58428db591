"""The chain process: one round does everything, and a failure in one part spares the others."""

import pytest
from django.core.management import CommandError, call_command

from chain import outbox
from chain.follow import step
from chain.management.commands.chain_sync import Command
from chain.models import Cursor, Intent
from chain.projection import Projection, registered
from chain.rebuild import differences
from chain.rpc import Rpc
from chain.sync import FinalizedChanged

pytestmark = pytest.mark.django_db


def note(log) -> None:
    """A projection of the test: one cursor row per word."""
    Cursor.objects.create(chain_id=1, name=f"word {log.arguments['word']}")


def fail(log) -> None:
    raise ArithmeticError("a bug in a projection")


words = Projection(name="words", events=("Emitter.Said",), handler=note)
broken = Projection(name="broken", events=("Emitter.Said",), handler=fail)
HERE = "tests.chain.test_follow"


def noted() -> int:
    return Cursor.objects.filter(chain_id=1).count()


@pytest.fixture
def intent(emitter, relayer) -> Intent:
    return outbox.intend(
        sender="relayer", to=emitter.address, data=bytes(32), key="say", purpose="say nothing"
    )


def test_one_round_follows_projects_and_sends(emitter, intent, settings) -> None:
    settings.PROJECTIONS = [f"{HERE}.words"]
    emitter.say(1)
    emitter.finalize()
    done = step(emitter.client)
    assert (done.sync.logs, done.projected, done.sent) == (1, 1, 1)
    emitter.finalize()
    done = step(emitter.client)
    assert (done.projected, done.finished) == (1, 1)
    assert noted() == 2


def test_a_projection_that_fails_does_not_hold_up_the_rest(emitter, intent, settings) -> None:
    settings.PROJECTIONS = [f"{HERE}.broken", f"{HERE}.words"]
    emitter.say(1)
    emitter.finalize()
    with pytest.raises(ArithmeticError):
        step(emitter.client)
    assert noted() == 1
    intent.refresh_from_db()
    assert intent.progress == "sent"


def test_what_is_not_a_projection_is_refused(settings) -> None:
    settings.PROJECTIONS = [f"{HERE}.note"]
    with pytest.raises(TypeError, match="not a Projection"):
        list(registered())


def test_the_command_says_what_is_wrong(emitter, settings) -> None:
    settings.ETH_RPC_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="no answer from the node"):
        call_command("chain_sync", "--once")
    settings.DEPLOYMENT_PATH = settings.DEPLOYMENT_PATH.with_name("nowhere.json")
    with pytest.raises(CommandError, match="no contracts are deployed"):
        call_command("chain_sync", "--once")


def test_the_loop_waits_for_a_node_that_is_away_and_goes_on(emitter, intent) -> None:
    command = Command()
    failures = command._attempt(Rpc("http://127.0.0.1:9"), 0)
    assert failures == 1
    assert command._attempt(Rpc("http://127.0.0.1:9"), failures) == 2
    assert command._attempt(emitter.client, failures) == 0


def test_the_loop_ends_when_final_blocks_changed(emitter) -> None:
    emitter.mine(3)
    for word in range(5):
        emitter.say(word)
    step(emitter.client)
    # Blocks that held logs come back empty; empty ones might come back as they were.
    emitter.reorg(5)
    with pytest.raises(FinalizedChanged):
        step(emitter.client)
    with pytest.raises(CommandError, match="Nothing was taken in"):
        Command()._attempt(emitter.client, 0)


def test_a_rebuild_finds_a_row_that_no_log_explains(emitter, settings) -> None:
    projected = Projection(
        name="words", events=("Emitter.Said",), handler=note, tables=("chain.Cursor",)
    )
    emitter.say(5)
    emitter.finalize()
    step(emitter.client)
    projected()
    ours = Cursor.objects.filter(chain_id=1)
    assert differences(projected, keep=False) == []
    ours.update(block_number=7)
    found = differences(projected, keep=False)
    assert len(found) == 2
    assert ours.get().block_number == 7
    assert len(differences(projected, keep=True)) == 2
    assert ours.get().block_number == -1
