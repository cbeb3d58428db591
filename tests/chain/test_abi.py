"""ABI values go out and come back unchanged; data that does not fit is refused."""

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from chain import abi
from chain.abi import AbiError, Contract, revert_reason

ALICE = "0x00000000000000000000000000000000000A11cE"
HASH = "0x" + "ab" * 32
SUBMIT = {
    "type": "function",
    "name": "submit",
    "stateMutability": "nonpayable",
    "inputs": [
        {
            "name": "root",
            "type": "tuple",
            "components": [
                {"name": "epoch", "type": "uint64"},
                {"name": "root", "type": "bytes32"},
                {"name": "sourceTotals", "type": "uint256[3]"},
                {"name": "uri", "type": "string"},
            ],
        },
        {"name": "accounts", "type": "address[]"},
    ],
    "outputs": [],
}
PLAIN = {
    "type": "function",
    "name": "claim",
    "stateMutability": "nonpayable",
    "inputs": [
        {"name": "account", "type": "address"},
        {"name": "amount", "type": "uint256"},
        {"name": "proof", "type": "bytes32[]"},
    ],
    "outputs": [{"name": "", "type": "bool"}],
}
LONGER = {**PLAIN, "inputs": [*PLAIN["inputs"], {"name": "to", "type": "address"}]}
ADOPTED = {
    "type": "event",
    "name": "Adopted",
    "inputs": [
        {"name": "kind", "type": "uint8", "indexed": True},
        {"name": "uri", "type": "string", "indexed": True},
        {"name": "effectiveEpoch", "type": "uint64", "indexed": False},
        {"name": "by", "type": "address", "indexed": False},
    ],
}
LATE = {"type": "error", "name": "Late", "inputs": [{"name": "by", "type": "uint64"}]}
sample = Contract("Sample", [SUBMIT, PLAIN, LONGER, ADOPTED, LATE])


@given(
    epoch=st.integers(0, 2**64 - 1),
    totals=st.lists(st.integers(0, 2**256 - 1), min_size=3, max_size=3),
    uri=st.text(),
)
def test_a_call_decodes_to_what_was_encoded(epoch: int, totals: list[int], uri: str) -> None:
    root = {"epoch": epoch, "root": HASH, "sourceTotals": totals, "uri": uri}
    call = sample.decode_call(sample.encode_call("submit", root, [ALICE]))
    assert call.arguments == {"root": root, "accounts": [ALICE]}
    assert call.signature == "submit((uint64,bytes32,uint256[3],string),address[])"


def test_an_overloaded_function_is_picked_by_its_arity() -> None:
    assert sample.encode_call("claim", ALICE, 1, []) != sample.encode_call(
        "claim", ALICE, 1, [], ALICE
    )
    with pytest.raises(AbiError, match="2 functions"):
        sample.function("claim")


def test_an_indexed_string_is_known_by_its_hash_only() -> None:
    event = sample.event("Adopted")
    topics = [event.topic0, "0x" + "00" * 31 + "02", HASH]
    name, values = sample.decode_log(topics, encode(["uint64", "address"], [9, ALICE]))
    assert name == "Adopted"
    assert values == {"kind": 2, "uri": HASH, "effectiveEpoch": 9, "by": ALICE}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x02\x03\x04",
        sample.encode_call("claim", ALICE, 1, [])[:-1],
        sample.encode_call("claim", ALICE, 1, []) + b"\0",
        sample.encode_call("claim", ALICE, 1, [])[:4] + b"\xff" * 32 * 4,
    ],
)
def test_calldata_that_does_not_fit_is_refused(data: bytes) -> None:
    with pytest.raises(AbiError):
        sample.decode_call(data)


def test_a_log_with_an_oversized_integer_is_refused() -> None:
    event = sample.event("Adopted")
    topics = [event.topic0, "0x" + "00" * 30 + "0100", HASH]
    with pytest.raises(AbiError):
        sample.decode_log(topics, encode(["uint64", "address"], [9, ALICE]))


@pytest.mark.parametrize("arguments", [(ALICE, -1, []), (ALICE, 2**256, []), ("0x12", 1, []), (1,)])
def test_arguments_that_do_not_fit_are_refused(arguments: tuple) -> None:
    with pytest.raises(AbiError):
        sample.encode_call("claim", *arguments)


def test_reverts_are_put_into_words() -> None:
    text = bytes.fromhex("08c379a0") + encode(["string"], ["too late"])
    assert revert_reason(text.hex()) == "too late"
    panic = bytes.fromhex("4e487b71") + encode(["uint256"], [0x11])
    assert revert_reason("0x" + panic.hex()) == "arithmetic overflow"
    late = next(selector for selector, _ in sample.errors())
    assert sample.decode_error(late + encode(["uint64"], [4])) == "Late(by=4)"
    assert revert_reason("0xdeadbeef") == "reverted with 0xdeadbeef"
    assert revert_reason("0x") == "reverted without a reason"


@given(st.binary(min_size=20, max_size=20))
def test_addresses_are_checksummed_as_everywhere(raw: bytes) -> None:
    assert abi._checksum(raw) == to_checksum_address(raw)
