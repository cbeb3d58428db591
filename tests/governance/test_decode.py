"""Every call in plain words, and what nobody can read is said to be unknown."""

import json
from typing import Any

import pytest

from chain.abi import contract
from config.environment import BASE_DIR
from governance.call_words import SENTENCES, duration, lam
from governance.decode import explain

HASH = "0x" + "cd" * 32
STRANGER = "0x00000000000000000000000000000000000A11cE"

CALLS = [
    (
        "Registry",
        "adopt",
        (0, HASH, "/x", 4),
        f"Adopt the reward policy {HASH} (/x) from epoch 4 on",
    ),
    ("Registry", "adopt", (9, HASH, "/x", 4), f"Adopt the unknown kind 9 {HASH}"),
    (
        "LAMToken",
        "transfer",
        (STRANGER, 15 * 10**17),
        f"Send 1.5 LAM of the treasury to {STRANGER}",
    ),
    ("LAMGovernor", "setVotingPeriod", (7 * 86_400,), "Vote for 7 days"),
    ("LAMGovernor", "updateQuorumNumerator", (5,), "Require 5 % of the supply as quorum"),
    ("TimelockController", "grantRole", (HASH, STRANGER), f"DANGER: let {STRANGER} act"),
    ("Handover", "advance", (1,), "End the founders' term for guarding now"),
    (
        "LAMToken",
        "approve",
        (STRANGER, 10**18),
        f"Let {STRANGER} spend up to 1 LAM of the treasury",
    ),
    (
        "Handover",
        "elect",
        (1, STRANGER, 1_800_000_000),
        f"Elect {STRANGER} for guarding until 15 January 2027, 08:00:00 UTC",
    ),
    ("Handover", "elect", (1, STRANGER, 2**64 - 1), f"Elect {STRANGER} for guarding until 18446"),
    (
        "TimelockController",
        "grantRole",
        ("0x" + "00" * 32, STRANGER),
        f"DANGER: let {STRANGER} act on the timelock as administrator",
    ),
    ("LAMToken", "balanceOf", (STRANGER,), "Read balanceOf of LAMToken, which changes nothing"),
]


@pytest.mark.parametrize(("name", "function", "arguments", "words"), CALLS)
def test_calls_of_our_contracts_are_put_into_words(chain, name, function, arguments, words) -> None:
    found = explain(
        target=chain.address(name),
        value_wei=0,
        calldata=contract(name).encode_call(function, *arguments),
    )
    assert found.known
    assert found.summary.startswith(words)
    assert (found.contract, list(found.arguments.values())) == (name, list(arguments))


ABIS = sorted((BASE_DIR / "contracts" / "abi").glob("*.json"))
SAMPLES = {"address": STRANGER, "bool": True, "string": "text", "bytes": "0x", "bytes32": HASH}


def sample(parameter: dict) -> Any:
    """A value of a parameter's type."""
    kind = parameter["type"]
    if kind.endswith("]"):
        # uint256[3] has three of them, address[] here none.
        length = int(kind[kind.index("[") + 1 : -1] or 0)
        return [sample({**parameter, "type": kind[: kind.index("[")]})] * length
    if kind == "tuple":
        return [sample(each) for each in parameter["components"]]
    return 1 if kind.startswith("uint") else SAMPLES[kind]


def changing() -> list[tuple[str, dict]]:
    """Every function of our contracts that a passed vote could have called to change something."""
    return [
        (path.stem, item)
        for path in ABIS
        for item in json.loads(path.read_text())["abi"]
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    ]


def test_every_function_that_changes_something_has_words(chain) -> None:
    found = changing()
    assert {f"{name}.{item['name']}" for name, item in found} == SENTENCES.keys()
    for name, item in found:
        calldata = contract(name).encode_call(
            item["name"], *(sample(each) for each in item["inputs"])
        )
        said = explain(target=chain.address(name), value_wei=0, calldata=calldata)
        assert said.known or "target" in str(item["inputs"])
        assert not said.summary.startswith("Call "), said.summary
        assert "{" not in said.summary


def test_nothing_hides_behind_the_governor_or_the_timelock(chain) -> None:
    governor, timelock = chain.address("LAMGovernor"), chain.address("TimelockController")
    burn = contract("LAMToken").encode_call("burn", 10**18)
    relayed = contract("LAMGovernor").encode_call("relay", chain.address("LAMToken"), 0, burn)
    said = explain(target=governor, value_wei=0, calldata=relayed)
    assert said.known
    assert said.summary == "Have the governor itself do this: Burn 1 LAM of the treasury"
    batch = contract("TimelockController").encode_call(
        "scheduleBatch", [governor, STRANGER], [0, 0], [relayed, b"\1\2\3\4"], HASH, HASH, 1
    )
    said = explain(target=timelock, value_wei=0, calldata=batch)
    assert not said.known
    assert "Burn 1 LAM" in said.summary
    assert f"Call {STRANGER} with 4 bytes of data" in said.summary
    for _ in range(30):
        relayed = contract("LAMGovernor").encode_call("relay", governor, 0, relayed)
    said = explain(target=governor, value_wei=0, calldata=relayed)
    assert not said.known
    assert "too deep to read" in said.summary


def test_ether_alone_is_no_riddle(chain) -> None:
    found = explain(target=STRANGER, value_wei=15 * 10**17, calldata=b"")
    assert (found.known, found.summary) == (True, f"Send 1.5 ether to {STRANGER}")


def test_coin_sent_along_is_said(chain) -> None:
    data = contract("LAMToken").encode_call("burn", 10**18)
    found = explain(target=chain.address("LAMToken"), value_wei=3, calldata=data)
    assert found.summary == "Burn 1 LAM of the treasury, sending 0.000000000000000003 ether along"


@pytest.mark.parametrize("calldata", [b"", b"\1", b"\1\2\3\4", b"\1\2\3\4" + bytes(64)])
def test_unknown_calldata_is_flagged(chain, calldata) -> None:
    for target in (STRANGER, chain.address("Registry")):
        found = explain(target=target, value_wei=0, calldata=calldata)
        assert not found.known
        assert target in found.summary


def test_calldata_that_hides_something_is_not_called_known(chain) -> None:
    data = contract("Registry").encode_call("adopt", 0, HASH, "/x", 4) + bytes(32)
    assert not explain(target=chain.address("Registry"), value_wei=0, calldata=data).known


def test_amounts_and_times_for_people_are_exact() -> None:
    assert [lam(0), lam(1), lam(1_234 * 10**18)] == [
        "0 LAM",
        "0.000000000000000001 LAM",
        "1,234 LAM",
    ]
    assert [duration(1), duration(90), duration(86_400), duration(0)] == [
        "1 second",
        "90 seconds",
        "1 day",
        "0 seconds",
    ]
