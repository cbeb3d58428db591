"""What happens around the pages: the service's own processes, and people's recorders."""

import random
from typing import Any

from django.test import Client

from accounts.models import Wallet
from chain.follow import step
from chain.rpc import Rpc
from points import publication
from tests import factories
from tests.conftest import KEYS, Chain
from tests.contributions import recorded


class Service:
    """What the worker, the scheduler and the chain process do, when the test says so."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def follow(self, *, rounds: int = 3) -> None:
        """Everything sent so far becomes final and is taken in; intents are sent and confirmed."""
        for _ in range(rounds):
            self.chain.finalize()
            step(Rpc(self.chain.url))

    def later(self, seconds: int) -> None:
        self.chain.advance(seconds)
        self.follow()

    def publish(self, number: int) -> None:
        for _ in range(10):
            if publication.publish(number) == "done":
                return
            self.later(2)
        raise AssertionError(f"the root of epoch {number} did not become active")


def varied(document: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same task as another person does it: elsewhere on the field, at a pace of their own."""
    chance = random.Random(seed)
    click, typing = document["steps"]
    click["point"] = [chance.randint(15, 100), chance.randint(13, 27)]
    down = chance.randint(400, 4_000)
    click.update(at=down, until=down + chance.randint(50, 260))
    click["presses"] = [{"down": click["at"], "up": click["until"]}]
    at = typing["at"] = click["until"] + chance.randint(250, 4_000)
    for key in typing["keys"]:
        key.update(down=at, up=at + chance.randint(40, 170))
        at += chance.randint(180, 900)
    typing["until"] = typing["keys"][-1]["up"]
    return document


def send_work(person, seed: int, *, attested: bool = True) -> None:
    """Submit a recording over HTTP as the person's recorder does, with a token of theirs."""
    user = Wallet.objects.get(address=person.key.address).user
    document = varied(recorded.document(), seed)
    word = recorded.attest(KEYS["operator"], document) if attested else None
    answer = Client().post(
        "/api/v1/workflows",
        recorded.envelope(document, word),
        content_type="application/json",
        headers=factories.bearer(user),
    )
    assert answer.status_code == 201, answer.content


def come_in(person) -> None:
    """Sign in with an invite and agree to the first text."""
    person.open(f"/sign-in?invite={factories.make_invite().code}")
    person.press("Sign in with wallet")
    person.page.wait_for_url("**/consent")
    person.page.get_by_role("button", name="I agree").first.click()
    person.page.wait_for_url("**/work")
