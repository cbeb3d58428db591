"""A changed reward policy, proposed, voted on, queued and executed by holders alone."""

from collections.abc import Callable, Sequence
from typing import Any

from chain.deployment import deployment
from chain.rpc import Rpc
from config import embedded
from config.demo.patience import NothingHappens, mined, until
from config.demo.people import Person
from contributions.policy_document import load_policy

AGAINST, FOR = 0, 1
TITLE = "Pay 12 points per verified action"
BODY = "Verified actions earn 12 points instead of 10; nothing else changes."
OLD_MILLIPOINTS, NEW_MILLIPOINTS = 10_000, 12_000
MARGIN_SECONDS = 3


def changed_policy() -> dict[str, Any]:
    """The genesis policy with another price of work."""
    document = load_policy().model_dump(mode="json")
    return {
        **document,
        "name": "twelve points",
        "points_per_action_millipoints": NEW_MILLIPOINTS,
    }


def propose(proposer: Person, *, effective_epoch: int) -> str:
    """Register the document and propose its adoption; the proposal's id."""
    registered = proposer.post("policies", {"kind": "reward_policy", "document": changed_policy()})
    draft = proposer.post(
        "proposals/calldata",
        {
            "template": "reward_policy",
            "title": TITLE,
            "body": BODY,
            "proposer": proposer.address,
            "document_hash": registered["hash"],
            "effective_epoch": effective_epoch,
        },
    )
    proposal = str(draft["proposal_id"])
    if not _known(proposer, proposal):
        mined(proposer.sender.rpc, [proposer.send(draft["transaction"])])
        until(lambda: _known(proposer, proposal), "the proposal to be final")
    return proposal


def _known(person: Person, proposal: str) -> bool:
    listed = person.get("proposals?limit=200")["results"]
    return any(each["id"] == proposal for each in listed)


def state(person: Person, proposal: str) -> str:
    """The proposal's state by final blocks."""
    return str(person.get(f"proposals/{proposal}")["state"])


def vote_all(
    people: Sequence[Person], proposal: str, *, rpc: Rpc, advance: Callable[[str], None]
) -> None:
    """Everybody votes: by own transaction and, every other one, by signature; a few against."""
    until(lambda: state(people[0], proposal) != "pending", "voting to begin")
    cast = people[0].get(f"votes?proposal={proposal}&limit=200")["results"]
    voted = {each["voter"] for each in cast}
    hashes = []
    for number, person in enumerate(people):
        if person.address not in voted and state(person, proposal) == "active":
            hashes += _vote(person, proposal, number)
        advance(person.address)
    mined(rpc, hashes)


def _vote(person: Person, proposal: str, number: int) -> list[str]:
    ballot = {
        "proposal": proposal,
        "support": AGAINST if number % 10 == 9 else FOR,
        "voter": person.address,
    }
    prepared = person.post("votes/typed-data", ballot)
    if number % 2:
        return [person.send(prepared["transaction"])]
    person.post("votes/relay", {**ballot, "signature": person.sign(prepared["typed_data"])})
    return []


def carry_out(person: Person, proposal: str, *, rpc: Rpc, voters: int) -> None:
    """Wait out the vote, then queue by relayer and execute by wallet: neither needs a right."""
    votes = f"votes?proposal={proposal}&limit=200"
    until(lambda: person.get(votes)["count"] >= voters, "all votes to be final")
    if state(person, proposal) == "active":
        deadline = int(person.get(f"proposals/{proposal}")["deadline"])
        pass_time(rpc, until_timestamp=deadline + MARGIN_SECONDS)
    until(lambda: state(person, proposal) not in {"pending", "active"}, "the vote to end")
    if state(person, proposal) == "defeated":
        raise NothingHappens(f"proposal {proposal} was defeated: {tally(person, proposal)}")
    if state(person, proposal) == "succeeded":
        person.post(f"proposals/{proposal}/queue")
    until(lambda: state(person, proposal) in {"queued", "executed"}, "the proposal to be queued")
    if state(person, proposal) == "queued":
        _execute(person, proposal, rpc)
    until(lambda: state(person, proposal) == "executed", "the proposal to be executed")


def _execute(person: Person, proposal: str, rpc: Rpc) -> None:
    shown = person.get(f"proposals/{proposal}")
    pass_time(rpc, until_timestamp=int(shown["eta"]) + MARGIN_SECONDS)
    mined(rpc, [person.send(shown["transactions"]["execute"])])


def pass_time(rpc: Rpc, *, until_timestamp: int) -> None:
    """Move the embedded node's clock, so that nobody sits through a voting period.

    On any other node the time has to pass by itself.
    """
    header = rpc.header("latest")
    missing = until_timestamp - (header.timestamp if header else 0)
    if missing > 0:
        embedded.rpc(rpc.url, "evm_increaseTime", missing)
        embedded.rpc(rpc.url, "anvil_mine", "0x1")


def tally(person: Person, proposal: str) -> dict[str, Any]:
    """The proposal as the summary shows it."""
    shown = person.get(f"proposals/{proposal}")
    return {
        "id": proposal,
        "state": shown["state"],
        "for_wei": shown["tally"]["for_wei"],
        "against_wei": shown["tally"]["against_wei"],
        "registry": deployment().address("Registry"),
    }
