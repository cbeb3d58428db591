"""Every call in plain words, and what nobody can read is said to be unknown."""

import pytest

from chain.abi import contract
from governance.decode import duration, explain, lam

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
    ("LAMToken", "approve", (STRANGER, 7), f"Call LAMToken.approve(spender={STRANGER}, value=7)"),
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


def test_coin_sent_along_is_said(chain) -> None:
    data = contract("LAMToken").encode_call("burn", 10**18)
    found = explain(target=chain.address("LAMToken"), value_wei=3, calldata=data)
    assert found.summary == "Burn 1 LAM of the treasury, sending 3 wei along"


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
