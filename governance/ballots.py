"""What a poll asks and what a voter signs: rules, ballots and their EIP-712 digests.

A poll is named by the hash of its rules (SHA-256 of canonical JSON), and a ballot names the poll,
so a signature counts for exactly these rules. Pure: no Django, no database, no node.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sha3
from eth_utils.address import is_checksum_address, to_checksum_address

from chain.recovery import recover_bytes
from governance.counting import OPTIONS_MAX, Choice, InvalidChoice, Method, check_choice
from lam_core.canonical import NotCanonical, content_hash

VERSION = 1
TITLE_MAX, BODY_MAX, OPTION_MAX = 200, 10_000, 100
UINT48_MAX = 2**48 - 1
DOMAIN_NAME, DOMAIN_VERSION = "Action Model polls", "1"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
BALLOT_TYPE = "Ballot(bytes32 poll,address voter,uint32[] choice,uint64 issuedAt)"


class InvalidRules(ValueError):
    """The rules of a poll are not valid; `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class InvalidBallot(ValueError):
    """A ballot does not fit its poll; `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def keccak(data: bytes) -> bytes:
    """Keccak-256 in C."""
    return bytes(sha3.keccak_256(data).digest())


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


DOMAIN_TYPE_HASH, BALLOT_TYPE_HASH = keccak(DOMAIN_TYPE.encode()), keccak(BALLOT_TYPE.encode())


@dataclass(frozen=True)
class Rules:
    """What is asked, how it is counted, and when. Times are the chain's, seconds since 1970.

    Ballots are signed from `opens_at` on and before `closes_at`; a voter's power is what they had
    at `power_at` (ERC-5805's getPastVotes of `token`). Of several ballots of a voter the one
    signed for the latest second counts.
    """

    chain_id: int
    token: str
    author: str
    title: str
    body: str
    options: tuple[str, ...]
    method: Method
    opens_at: int
    closes_at: int
    power_at: int

    def __post_init__(self) -> None:
        _check_texts(self)
        for name in ("token", "author"):
            if not is_checksum_address(getattr(self, name)):
                raise InvalidRules(name, "This is not a checksummed address (EIP-55).")
        for name in ("chain_id", "opens_at", "closes_at", "power_at"):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= UINT48_MAX:
                raise InvalidRules(name, "This is not a whole number of at most 48 bits.")
        if self.closes_at <= self.opens_at:
            raise InvalidRules("closes_at", "A poll closes after it opens.")

    @cached_property
    def document(self) -> dict[str, Any]:
        """As published: the JSON whose hash names the poll."""
        return {
            "version": VERSION,
            "chain_id": self.chain_id,
            "token": self.token,
            "author": self.author,
            "title": self.title,
            "body": self.body,
            "options": list(self.options),
            "method": self.method.value,
            "opens_at": self.opens_at,
            "closes_at": self.closes_at,
            "power_at": self.power_at,
        }

    @cached_property
    def poll(self) -> str:
        """The poll's name: the content hash of its rules."""
        return content_hash(self.document)

    @cached_property
    def domain_separator(self) -> bytes:
        """EIP-712."""
        return keccak(
            DOMAIN_TYPE_HASH
            + keccak(DOMAIN_NAME.encode())
            + keccak(DOMAIN_VERSION.encode())
            + _word(self.chain_id)
            + _address_word(self.token)
        )


def _check_texts(rules: Rules) -> None:
    if not isinstance(rules.title, str) or not 1 <= len(rules.title) <= TITLE_MAX:
        raise InvalidRules("title", f"A title has 1 to {TITLE_MAX} characters.")
    if not isinstance(rules.body, str) or len(rules.body) > BODY_MAX:
        raise InvalidRules("body", f"The text has at most {BODY_MAX} characters.")
    if not 2 <= len(rules.options) <= OPTIONS_MAX:
        raise InvalidRules("options", f"There are 2 to {OPTIONS_MAX} options.")
    if any(not isinstance(e, str) or not 1 <= len(e) <= OPTION_MAX for e in rules.options):
        raise InvalidRules("options", f"An option has 1 to {OPTION_MAX} characters.")
    if len(set(rules.options)) != len(rules.options):
        raise InvalidRules("options", "No option may be listed twice.")
    try:
        content_hash([rules.title, rules.body, list(rules.options)])
    except NotCanonical as error:
        raise InvalidRules("body", str(error)) from error
    if any("\0" in text for text in (rules.title, rules.body, *rules.options)):
        raise InvalidRules("body", "A text holds a null character.")


def parse_rules(document: Any) -> Rules:
    """The rules that a document states. Raises InvalidRules."""
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise InvalidRules("version", f"These are not rules of version {VERSION}.")
    values = {name: value for name, value in document.items() if name != "version"}
    missing = {*Rules.__dataclass_fields__} ^ values.keys()
    if missing:
        raise InvalidRules(min(missing), "The rules lack this field, or should not have it.")
    if not isinstance(values["options"], list):
        raise InvalidRules("options", "This is not a list.")
    try:
        values["method"] = Method(values["method"])
    except ValueError:
        raise InvalidRules("method", "There is no such way of counting.") from None
    return Rules(**{**values, "options": tuple(values["options"])})


@dataclass(frozen=True, slots=True)
class Ballot:
    """A signed choice. `attested`: by a contract wallet (EIP-1271), as its node said then."""

    voter: str
    choice: Choice
    issued_at: int
    signature: bytes
    attested: bool = False


def digest(rules: Rules, ballot: Ballot) -> bytes:
    """The EIP-712 digest of what the voter signs."""
    choice = b"".join(map(_word, ballot.choice))
    struct = (
        BALLOT_TYPE_HASH
        + bytes.fromhex(rules.poll[2:])
        + _address_word(ballot.voter)
        + keccak(choice)
        + _word(ballot.issued_at)
    )
    return keccak(b"\x19\x01" + rules.domain_separator + keccak(struct))


def signed_by_key(rules: Rules, ballot: Ballot) -> bool:
    """Whether the voter's own key made the signature."""
    return recover_bytes(digest(rules, ballot), ballot.signature) == bytes.fromhex(ballot.voter[2:])


def check_ballot(rules: Rules, ballot: Ballot) -> None:
    """Raises InvalidBallot for all that makes a ballot invalid besides its signature."""
    try:
        check_choice(rules.method, ballot.choice, len(rules.options))
    except InvalidChoice as error:
        raise InvalidBallot("choice", str(error)) from error
    if not rules.opens_at <= ballot.issued_at < rules.closes_at:
        raise InvalidBallot("issued_at", "A ballot is signed for a time while its poll is open.")


def latest(ballots: Iterable[Ballot]) -> dict[str, Ballot]:
    """The ballot of each voter that counts: the one for the latest second.

    Two for the same second are never taken in; in a bundle they are an error.
    """
    found: dict[str, Ballot] = {}
    seconds: set[tuple[str, int]] = set()
    for ballot in ballots:
        second = (ballot.voter, ballot.issued_at)
        if second in seconds:
            raise InvalidBallot("issued_at", f"{ballot.voter} has two ballots for one second.")
        seconds.add(second)
        other = found.get(ballot.voter)
        if other is None or ballot.issued_at > other.issued_at:
            found[ballot.voter] = ballot
    return found


def typed_data(
    rules: Rules, *, voter: str, choice: Sequence[int], issued_at: int
) -> dict[str, Any]:
    """What a wallet is handed to sign (EIP-712, eth_signTypedData_v4)."""
    return {
        "types": {"EIP712Domain": _fields(DOMAIN_TYPE), "Ballot": _fields(BALLOT_TYPE)},
        "primaryType": "Ballot",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": rules.chain_id,
            "verifyingContract": rules.token,
        },
        "message": {
            "poll": rules.poll,
            "voter": to_checksum_address(voter),
            "choice": list(choice),
            "issuedAt": str(issued_at),
        },
    }


def _fields(encoded_type: str) -> list[dict[str, str]]:
    inside = encoded_type[encoded_type.index("(") + 1 : -1]
    return [
        {"type": kind, "name": name}
        for kind, name in (each.split(" ") for each in inside.split(","))
    ]
