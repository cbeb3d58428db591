"""Contract ABIs: calls, results, logs and errors to and from plain values. No Django.

Decoded values are JSON-ready except that integers stay Python ints: addresses are checksummed
strings, every bytes type is a 0x-prefixed lowercase hex string, a struct is a dict by field name.
Encoding takes the same, and bytes as well.
"""

import functools
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sha3
from eth_abi.codec import ABICodec
from eth_abi.decoding import ContextFramesBytesIO
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import registry
from eth_utils.crypto import keccak

ABI_DIR = Path(__file__).resolve().parent.parent / "contracts" / "abi"
WORD = 32
PANIC_REASONS = {
    0x01: "an assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "a value outside its enum",
    0x31: "pop of an empty array",
    0x32: "an index out of bounds",
    0x41: "too much memory",
}

_codec = ABICodec(registry)
_ONES = int.from_bytes(b"\x01" * 40)
_ADDRESS_PADDING = bytes(12)


@functools.lru_cache(maxsize=65536)
def _checksum(address: bytes) -> str:
    """EIP-55: a letter whose digit of the hash is 8 or more is a capital.

    All forty at once, as bytes of one number: done one by one it was most of decoding a log.
    """
    digits = address.hex().encode()
    marks = int.from_bytes(sha3.keccak_256(digits).hexdigest().encode()[:40])
    # In ASCII "8" and "9" have bit 3 among the digits, and every letter bit 6.
    high = marks >> 3 | marks >> 6
    letters = int.from_bytes(digits)
    capital = high & letters >> 6 & _ONES
    return "0x" + (letters ^ capital << 5).to_bytes(40).decode()


class AbiError(ValueError):
    """The ABI has no such item, or the data does not fit it."""


@dataclass(frozen=True)
class Parameter:
    """One input, output or field; `type` is canonical, a struct as a tuple of its types."""

    name: str
    type: str
    indexed: bool
    components: tuple["Parameter", ...]
    internal_type: str = ""

    @staticmethod
    def parse(item: dict[str, Any]) -> "Parameter":
        """From the JSON ABI."""
        components = tuple(Parameter.parse(each) for each in item.get("components", ()))
        kind = item["type"]
        if kind.startswith("tuple"):
            inner = ",".join(each.type for each in components)
            kind = f"({inner}){kind.removeprefix('tuple')}"
        indexed = bool(item.get("indexed", False))
        return Parameter(item["name"], kind, indexed, components, item.get("internalType", ""))

    @property
    def dynamic(self) -> bool:
        """Whether an indexed value of this type is only its hash."""
        return self.type in {"string", "bytes"} or self.type.endswith(("]", ")"))


def _read(kind: str, components: tuple[Parameter, ...]) -> Callable[[Any], Any]:
    """From eth_abi's Python value to ours."""
    if kind.endswith("]"):
        item = _read(kind[: kind.rindex("[")], components)
        return lambda values: [item(value) for value in values]
    if kind.startswith("("):
        readers = [_read(each.type, each.components) for each in components]
        names = _names(components)
        return lambda values: {
            n: read(v) for n, read, v in zip(names, readers, values, strict=True)
        }
    if kind == "address":
        return lambda value: _checksum(bytes.fromhex(value[2:]))
    if kind.startswith("bytes"):
        return lambda value: "0x" + value.hex()
    return lambda value: value


def _write(kind: str, components: tuple[Parameter, ...], value: Any) -> Any:
    """From our value to what eth_abi encodes."""
    if kind.endswith("]"):
        return [_write(kind[: kind.rindex("[")], components, each) for each in value]
    if kind.startswith("("):
        if isinstance(value, dict):
            value = [value[each.name] for each in components]
        pairs = zip(components, value, strict=True)
        return tuple(_write(each.type, each.components, item) for each, item in pairs)
    if kind.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    return value


def _names(parameters: Sequence[Parameter]) -> list[str]:
    """Names of the values; an unnamed one goes by its position."""
    return [each.name or f"arg{position}" for position, each in enumerate(parameters)]


def _word_reader(kind: str) -> Callable[[bytes], Any] | None:
    """How to read one static word, strictly; None for types that are not one word."""
    if kind == "address":
        return _address_word
    if kind == "bytes32":
        return lambda word: "0x" + word.hex()
    if kind == "bool":
        return _bool_word
    if kind == "uint256":
        return int.from_bytes
    if kind.startswith("uint") and not kind.endswith("]"):
        limit = 1 << int(kind[4:])
        return lambda word: _bounded(int.from_bytes(word), limit)
    return None


def _bounded(value: int, limit: int) -> int:
    if value >= limit:
        raise AbiError("an integer does not fit its type")
    return value


def _address_word(word: bytes) -> str:
    if not word.startswith(_ADDRESS_PADDING):
        raise AbiError("an address has more than 20 bytes")
    return _checksum(word[12:])


def _bool_word(word: bytes) -> bool:
    return _bounded(int.from_bytes(word), 2) == 1


class Codec:
    """Encodes and decodes a list of parameters; decoding of plain words takes a short path."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.types = [each.type for each in parameters]
        self.names = _names(parameters)
        readers = [_word_reader(each.type) for each in parameters]
        self._words = [each for each in readers if each] if all(readers) else None
        self._split = struct.Struct(f"{WORD}s" * len(readers)).unpack_from
        self._readers = [_read(each.type, each.components) for each in parameters]
        self._decoder = registry.get_tuple_decoder(*self.types)

    def encode(self, arguments: Sequence[Any]) -> bytes:
        """ABI-encode positional values. Raises AbiError."""
        if len(arguments) != len(self.parameters):
            raise AbiError(f"{len(self.parameters)} arguments expected, {len(arguments)} given")
        try:
            values = [
                _write(each.type, each.components, value)
                for each, value in zip(self.parameters, arguments, strict=True)
            ]
            return _codec.encode(self.types, values)
        except (EncodingError, KeyError, TypeError, ValueError) as error:
            raise AbiError(f"({','.join(self.types)}) cannot hold the values: {error}") from error

    def decode(self, data: bytes) -> list[Any]:
        """The values of ABI-encoded data. Raises AbiError."""
        if self._words is not None:
            return self._decode_words(data)
        try:
            values = self._decoder(ContextFramesBytesIO(data))
        except (DecodingError, OverflowError, UnicodeDecodeError) as error:
            raise AbiError(f"the data does not hold ({','.join(self.types)}): {error}") from error
        return [read(value) for read, value in zip(self._readers, values, strict=True)]

    def _decode_words(self, data: bytes) -> list[Any]:
        assert self._words is not None
        try:
            words = self._split(data)
        except struct.error as error:
            raise AbiError("the data is too short") from error
        return [read(word) for read, word in zip(self._words, words, strict=True)]


@dataclass(frozen=True)
class Function:
    """A callable function, or (with `name` as its type) a custom error."""

    name: str
    signature: str
    selector: bytes
    inputs: Codec
    outputs: Codec
    constant: bool


@dataclass(frozen=True)
class Event:
    """A log's layout."""

    name: str
    signature: str
    topic0: str
    indexed: Codec
    plain: Codec

    @functools.cached_property
    def names(self) -> list[str]:
        """Of the arguments, those of the topics first."""
        return self.indexed.names + self.plain.names


@dataclass(frozen=True)
class DecodedCall:
    """What calldata asks of a contract."""

    name: str
    signature: str
    arguments: dict[str, Any]


class Contract:
    """The typed ABI of one contract."""

    def __init__(self, name: str, abi: Sequence[dict[str, Any]], bytecode: str = "") -> None:
        self.name = name
        self.bytecode = bytecode
        items = [item for item in abi if item["type"] in {"function", "event", "error"}]
        self.functions = [_function(item) for item in items if item["type"] == "function"]
        self.events = {e.name: e for e in map(_event, _of(items, "event"))}
        self._errors = {each.selector: each for each in map(_function, _of(items, "error"))}
        self._by_selector = {each.selector: each for each in self.functions}
        self._by_topic = {each.topic0: each for each in self.events.values()}
        inputs = [each for item in _of(abi, "constructor") for each in item["inputs"]]
        self.constructor = Codec([Parameter.parse(each) for each in inputs])

    def function(self, name: str, arity: int | None = None) -> Function:
        """By name, or by full signature where the name is overloaded. Raises AbiError."""
        found = [each for each in self.functions if name in (each.name, each.signature)]
        if len(found) > 1 and arity is not None:
            found = [each for each in found if len(each.inputs.types) == arity]
        if len(found) != 1:
            raise AbiError(f"{self.name} has {len(found)} functions {name}")
        return found[0]

    def event(self, name: str) -> Event:
        """An event by name. Raises AbiError."""
        if name not in self.events:
            raise AbiError(f"{self.name} has no event {name}")
        return self.events[name]

    def encode_call(self, function: str, *arguments: Any) -> bytes:
        """Calldata: selector and arguments. Raises AbiError."""
        found = self.function(function, len(arguments))
        return found.selector + found.inputs.encode(arguments)

    def encode_constructor(self, *arguments: Any) -> bytes:
        """Creation code with the constructor's arguments."""
        return bytes.fromhex(self.bytecode.removeprefix("0x")) + self.constructor.encode(arguments)

    def decode_call(self, data: bytes) -> DecodedCall:
        """What calldata asks for; strict: it must encode back to itself. Raises AbiError."""
        found = self._by_selector.get(data[:4])
        if found is None:
            raise AbiError(f"{self.name} has no function 0x{data[:4].hex()}")
        values = found.inputs.decode(data[4:])
        if found.inputs.encode(values) != data[4:]:
            raise AbiError(f"the calldata of {found.name} is not canonical")
        arguments = dict(zip(found.inputs.names, values, strict=True))
        return DecodedCall(found.name, found.signature, arguments)

    def decode_result(self, function: str, data: bytes, arity: int | None = None) -> Any:
        """What a call returned: the value, or a list where there are several. Raises AbiError."""
        values = self.function(function, arity).outputs.decode(data)
        return values[0] if len(values) == 1 else values

    def decode_log(self, topics: Sequence[str], data: bytes) -> tuple[str, dict[str, Any]]:
        """An event's name and its arguments by name. Raises AbiError for a foreign topic."""
        event = self._by_topic.get(topics[0]) if topics else None
        if event is None:
            raise AbiError(f"{self.name} has no event {topics[0] if topics else 'without topic'}")
        indexed = event.indexed.decode(bytes.fromhex("".join([each[2:] for each in topics[1:]])))
        return event.name, dict(zip(event.names, indexed + event.plain.decode(data), strict=True))

    def decode_error(self, data: bytes) -> str:
        """Revert data in words, the contract's own errors by name."""
        return decode_error(data, self._errors)

    def errors(self) -> Iterator[tuple[bytes, Function]]:
        """Custom errors by selector."""
        yield from self._errors.items()


def _of(items: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in items if item["type"] == kind]


def _function(item: dict[str, Any]) -> Function:
    inputs = Codec([Parameter.parse(each) for each in item["inputs"]])
    outputs = Codec([Parameter.parse(each) for each in item.get("outputs", ())])
    signature = f"{item['name']}({','.join(inputs.types)})"
    constant = item.get("stateMutability") in {"view", "pure"}
    selector = keccak(text=signature)[:4]
    return Function(item["name"], signature, selector, inputs, outputs, constant)


def _event(item: dict[str, Any]) -> Event:
    parameters = [Parameter.parse(each) for each in item["inputs"]]
    signature = f"{item['name']}({','.join(each.type for each in parameters)})"
    # An indexed value of dynamic type is in the topics only as its hash.
    indexed = [
        Parameter(each.name, "bytes32", True, ()) if each.dynamic else each
        for each in parameters
        if each.indexed
    ]
    plain = [each for each in parameters if not each.indexed]
    topic0 = "0x" + keccak(text=signature).hex()
    return Event(item["name"], signature, topic0, Codec(indexed), Codec(plain))


def decode_error(data: bytes, errors: dict[bytes, Function]) -> str:
    """Revert data in words: Error(string), Panic(uint256), a known custom error, or its hex."""
    selector, rest = data[:4], data[4:]
    try:
        if selector == bytes.fromhex("08c379a0"):
            return str(_codec.decode(["string"], rest)[0])
        if selector == bytes.fromhex("4e487b71"):
            code = int.from_bytes(rest, "big")
            return PANIC_REASONS.get(code, f"panic 0x{code:02x}")
        if selector in errors:
            name, arguments = custom_error(data, errors)
            return f"{name}({', '.join(f'{key}={value}' for key, value in arguments.items())})"
    except (AbiError, DecodingError, UnicodeDecodeError):
        pass
    return f"reverted with 0x{data.hex()}" if data else "reverted without a reason"


def custom_error(data: bytes, errors: dict[bytes, Function]) -> tuple[str, dict[str, Any]]:
    """A known custom error's name and its arguments by name. Raises AbiError."""
    found = errors.get(data[:4])
    if found is None:
        raise AbiError(f"0x{data[:4].hex()} is no known error")
    values = found.inputs.decode(data[4:])
    return found.name, dict(zip(found.inputs.names, values, strict=True))


@functools.cache
def contract(name: str) -> Contract:
    """The committed ABI of one of our contracts. Raises AbiError for an unknown name."""
    if not name.isidentifier() or not (ABI_DIR / f"{name}.json").exists():
        raise AbiError(f"there is no contract {name}")
    artifact = json.loads((ABI_DIR / f"{name}.json").read_text())
    return Contract(name, artifact["abi"], artifact.get("bytecode", ""))


@functools.cache
def all_errors() -> dict[bytes, Function]:
    """Custom errors of all our contracts: a revert may come from one called further down."""
    names = sorted(path.stem for path in ABI_DIR.glob("*.json"))
    return {selector: error for name in names for selector, error in contract(name).errors()}


def revert_reason(data: str) -> str:
    """Revert data (hex) of a call into any of our contracts, in words."""
    return decode_error(bytes.fromhex(data.removeprefix("0x")), all_errors())
