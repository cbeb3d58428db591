"""Which block can no longer change: the node's own word, or a depth that the operator chose."""

from django.conf import settings

from chain import fetch
from chain.rpc import ChainError, Header, Rpc


class FinalityDisputed(ChainError):
    """Two nodes hold different blocks for final. Nothing is taken in until a person has looked."""


def finalized(rpc: Rpc, head: Header) -> Header:
    """The newest final block at or below `head`.

    With settings.CHAIN_FINALITY_DEPTH unset it is the node's `finalized` tag; a number counts
    blocks back from the head. With settings.CHAIN_SECOND_RPC_URL the newest that is final for
    both nodes, which must agree on its hash. Raises ChainUnavailable, FinalityDisputed.
    """
    ours = _final(rpc, head)
    if not settings.CHAIN_SECOND_RPC_URL:
        return ours
    second = Rpc(settings.CHAIN_SECOND_RPC_URL)
    theirs = _final(second, fetch.header(second, "latest"))
    number = min(ours.number, theirs.number)
    mine, other = (
        each if each.number == number else fetch.header(node, number)
        for node, each in ((rpc, ours), (second, theirs))
    )
    if mine.hash != other.hash:
        raise FinalityDisputed(
            f"block {number} is final as {mine.hash} for {rpc.url}, and as {other.hash} for "
            f"{second.url}"
        )
    return mine


def _final(rpc: Rpc, head: Header) -> Header:
    depth = settings.CHAIN_FINALITY_DEPTH
    return fetch.header(rpc, "finalized" if depth is None else max(0, head.number - depth))
