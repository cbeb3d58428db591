"""What a deployment chooses, and what production must not choose. No Django."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from chain.rpc import ChainError

ETHER_WEI = 10**18
HOUR_SECONDS = 60 * 60
DAY_SECONDS = 24 * HOUR_SECONDS
YEAR_SECONDS = 365 * DAY_SECONDS
# Chains that exist on one machine only: anvil and Hardhat number them so.
DEVELOPMENT_CHAINS = (31337, 1337)
# The least that people need to see something coming and to act: below it a veto, a vote or an
# objection exists on paper only. Seconds, besides the last two.
PRODUCTION_MINIMUMS = {
    "epoch_seconds": DAY_SECONDS,
    "veto_seconds": DAY_SECONDS,
    "expiry_seconds": YEAR_SECONDS,
    "timelock_delay_seconds": DAY_SECONDS,
    "voting_delay_seconds": HOUR_SECONDS,
    "voting_period_seconds": 3 * DAY_SECONDS,
    "late_quorum_extension_seconds": 12 * HOUR_SECONDS,
    "objection_period_seconds": 12 * HOUR_SECONDS,
    "grace_period_seconds": 3 * DAY_SECONDS,
    "credit_settlement_seconds": HOUR_SECONDS,
    "credit_withdrawal_seconds": 2 * DAY_SECONDS,
    "credit_exit_seconds": 14 * DAY_SECONDS,
    "proposal_threshold_wei": ETHER_WEI,
    "quorum_percent": 1,
}


class DeploymentError(ChainError):
    """The contracts cannot be deployed, or what is deployed is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class GenesisDocument:
    """A document that rules from the first epoch: content hash (0x…) and where to read it."""

    content_hash: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """LAM wei minted at deployment, besides the emission schedule; there is none by default."""

    recipient: str
    amount_wei: int


@dataclass(frozen=True, kw_only=True)
class DeploymentParameters:
    """All that a deployment chooses. The defaults are for development: everything takes a second.

    Times are seconds; terms run from the deployment; `emission_start` is Unix time, 0 for the time
    of the deployment; withdrawals and exits of credits at 0 follow the settlement and the veto
    window as closely as the contract lets them. An empty `extension_publisher` leaves extension
    releases to the voters from the first day.
    """

    publisher: str
    guardian: str
    policy: GenesisDocument
    verifier: GenesisDocument
    extension_publisher: str = ""
    publisher_term_seconds: int = 2 * YEAR_SECONDS
    guardian_term_seconds: int = YEAR_SECONDS
    extension_publisher_term_seconds: int = YEAR_SECONDS
    emission_start: int = 0
    epoch_seconds: int = 1
    veto_seconds: int = 1
    expiry_seconds: int = 2 * YEAR_SECONDS
    timelock_delay_seconds: int = 1
    voting_delay_seconds: int = 1
    voting_period_seconds: int = 120
    late_quorum_extension_seconds: int = 10
    objection_period_seconds: int = 10
    grace_period_seconds: int = 14 * DAY_SECONDS
    credit_settlement_seconds: int = 1
    credit_withdrawal_seconds: int = 0
    credit_exit_seconds: int = 0
    proposal_threshold_wei: int = ETHER_WEI
    quorum_percent: int = 4
    allocations: tuple[Allocation, ...] = ()

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "DeploymentParameters":
        """From the JSON that `to_json` writes. Raises DeploymentError naming unknown fields."""
        unknown = sorted(set(document) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise DeploymentError(f"unknown deployment parameters: {', '.join(unknown)}")
        try:
            values = {
                **document,
                "policy": GenesisDocument(**document["policy"]),
                "verifier": GenesisDocument(**document["verifier"]),
                "allocations": tuple(
                    Allocation(recipient=each["recipient"], amount_wei=int(each["amount_wei"]))
                    for each in document.get("allocations", ())
                ),
                "proposal_threshold_wei": int(document.get("proposal_threshold_wei", ETHER_WEI)),
            }
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise DeploymentError(f"deployment parameters are incomplete: {error}") from error

    def check_production(self) -> None:
        """Raise DeploymentError naming every value that is too small where money is real."""
        low = [
            f"{name} is {getattr(self, name)}, at least {least}"
            for name, least in PRODUCTION_MINIMUMS.items()
            if getattr(self, name) < least
        ]
        if low:
            raise DeploymentError(f"not for production: {'; '.join(low)}")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; amounts of wei as decimal strings."""
        document = dataclasses.asdict(self)
        document["proposal_threshold_wei"] = str(self.proposal_threshold_wei)
        document["allocations"] = [
            {"recipient": each.recipient, "amount_wei": str(each.amount_wei)}
            for each in self.allocations
        ]
        return document
