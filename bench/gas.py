"""Gas of the contracts' verbs, from receipts of a real node: `python -m bench.gas`.

A tree of 65,536 leaves (16 siblings a proof), claims to balances that are empty on the first and
not on the later one. Once with OpenZeppelin's ERC20 and nothing else, beside the least that a
cumulative claim can cost and Uniswap's distributor; once with LAM; and votes beside OpenZeppelin's
Governor with the same extensions. Writes bench/results/gas.json.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from bench import report
from bench.gas_stage import POLICY, Stage, Tree, account, stage, stranger, uniswap_leaf
from bench.report import Figure, figure
from chain.deploy import created

LEAVES = 65_536
BATCH = 100
ETHER_WEI = 10**18
PEOPLE = 12
DELEGATE = 10
FOR = 1

# What a verb may cost at most, by table and verb.
TARGETS = {
    ("rewards, ERC20", "claimOwn first"): 92_000,
    ("rewards, ERC20", "claimOwn later"): 58_100,
    ("rewards, ERC20", "claimMany first"): 51_000,
    ("rewards, ERC20", "claimMany later"): 17_000,
    ("rewards, LAM", "claimAndDelegate to oneself"): 167_500,
    ("rewards, LAM", "claimAndDelegateTo oneself"): 167_500,
}
# What votes may cost more than OpenZeppelin's.
VOTE_MARGIN = 1_500

Figures = dict[str, int]
Tables = dict[str, Figures]
Values = list[tuple[str, int]]


@functools.cache
def tree_of(people: tuple[LocalAccount, ...], epoch: int) -> Tree:
    """The tree of an epoch; hashing one takes longer than measuring it."""
    return Tree(values_of(people, epoch))


def values_of(people: Sequence[LocalAccount], epoch: int) -> Values:
    """Cumulative sums of the people and of strangers."""
    addresses: list[str] = [person.address for person in people]
    addresses += [stranger(i) for i in range(LEAVES - len(people))]
    return [(each, epoch * (3 * ETHER_WEI + 10**9 * i)) for i, each in enumerate(addresses)]


# ---------------------------------------------------------------------------------- rewards


def publish(on: Stage, name: str, epoch: int, tree: Tree) -> tuple[int, int]:
    """Publish and activate on the distributor `name`; the gas of both."""
    total = sum(amount for _, amount in tree.values)
    header = [epoch, tree.root, total, [total, 0, 0], POLICY, POLICY, POLICY]
    submitted = on.send(on.founder, name, "submitRoot", header)
    on.wait(2)
    return submitted, on.send(on.founder, name, "activate")


def claims(on: Stage, people: Sequence[LocalAccount], name: str) -> Figures:
    """Gas by verb of a distributor whose vault has the money; a batch's is per leaf."""
    first, own, _, _, signing, *_ = people
    results: Figures = {}
    tree = tree_of(tuple(people), 1)
    results["submitRoot"], results["activate first"] = publish(on, name, 1, tree)
    # The first claim of all writes slots that every later one finds warm in state.
    on.send(first, name, "claim", *tree.claim(0))
    results["claimOwn first"] = on.send(own, name, "claimOwn", *tree.claim(1)[1:])
    results["claim for another first"] = on.send(on.founder, name, "claim", *tree.claim(2))
    results["claimTo first"] = claim_to(on, name, tree, 4, signing)
    batch = tree.claim_many(1000, BATCH)
    results["claimMany first"] = on.send(on.founder, name, "claimMany", *batch) // BATCH
    if name == "RewardsDistributor":
        results |= delegations(on, people, tree)
    tree = tree_of(tuple(people), 2)
    results["activate later"] = publish(on, name, 2, tree)[1]
    results["claimOwn later"] = on.send(own, name, "claimOwn", *tree.claim(1)[1:])
    results["claim for another later"] = on.send(on.founder, name, "claim", *tree.claim(2))
    batch = tree.claim_many(1000, BATCH)
    results["claimMany later"] = on.send(on.founder, name, "claimMany", *batch) // BATCH
    if name == "RewardsDistributor":
        gas = on.send(people[3], name, "claimOwn", *tree.claim(3)[1:])
        results["claimOwn later, delegated"] = gas
    return results


def claim_to(on: Stage, name: str, tree: Tree, index: int, signing: LocalAccount) -> int:
    """A relayed claim to a recipient that has nothing yet."""
    owner, cumulative = tree.values[index]
    recipient, deadline = stranger(10**6), on.now() + 3600
    fields = {
        "account": ("address", owner),
        "recipient": ("address", recipient),
        "cumulative": ("uint256", cumulative),
        "nonce": ("uint256", 0),
        "deadline": ("uint256", deadline),
    }
    signature = on.sign(signing, ("LAM Rewards", name), "Claim", fields)
    rest = (recipient, deadline, 0, signature)
    return on.send(on.founder, name, "claimTo", *tree.claim(index), *rest)


def delegations(on: Stage, people: Sequence[LocalAccount], tree: Tree) -> Figures:
    """Claim and delegate in one transaction, to oneself and to a delegate that others have."""
    name, known = "RewardsDistributor", people[DELEGATE]
    on.send(known, name, "claimAndDelegateTo", *tree.claim(DELEGATE)[1:], known.address)
    on.wait(5)
    signed, to_known, native, native_known = (people[i] for i in (3, 5, 6, 7))
    return {
        "claimAndDelegate to oneself": on.send(
            on.founder, name, "claimAndDelegate", *tree.claim(3), delegation(on, signed, signed)
        ),
        "claimAndDelegate to a delegate": on.send(
            on.founder, name, "claimAndDelegate", *tree.claim(5), delegation(on, to_known, known)
        ),
        "claimAndDelegateTo oneself": on.send(
            native, name, "claimAndDelegateTo", *tree.claim(6)[1:], native.address
        ),
        "claimAndDelegateTo a delegate": on.send(
            native_known, name, "claimAndDelegateTo", *tree.claim(7)[1:], known.address
        ),
    }


def delegation(on: Stage, who: LocalAccount, to: LocalAccount) -> list[Any]:
    """A signed delegation (ERC-5805)."""
    message = {
        "delegatee": ("address", to.address),
        "nonce": ("uint256", 0),
        "expiry": ("uint256", on.now() + 3600),
    }
    signature = on.sign(who, ("Action Model", "LAMToken"), "Delegation", message)
    values = [value for _, value in message.values()]
    return [*values, signature[64], signature[:32], signature[32:64]]


def plain_rewards(on: Stage, people: Sequence[LocalAccount]) -> Figures:
    """The same distributor and vault over OpenZeppelin's ERC20."""
    token = on.create("PlainToken")
    # Vault and distributor name each other: the second address is known beforehand.
    distributor = created(on.founder.address, on.rpc.nonce(on.founder.address) + 1)
    vault = on.create("plain RewardsVault", token, distributor, on.addresses["Handover"])
    linked = [vault, on.addresses["Registry"], on.addresses["Handover"]]
    on.create("plain RewardsDistributor", token, *linked, 1, 365 * 86_400)
    on.send(on.founder, "PlainToken", "mint", vault, 10**9 * ETHER_WEI)
    return claims(on, people, "plain RewardsDistributor")


def floor(on: Stage, people: Sequence[LocalAccount]) -> Figures:
    """The least: the caller's own claim without an event."""
    results: Figures = {}
    tree = tree_of(tuple(people), 1)
    at = on.create("Floor", on.addresses["PlainToken"], tree.root)
    on.send(on.founder, "PlainToken", "mint", at, 10**9 * ETHER_WEI)
    on.send(people[0], "Floor", "claim", tree.values[0][1], tree.proof(0))
    for epoch, when in ((1, "first"), (2, "later")):
        tree = tree_of(tuple(people), epoch)
        on.send(on.founder, "Floor", "setRoot", tree.root)
        who = people[8]
        gas = on.send(who, "Floor", "claim", tree.values[8][1], tree.proof(8))
        results[f"claim {when}"] = gas
    return results


def uniswap(on: Stage, people: Sequence[LocalAccount]) -> Figures:
    """A new instance for each epoch, and in it a fresh word of the bitmap for each claim."""
    results: Figures = {}
    for epoch, when in ((1, "first"), (2, "later")):
        values = values_of(people, epoch)
        tree = Tree(values, uniswap_leaf)
        at = on.create("MerkleDistributor", on.addresses["PlainToken"], tree.root)
        on.send(on.founder, "PlainToken", "mint", at, 10**9 * ETHER_WEI)
        arguments = [9, *values[9], tree.proof(9)]
        results[f"claim {when}"] = on.send(people[9], "MerkleDistributor", "claim", *arguments)
    return results


# ---------------------------------------------------------------------------------- votes


def votes(on: Stage, people: Sequence[LocalAccount], name: str) -> Figures:
    """Gas of proposing and voting: the first vote writes the tally, later ones find it."""
    results: Figures = {}
    call = ([on.addresses["Handover"]], [0], [b"\x01\x02\x03\x04"])
    description = "# Title\n\n" + "Body of the text. " * 227
    results["propose (4 KB)"] = on.send(people[0], name, "propose", *call, description)
    proposal = on.read(name, "hashProposal", *call, keccak(text=description))
    on.wait(5)
    results["castVote first"] = on.send(people[0], name, "castVote", proposal, FOR)
    results["castVote later"] = on.send(people[3], name, "castVote", proposal, FOR)
    fields = {
        "proposalId": ("uint256", proposal),
        "support": ("uint8", FOR),
        "voter": ("address", people[6].address),
        "nonce": ("uint256", 0),
    }
    signature = on.sign(people[6], ("LAM Governor", name), "Ballot", fields)
    arguments = (proposal, FOR, people[6].address, signature)
    results["castVoteBySig later"] = on.send(on.founder, name, "castVoteBySig", *arguments)
    on.wait(on.read(name, "proposalDeadline", proposal) - on.now() - 20)
    results["castVote near the end"] = on.send(people[DELEGATE], name, "castVote", proposal, FOR)
    return results


def governors(on: Stage, people: Sequence[LocalAccount]) -> Tables:
    """LAMGovernor and OpenZeppelin's with the same extensions and settings, on the same token."""
    on.create(
        "PlainGovernor",
        on.addresses["LAMToken"],
        on.addresses["TimelockController"],
        1,
        120,
        ETHER_WEI,
        4,
        10,
    )
    on.send(people[0], "LAMToken", "delegate", people[0].address)
    on.wait(2)
    return {
        "PlainGovernor": votes(on, people, "PlainGovernor"),
        "LAMGovernor": votes(on, people, "LAMGovernor"),
    }


def measure(on: Stage, people: Sequence[LocalAccount]) -> Tables:
    """All tables."""
    for epoch in (1, 2):
        on.send(on.founder, "LAMToken", "mintEmission", epoch)
    return {
        "rewards, ERC20": plain_rewards(on, people),
        "floor": floor(on, people),
        "Uniswap": uniswap(on, people),
        "rewards, LAM": claims(on, people, "RewardsDistributor"),
        **governors(on, people),
    }


def compared(tables: Tables) -> Iterator[Figure]:
    """Every verb's gas with its target; claims beside Uniswap's, votes beside OpenZeppelin's."""
    for table, verbs in tables.items():
        for verb, gas in verbs.items():
            peer, value = _peer(tables, table, verb)
            most = TARGETS.get((table, verb))
            if table == "LAMGovernor" and verb.startswith("castVote"):
                most = tables["PlainGovernor"][verb] + VOTE_MARGIN
            yield figure(f"{table}: {verb}", gas, "gas", at_most=most, peer=peer, peer_value=value)


def _peer(tables: Tables, table: str, verb: str) -> tuple[str | None, int | None]:
    if table == "LAMGovernor":
        return "OpenZeppelin with the same extensions", tables["PlainGovernor"][verb]
    when = verb.removeprefix("claimOwn ")
    if table == "rewards, ERC20" and when in ("first", "later"):
        return "Uniswap", tables["Uniswap"][f"claim {when}"]
    return None, None


def main() -> None:
    """Measure, write and print."""
    people = [account(i) for i in range(1, PEOPLE + 1)]
    made_on = report.environment(("web3",))
    with stage(people) as on:
        tables = measure(on, people)
    report.write("gas", command="make bench-gas", made_on=made_on, figures=list(compared(tables)))


if __name__ == "__main__":
    main()
