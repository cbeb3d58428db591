"""Which block can no longer change: the node's own word, or a depth that the operator chose."""

from django.conf import settings

from chain.rpc import ChainUnavailable, Header, Rpc


def finalized(rpc: Rpc, head: Header) -> Header:
    """The newest final block at or below `head`.

    With settings.CHAIN_FINALITY_DEPTH unset it is the node's `finalized` tag; a number counts
    blocks back from the head. Raises ChainUnavailable when the node has no such block.
    """
    depth = settings.CHAIN_FINALITY_DEPTH
    block = "finalized" if depth is None else max(0, head.number - depth)
    header = rpc.header(block)
    if header is None:
        raise ChainUnavailable(f"the node at {rpc.url} has no block {block}")
    return header
