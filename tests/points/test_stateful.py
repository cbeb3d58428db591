"""The ledger against a plain model of it: whatever is done in whatever order, both agree."""

from collections import defaultdict

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contributions.policy_document import load_policy
from points import audit, epochs, ledger, seal
from points.allocation import allocate
from points.ledger import Amount
from points.models import Balance, Category, Entry, EntryKind, Line, SystemAccount
from tests.factories import make_user
from tests.points.makers import adopt_genesis, make_account

PEOPLE = 4
EMISSION = load_policy().emission(1)
person = st.integers(0, PEOPLE - 1)
amount = st.integers(1, 10**12)
key = st.integers(0, 30).map(str)


class LedgerMachine(RuleBasedStateMachine):
    """Posts, transfers, repeats, conflicts, seals and closes; a dict is the model."""

    @initialize()
    def start(self) -> None:
        """People without points, an open epoch."""
        self.epoch = epochs.open_next().number
        users = [make_user() for _ in range(PEOPLE)]
        self.accounts = [make_account(user) for user in users]
        self.addresses = [user.wallets.get().address for user in users]
        self.points = [0] * PEOPLE
        self.lam: dict[str, int] = defaultdict(int)
        self.known: dict[str, tuple[int, int, int]] = {}
        self.entries = 0

    def post(self, key: str, source: int, target: int, amount: int, what: tuple) -> bool:
        """Whether the ledger took it; it says no by its own errors only."""
        try:
            with transaction.atomic():
                ledger.post(
                    kind=EntryKind.USE,
                    key=key,
                    epoch=self.epoch,
                    lines=[
                        Amount(source, -amount, Category.SPENT),
                        Amount(target, amount, Category.CREATOR),
                    ],
                    request={"what": list(what)},
                )
        except (ledger.InsufficientBalance, ledger.KeyConflict) as error:
            self.error = error
            return False
        return True

    def expected(self, key: str, what: tuple, covered: bool) -> str:
        """What the model says about a request."""
        if key in self.known:
            return "repeated" if self.known[key] == what else "conflict"
        return "posted" if covered else "insufficient"

    @rule(key=key, who=person, amount=amount)
    def earn(self, key: str, who: int, amount: int) -> None:
        """Points out of issuance."""
        what = (-1, who, amount)
        outcome = self.expected(key, what, True)
        taken = self.post(key, SystemAccount.ISSUANCE, self.accounts[who], amount, what)
        assert taken == (outcome in {"posted", "repeated"})
        if outcome == "posted":
            self.points[who] += amount
            self.known[key] = what
            self.entries += 1

    @rule(key=key, giver=person, taker=person, amount=amount)
    def transfer(self, key: str, giver: int, taker: int, amount: int) -> None:
        """From one person to another."""
        if giver == taker:
            return
        what = (giver, taker, amount)
        outcome = self.expected(key, what, self.points[giver] >= amount)
        taken = self.post(key, self.accounts[giver], self.accounts[taker], amount, what)
        assert taken == (outcome in {"posted", "repeated"})
        if outcome == "conflict":
            assert isinstance(self.error, ledger.KeyConflict)
        if outcome == "posted":
            self.points[giver] -= amount
            self.points[taker] += amount
            self.known[key] = what
            self.entries += 1

    @rule()
    def seal(self) -> None:
        """At any time."""
        seal.seal_pending()

    @precondition(lambda self: self.epoch < 4)
    @rule()
    def close(self) -> None:
        """Everybody's points become LAM."""
        epochs.close(self.epoch)
        held = {a: p for a, p in zip(self.addresses, self.points, strict=True) if p}
        for address, wei in allocate(EMISSION, held).items():
            self.lam[address] += wei
        self.entries += bool(held)
        self.points = [0] * PEOPLE
        self.epoch = epochs.open_next().number

    @invariant()
    def balances_agree(self) -> None:
        """Each person's points and LAM."""
        assert [ledger.balance(account) for account in self.accounts] == self.points
        kept = Balance.objects.filter(account__kind="lam", amount__gt=0)
        assert dict(kept.values_list("account__address", "amount")) == {
            address: wei for address, wei in self.lam.items() if wei
        }

    @invariant()
    def sums_hold(self) -> None:
        """Nothing came from nowhere, nothing was lost."""
        assert Entry.objects.count() == self.entries
        sums: dict[int, int] = defaultdict(int)
        for unit, value in Line.objects.values_list("unit", "amount"):
            sums[unit] += value
        assert not any(sums.values())

    def teardown(self) -> None:
        """The audit finds nothing at the end of any run."""
        assert audit.run() == []


@pytest.mark.django_db
def test_the_ledger_agrees_with_a_plain_model_of_it():
    adopt_genesis()

    def machine() -> LedgerMachine:
        made = LedgerMachine()
        point = transaction.savepoint()
        end = made.teardown

        def undo() -> None:
            end()
            transaction.savepoint_rollback(point)

        made.teardown = undo
        return made

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
