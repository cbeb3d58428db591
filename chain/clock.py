"""The chain's time, by its blocks: at the head, and up to where everything is final."""

from dataclasses import dataclass

from chain.deployment import deployment
from chain.models import Block, Chain


@dataclass(frozen=True)
class Clock:
    """Seconds since 1970 of the latest block and of the latest final one."""

    head: int
    final: int


def clock() -> Clock:
    """Both times as last followed; zero before the chain was ever followed."""
    chain = Chain.objects.filter(chain_id=deployment().chain_id).first()
    if chain is None:
        return Clock(0, 0)
    final = Block.objects.get(chain_id=chain.chain_id, number=chain.finalized_number)
    return Clock(chain.height_timestamp, final.timestamp)
