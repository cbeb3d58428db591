"""Headers and logs of a range of blocks, checked before anybody uses them.

With settings.CHAIN_PROVE_LOGS the node is believed nothing that the hash of a block can decide: a
header must have its hash, and the logs are those of receipts that have the header's root. A block
whose bloom filter does not name our contracts has no log of theirs. Without the setting, what
eth_getLogs answers is held against the bloom filters alone.
"""

import functools
from collections.abc import Sequence

from django.conf import settings
from eth_utils.crypto import keccak

from chain import receipts
from chain.proofs import InvalidProof, Trie, decode_header, encode_header
from chain.rpc import BlockId, ChainError, ChainUnavailable, Header, RawLog, Rpc, RpcError

METHOD_NOT_FOUND = -32601


class ChainMoved(ChainError):
    """The node's answers belong to different forks; the next attempt starts afresh."""


class NodeLied(ChainError):
    """An answer does not have the hash that it must have. Nothing of it is taken in."""


def header(rpc: Rpc, block: BlockId) -> Header:
    """The header at a number, tag or hash. Raises ChainUnavailable when the node has none."""
    found = rpc.header(block)
    if found is None:
        raise ChainUnavailable(f"the node at {rpc.url} has no block {block}")
    if isinstance(block, int) and found.number != block:
        raise NodeLied(f"the node at {rpc.url} gave block {found.number} for block {block}")
    return proven(found)


def headers(rpc: Rpc, *, after: int, after_hash: str, last: int) -> list[Header]:
    """The headers after a block up to another, each linked to the one before.

    Raises ChainMoved where one does not link, NodeLied where one does not have its hash.
    """
    parent, number, linked = after_hash, after, []
    for each in rpc.headers(range(after + 1, last + 1)):
        number += 1
        if each is None or each.number != number or each.parent_hash != parent:
            raise ChainMoved(f"the header of block {number} does not link to {parent}")
        parent = each.hash
        linked.append(proven(each))
    return linked


def proven(found: Header) -> Header:
    """The header itself, if its fields have its hash. Raises NodeLied."""
    if settings.CHAIN_PROVE_LOGS:
        try:
            encode_header(found.fields)
        except InvalidProof as error:
            raise NodeLied(f"block {found.number}: {error}") from error
    return found


def nonce(rpc: Rpc, address: str) -> int:
    """How many transactions of this address the chain holds, proven under the newest header.

    Raises NodeLied, ChainUnavailable.
    """
    newest = header(rpc, "latest")
    try:
        block = decode_header(encode_header(newest.fields))
        answer = rpc.call("eth_getProof", address, [], hex(block.number))
        trie = Trie(bytes.fromhex(node[2:]) for node in answer["accountProof"])
        return trie.account(block.state_root, address)[0]
    except (InvalidProof, TypeError, KeyError, ValueError) as error:
        raise NodeLied(
            f"the node at {rpc.url} does not prove {address}'s nonce: {error}"
        ) from error
    except RpcError as error:
        raise ChainUnavailable(f"the node at {rpc.url} proves no nonce: {error}") from error


def logs(rpc: Rpc, *, addresses: Sequence[str], headers: Sequence[Header]) -> list[RawLog]:
    """The addresses' logs of exactly these blocks, each once, in order; those without topics not.

    Raises NodeLied, ChainMoved for a log of another fork, ChainUnavailable.
    """
    found = (_proven_logs if settings.CHAIN_PROVE_LOGS else _believed_logs)(rpc, addresses, headers)
    wanted = set(addresses)
    unique = {(log.block_number, log.log_index): log for log in found if log.address in wanted}
    return [unique[position] for position in sorted(unique) if unique[position].topics]


def _proven_logs(rpc: Rpc, addresses: Sequence[str], headers: Sequence[Header]) -> list[RawLog]:
    """From the receipts of the blocks that may have any."""
    marked = [each for each in headers if any(bloom_has(each.bloom, a) for a in addresses)]
    try:
        answers = rpc.block_receipts([each.number for each in marked])
    except RpcError as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        raise ChainUnavailable(
            f"the node at {rpc.url} has no eth_getBlockReceipts: take one that has, or believe its "
            "logs with CHAIN_PROVE_LOGS=0"
        ) from error
    found: list[RawLog] = []
    for block, answer in zip(marked, answers, strict=True):
        try:
            found += receipts.logs(answer, block)
        except InvalidProof as error:
            raise NodeLied(f"block {block.number}: {error}") from error
    return found


def _believed_logs(rpc: Rpc, addresses: Sequence[str], headers: Sequence[Header]) -> list[RawLog]:
    """From eth_getLogs, which may answer from another fork or leave logs out.

    A log of a foreign block is refused. A block whose bloom filter names a contract without a log
    of it is asked for again by its hash, which cannot be answered from another fork.
    """
    blocks = {each.hash: each for each in headers}
    found = rpc.logs(addresses=addresses, first=headers[0].number, last=headers[-1].number)
    seen = {(log.block_hash, log.address) for log in found}
    for each in headers:
        named = [address for address in addresses if bloom_has(each.bloom, address)]
        if any((each.hash, address) not in seen for address in named):
            found += rpc.logs_of_block(addresses=addresses, block_hash=each.hash)
    for log in found:
        block = blocks.get(log.block_hash)
        if block is None or block.number != log.block_number:
            raise ChainMoved(f"a log of block {log.block_number} belongs to another fork")
    return found


def bloom_has(bloom: int, address: str) -> bool:
    """Whether a block's bloom filter may contain an address (never wrongly no)."""
    digest = _bloom_digest(address)
    return all(bloom >> (int.from_bytes(digest[i : i + 2]) & 2047) & 1 for i in (0, 2, 4))


@functools.lru_cache(maxsize=4096)
def _bloom_digest(address: str) -> bytes:
    return keccak(hexstr=address)
