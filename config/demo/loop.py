"""The loop, step by step. Every step finds out what is done already, so that a run that broke off
goes on and a finished one changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from eth_account.signers.local import LocalAccount
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from chain import keys
from chain.rpc import Rpc
from config.demo import claiming, market, voting, work
from config.demo.patience import mined, until
from config.demo.people import Person, Sender, arrive, give_gas
from contributions import hd_wallets, importer, policy
from contributions.importer import Plan
from contributions.models import Kind
from points import epochs, publication
from points.chain_models import Claim
from points.models import Allocation, Epoch

FIRST, SECOND = 1, 2
CLAIMERS = 90
VOTERS = 30
USERS = 12
POLL_SECONDS = 0.25


@dataclass
class Loop:
    """What the steps share."""

    plan: Plan
    rpc: Rpc
    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    proposal: str = ""
    refused: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """From recordings to an engine that obeys a vote."""
        with self.progress() as bar:
            self.bar = bar
            with self.step("open"):
                self.open(FIRST)
            first, second = work.parts(self.plan)
            with self.step("import"):
                self.import_work(first, FIRST)
            with self.step("bots"):
                self.submit_bots(first)
            with self.step("verify"):
                self.settle()
            with self.step("close"):
                self.close(FIRST)
            with self.step("claim"):
                self.claim()
            with self.step("vote"):
                self.change_policy()
            with self.step("second epoch"):
                self.open(SECOND)
                self.import_work(second, SECOND)
                self.settle()
            with self.step("market"):
                self.trade()
            with self.step("close again"):
                self.close(SECOND)

    # ------------------------------------------------------------------------------ progress

    def progress(self) -> Progress:
        """A bar for each step."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[..., None]]:
        """A bar of its own; the callable moves it by one."""
        task = self.bar.add_task(what, total=total)
        yield lambda *_: self.bar.advance(task)
        self.bar.update(task, completed=total)

    # --------------------------------------------------------------------------------- people

    @cached_property
    def wallets(self) -> dict[str, LocalAccount]:
        """Imported contributors' wallets by address."""
        path = self.plan.mnemonic_file.with_name("sittings.json")
        numbers = hd_wallets.indices(path, work.sittings(self.plan))
        words = hd_wallets.mnemonic(self.plan.mnemonic_file)
        accounts = hd_wallets.accounts(words, numbers.values())
        return {each.address: each for each in accounts.values()}

    @cached_property
    def deployer(self) -> Sender:
        """Pays everybody's gas."""
        return Sender(keys.signer("deployer"), self.rpc)

    def person(self, address: str) -> Person:
        """Signed in, with gas."""
        return arrive(
            self.wallets[address], site=self.plan.base_url, rpc=self.rpc, invite=self.plan.invite
        )

    @cached_property
    def claimers(self) -> list[Person]:
        """Those to whom the first epoch gave most."""
        rows = Allocation.objects.filter(epoch=FIRST).select_related("leaf__account")
        best = [row.leaf.account.address for row in rows.order_by("-wei", "leaf")[:CLAIMERS]]
        with self.counting("Holders sign in", len(best)) as advance:
            people = [self._arrived(address, advance) for address in best]
        mined(self.rpc, give_gas(self.deployer, best))
        return people

    def _arrived(self, address: str, advance: Callable[..., None]) -> Person:
        person = self.person(address)
        advance()
        return person

    # --------------------------------------------------------------------------------- epochs

    def open(self, number: int) -> None:
        """Open an epoch once what it pins is known from the chain."""
        if Epoch.objects.filter(pk=number).exists():
            return
        until(lambda: _adopted(number), "the adoption of policy and release to be final")
        epochs.open_next()

    def close(self, number: int) -> None:
        """Close, then publish until the root is active and final."""
        with self.counting(f"Epoch {number}: close and publish", 2) as advance:
            if not Epoch.objects.filter(pk=number, closed_at__isnull=False).exists():
                epochs.close(number)
            advance()
            until(
                lambda: publication.publish(number, rpc=self.rpc) == "done",
                f"the root of epoch {number} to be active",
            )
            until(
                lambda: epochs.state(Epoch.objects.get(pk=number)) in {"active", "final"},
                f"the activation of epoch {number} to be final",
            )

    def is_closed(self, number: int) -> bool:
        """Nothing can be added to it any more."""
        return Epoch.objects.filter(pk=number, closing_at__isnull=False).exists()

    # ----------------------------------------------------------------------------------- work

    def import_work(self, part: Plan, epoch: int) -> None:
        """Submit recordings over HTTP while the epoch is open."""
        if self.is_closed(epoch):
            return
        total = len(importer.found(part))
        with self.counting(f"Epoch {epoch}: import", total) as advance:
            self.refused.update(work.import_part(part, advance).refused)

    def submit_bots(self, part: Plan) -> None:
        """Submit bots to the first epoch, after there is accepted work to replay."""
        if self.is_closed(FIRST):
            return
        self.settle()
        total = work.BOTS_PER_KIND * len(work.BOT_KINDS)
        with self.counting("Bots try their luck", total) as advance:
            work.submit_bots(part, keys.signer("operator"), advance)

    def settle(self) -> None:
        """Wait until the worker has judged everything."""
        total = work.waiting()
        task = self.bar.add_task("Verify and pay", total=total)

        def done() -> bool:
            waiting = work.waiting()
            self.bar.update(task, completed=total - waiting)
            return waiting == 0

        until(done, "all work to be judged", timeout_seconds=600)
        self.bar.update(task, completed=total)

    # --------------------------------------------------------------------------------- claims

    def claim(self) -> None:
        """Claim three ways, then delegate; wait until all of it is final."""
        people = self.claimers
        with self.counting("Claim three ways", len(people)) as advance:
            claiming.claim_all(people, helper=people[0], epoch=FIRST, advance=advance)
            until(
                lambda: (
                    Claim.objects.filter(account__in=[p.address for p in people])
                    .values("account").distinct().count() >= len(people)
                ),
                "all claims to be final",
            )  # fmt: skip
        with self.counting("Delegate", len(people)) as advance:
            claiming.delegate_all(people, advance=advance)
            until(
                lambda: people[0].get("delegates?limit=1")["count"] >= len(people),
                "all delegations to be final",
            )

    # --------------------------------------------------------------------------------- policy

    def change_policy(self) -> None:
        """Propose, vote, queue, execute; the engine follows without anybody's hand."""
        people = self.claimers[:VOTERS]
        self.proposal = voting.propose(people[0], effective_epoch=SECOND)
        with self.counting("Vote on the policy", len(people)) as advance:
            voting.vote_all(people, self.proposal, rpc=self.rpc, advance=advance)
        with self.counting("Queue, execute, adopt", 1):
            voting.carry_out(people[-1], self.proposal, rpc=self.rpc, voters=len(people))
            wanted = self.proposed_hash
            until(
                lambda: policy.in_force(Kind.REWARD_POLICY, SECOND).hash == wanted,
                "the service to adopt what was voted",
            )

    @cached_property
    def proposed_hash(self) -> str:
        """The hash of the proposed policy."""
        return policy.parse_policy(voting.changed_policy()).hash

    # --------------------------------------------------------------------------------- market

    def trade(self) -> None:
        """Publish an automation, have others run it, and withdraw one workflow."""
        if self.is_closed(SECOND):
            return
        creator = self.claimers[0]
        automation = market.publish(creator)
        users = [self.person(address) for address in market.with_points(USERS, creator.address)]
        with self.counting("Run an automation", len(users)) as advance:
            market.use_all(automation, users, epoch=SECOND)
            advance()
        if users:
            market.withdraw_one(users[-1])


def _adopted(number: int) -> bool:
    try:
        policy.current(number)
        policy.current_release(number)
    except policy.NotAdopted:
        return False
    return True
