"""A signature counts for exactly its signer, its text and its domain."""

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from chain.rpc import ChainUnavailable, Rpc
from chain.signatures import recover, text_digest, typed_data_digest, verify

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOWHERE = Rpc("http://127.0.0.1:9")
# EIP-712's own example, whose digest the standard states.
MAIL = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "to", "type": "Person"},
            {"name": "contents", "type": "string"},
        ],
    },
    "primaryType": "Mail",
    "domain": {
        "name": "Ether Mail",
        "version": "1",
        "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    },
    "message": {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
}


def test_the_digest_of_the_standards_own_example() -> None:
    expected = "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    assert typed_data_digest(MAIL).hex() == expected


def test_an_account_is_recognised_without_a_node() -> None:
    account = Account.create()
    typed = account.sign_message(encode_typed_data(full_message=MAIL)).signature
    text = account.sign_message(encode_defunct(text="hello")).signature
    for digest, signature in ((typed_data_digest(MAIL), typed), (text_digest("hello"), text)):
        assert verify(
            address=account.address.lower(), digest=digest, signature=signature, rpc=NOWHERE
        )


def test_a_signature_counts_for_nothing_else(emitter) -> None:
    account = Account.create()
    signature = bytes(account.sign_message(encode_defunct(text="hello")).signature)
    good = {"address": account.address, "digest": text_digest("hello"), "signature": signature}
    assert verify(**good, rpc=emitter.client)
    for change in (
        {"address": Account.create().address},
        {"digest": text_digest("hullo")},
        {"signature": signature[:64]},
        {"signature": signature + b"\0"},
        {"signature": b"\0" * 65},
        {"signature": b"\xff" * 65},
    ):
        assert not verify(**{**good, **change}, rpc=emitter.client)


def test_the_other_form_of_a_signature_is_refused() -> None:
    account = Account.create()
    signature = bytes(account.sign_message(encode_defunct(text="hello")).signature)
    high = (ORDER - int.from_bytes(signature[32:64])).to_bytes(32)
    malleated = signature[:32] + high + bytes([27 + 28 - signature[64]])
    assert recover(text_digest("hello"), signature) == account.address
    assert recover(text_digest("hello"), malleated) is None


# Contracts that answer isValidSignature with its magic value, with another word, not at all.
ACCEPTS = "0x631626ba7e60e01b5f5260205ff3"
DENIES = "0x600160e01b5f5260205ff3"
REVERTS = "0x5f5ffd"
SHORT = "0x631626ba7e60e01b5f5260045ff3"


@pytest.mark.parametrize(
    ("code", "valid"), [(ACCEPTS, True), (DENIES, False), (REVERTS, False), (SHORT, False)]
)
def test_a_contract_decides_for_itself(emitter, code: str, valid: bool) -> None:
    wallet = Account.create().address
    emitter.rpc("anvil_setCode", wallet, code)
    found = verify(address=wallet, digest=bytes(32), signature=b"any", rpc=emitter.client)
    assert found is valid


def test_without_a_node_a_contract_cannot_be_asked() -> None:
    with pytest.raises(ChainUnavailable):
        verify(address=Account.create().address, digest=bytes(32), signature=b"any", rpc=NOWHERE)
