"""Claims in the three ways there are, and delegation of what was claimed."""

from collections.abc import Callable, Sequence

from chain.abi import contract
from chain.deployment import deployment
from config.demo.patience import mined
from config.demo.people import Person

Claims = dict[str, int]


def claim_all(
    people: Sequence[Person], *, helper: Person, epoch: int, advance: Callable[[str], None]
) -> None:
    """A third of the people each: with the own wallet, by somebody else, by signature."""
    ways = (claim_oneself, lambda p, e: claim_on_behalf(p, e, helper), claim_by_signature)
    hashes = []
    for number, person in enumerate(people):
        hashes += ways[number % len(ways)](person, epoch)
        advance(person.address)
    mined(helper.sender.rpc, hashes)


def claim_oneself(person: Person, epoch: int) -> list[str]:
    """The account's own transaction; none when all is claimed."""
    return _claim(person, epoch, sender=person)


def claim_on_behalf(person: Person, epoch: int, helper: Person) -> list[str]:
    """Somebody else's transaction; the LAM goes to the account."""
    return _claim(person, epoch, sender=helper)


def claim_by_signature(person: Person, epoch: int) -> list[str]:
    """The account signs, the platform's relayer sends and pays the gas."""
    if not int(person.get(f"epochs/{epoch}/proof")["claimable_wei"]) or _claimed(person):
        return []
    body = {"account": person.address, "recipient": person.address}
    typed_data = person.post("claims/typed-data", body)
    message = typed_data["message"]
    signed = {
        **body,
        "cumulative": message["cumulative"],
        "nonce": message["nonce"],
        "deadline": message["deadline"],
        "signature": person.sign(typed_data),
    }
    person.post("claims/relay", signed)
    return []


def _claim(person: Person, epoch: int, *, sender: Person) -> list[str]:
    """Send `claim` with the API's proof; nothing when nothing is left to claim."""
    proof = person.get(f"epochs/{epoch}/proof")
    if int(proof["cumulative_wei"]) <= _claimed(person):
        return []
    data = contract("RewardsDistributor").encode_call(
        "claim", proof["address"], int(proof["cumulative_wei"]), proof["root"], proof["proof"]
    )
    return [sender.sender.send(to=proof["distributor"], data="0x" + data.hex())]


def _claimed(person: Person) -> int:
    """What the contract has paid so far, final or not."""
    data = contract("RewardsDistributor").encode_call("claimed", person.address)
    answer = person.sender.rpc.read(to=deployment().address("RewardsDistributor"), data=data)
    return int(contract("RewardsDistributor").decode_result("claimed", answer))


def balance_wei(person: Person) -> int:
    """LAM in the wallet."""
    data = contract("LAMToken").encode_call("balanceOf", person.address)
    answer = person.sender.rpc.read(to=deployment().address("LAMToken"), data=data)
    return int(contract("LAMToken").decode_result("balanceOf", answer))


def delegate_all(people: Sequence[Person], *, advance: Callable[[str], None]) -> None:
    """Everybody delegates to themselves: by own transaction and, every other one, by signature."""
    hashes = []
    for number, person in enumerate(people):
        if _delegate_of(person) != person.address:
            prepared = person.post("delegations/typed-data", _delegation(person))
            if number % 2:
                hashes.append(person.send(prepared["transaction"]))
            else:
                _delegate_by_signature(person, prepared["typed_data"])
        advance(person.address)
    if people:
        mined(people[0].sender.rpc, hashes)


def _delegation(person: Person) -> dict[str, str]:
    return {"delegator": person.address, "delegatee": person.address}


def _delegate_by_signature(person: Person, typed_data: dict[str, dict[str, str]]) -> None:
    message = typed_data["message"]
    body = {
        **_delegation(person),
        "nonce": message["nonce"],
        "expiry": message["expiry"],
        "signature": person.sign(typed_data),
    }
    person.post("delegations/relay", body)


def _delegate_of(person: Person) -> str:
    data = contract("LAMToken").encode_call("delegates", person.address)
    answer = person.sender.rpc.read(to=deployment().address("LAMToken"), data=data)
    return str(contract("LAMToken").decode_result("delegates", answer))
