"""A signature counts for exactly its signer, its text and its domain."""

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.recovery import PREDEPLOYED, wrap
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


@pytest.fixture
def factory(emitter) -> str:
    """A contract that deploys whatever creation code it is called with."""
    address = Account.create().address
    emitter.rpc("anvil_setCode", address, FACTORY_CODE)
    return address


# CALLDATACOPY(0, 0, CALLDATASIZE); CREATE2(0, 0, CALLDATASIZE, 0); stop.
FACTORY_CODE = "0x365f5f375f365f5ff500"
WALLET_CREATIONS = {
    name: "0x" + f"60{len(code) // 2 - 1:02x}600a5f3960{len(code) // 2 - 1:02x}5ff3" + code[2:]
    for name, code in (("accepts", ACCEPTS), ("denies", DENIES), ("reverts", REVERTS))
}


def wallet_of(factory: str, creation: str) -> str:
    """Where the factory deploys it (EIP-1014)."""
    parts = "0xff" + factory[2:] + "00" * 32 + keccak(hexstr=creation).hex()
    return to_checksum_address(keccak(hexstr=parts)[12:])


def asked_of(emitter, factory: str, creation: str, wallet: str = "") -> bool:
    signature = wrap(factory=factory, calldata=bytes.fromhex(creation[2:]), signature=b"any")
    address = wallet or wallet_of(factory, creation)
    return verify(address=address, digest=bytes(32), signature=signature, rpc=emitter.client)


@pytest.mark.parametrize(
    ("name", "valid"), [("accepts", True), ("denies", False), ("reverts", False)]
)
def test_a_wallet_that_is_not_deployed_yet_decides_for_itself(
    emitter, factory, name: str, valid: bool
) -> None:
    creation = WALLET_CREATIONS[name]
    assert asked_of(emitter, factory, creation) is valid
    # Asking deployed nothing.
    assert emitter.client.code(wallet_of(factory, creation)) == b""


def test_another_wallet_than_the_factory_makes_accepts_nothing(emitter, factory) -> None:
    creation = WALLET_CREATIONS["accepts"]
    assert not asked_of(emitter, factory, creation, wallet=Account.create().address)
    assert not asked_of(emitter, Account.create().address, creation)


def test_a_wallet_deployed_meanwhile_is_asked_as_it_is(emitter, factory) -> None:
    creation = WALLET_CREATIONS["accepts"]
    wallet = wallet_of(factory, creation)
    emitter.rpc("anvil_setCode", wallet, ACCEPTS)
    assert asked_of(emitter, Account.create().address, creation, wallet=wallet)
    emitter.rpc("anvil_setCode", wallet, DENIES)
    assert not asked_of(emitter, factory, creation, wallet=wallet)


@pytest.mark.parametrize("body", [b"", bytes(31), bytes(96), b"\xff" * 96])
def test_a_malformed_wrapping_is_no_signature(emitter, body: bytes) -> None:
    wallet = Account.create().address
    signature = body + PREDEPLOYED
    assert not verify(address=wallet, digest=bytes(32), signature=signature, rpc=emitter.client)
