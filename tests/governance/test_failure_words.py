"""Why a call fails is said in words, and what has none as the contract puts it."""

import pytest
from eth_abi.abi import encode

from chain.abi import all_errors
from chain.rpc import Reverted
from governance.failure_words import FAILURES, reason_of

ERRORS = {error.name: (selector, error) for selector, error in all_errors().items()}


def reverted(name: str, *arguments) -> Reverted:
    selector, error = ERRORS[name]
    data = selector + encode(error.inputs.types, arguments)
    return Reverted(3, "execution reverted", "0x" + data.hex())


@pytest.mark.parametrize("name", FAILURES)
def test_the_words_fit_what_the_contract_says_with_the_error(name: str) -> None:
    types = ERRORS[name][1].inputs.types
    zeros = {"address": "0x" + "00" * 20, "bytes32": bytes(32)}
    reason = reason_of(reverted(name, *(zeros.get(each, 0) for each in types)))
    assert reason.endswith(f" ({name})")
    assert "{" not in reason


def test_amounts_times_and_names_are_for_people() -> None:
    reason = reason_of(reverted("TermNotOver", 1, 1_800_000_000))
    assert reason.startswith("the term for guarding is over on 15 January 2027, 08:00:00 UTC")
    lacking = reverted("Underfunded", 15 * 10**17, 10**18)
    assert reason_of(lacking) == "1.5 LAM are wanted, and 1 LAM are there (Underfunded)"


def test_what_has_no_words_is_said_as_the_contract_puts_it() -> None:
    assert reason_of(reverted("WrongEpoch", 3, 4)) == "WrongEpoch(expected=3, given=4)"
    assert reason_of(Reverted(3, "", "0xdeadbeef")) == "reverted with 0xdeadbeef"
    assert reason_of(Reverted(3, "execution reverted: no")) == "execution reverted: no"
