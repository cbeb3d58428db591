"""The EIP-4361 parser, against the siwe package."""

from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st
from siwe import SiweMessage

from accounts import siwe as ours

ADDRESS = Account.from_key("0x" + "11" * 32).address
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIELDS = {
    "domain": "lam.example:8000",
    "address": ADDRESS,
    "statement": "Sign in.",
    "uri": "https://lam.example:8000/in",
    "chain_id": 31337,
    "nonce": "0123456789abcdef",
    "issued_at": NOW,
    "expiration_time": NOW + timedelta(minutes=5),
}


def test_what_we_compose_the_siwe_package_reads_the_same():
    theirs = SiweMessage.from_message(ours.compose(**FIELDS), abnf=True)
    assert theirs.domain == FIELDS["domain"]
    assert theirs.address == ADDRESS
    assert theirs.nonce == FIELDS["nonce"]
    assert theirs.chain_id == 31337
    assert str(theirs.uri) == FIELDS["uri"]


optional_time = st.none() | st.just("2026-01-02T03:04:05.123Z")


@settings(max_examples=60, deadline=None)
@given(
    statement=st.none() | st.text(alphabet="abc XYZ.,:/?-_", min_size=1, max_size=40),
    chain_id=st.integers(min_value=1, max_value=2**31),
    nonce=st.text(alphabet="abcXYZ0189", min_size=8, max_size=30),
    expiration_time=optional_time,
    not_before=optional_time,
    request_id=st.none() | st.text(alphabet="abc123-_", min_size=1, max_size=10),
    resources=st.none() | st.lists(st.just("https://a.example/x"), min_size=1, max_size=3),
)
def test_what_the_siwe_package_writes_we_read(**optional):
    theirs = SiweMessage(
        domain="lam.example",
        address=ADDRESS,
        uri="https://lam.example/in",
        version="1",
        issued_at="2026-01-02T03:04:05Z",
        **optional,
    )
    parsed = ours.parse(theirs.prepare_message())
    assert parsed.statement == optional["statement"]
    assert parsed.chain_id == optional["chain_id"]
    assert parsed.nonce == optional["nonce"]
    assert (parsed.expiration_time is None) == (optional["expiration_time"] is None)
    assert (parsed.not_before is None) == (optional["not_before"] is None)


def test_a_composed_message_reads_back():
    parsed = ours.parse(ours.compose(**FIELDS))
    assert {name: getattr(parsed, name) for name in FIELDS} == FIELDS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Version: 1", "Version: 2"),
        (ADDRESS, ADDRESS.lower()),
        (ADDRESS, ADDRESS[:-1]),
        ("Nonce: 0123456789abcdef", "Nonce: short"),
        ("\nURI: ", "\nURL: "),
        ("Chain ID: 31337", "Chain ID: 0x1"),
        ("Issued At: 2026-01-02", "Issued At: 2026-13-02"),
        ("lam.example:8000 wants", "a b wants"),
        ("Sign in.", "Sign\nin."),
        ("Nonce: ", "Chain ID: 1\nNonce: "),
    ],
)
def test_anything_else_is_refused(old, new):
    text = ours.compose(**FIELDS)
    assert old in text
    with pytest.raises(ours.NotSiwe):
        ours.parse(text.replace(old, new, 1))


def test_trailing_text_and_huge_messages_are_refused():
    text = ours.compose(**FIELDS)
    for changed in (
        text + "\n",
        text + "\nextra",
        " " + text,
        text + "\nResources:" + "\n- x" * 2000,
    ):
        with pytest.raises(ours.NotSiwe):
            ours.parse(changed)
