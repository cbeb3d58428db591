"""The chain's time, by its blocks: at the head, and up to where everything is final."""

from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from chain.deployment import deployment
from chain.models import Block, Chain


@dataclass(frozen=True)
class Clock:
    """Seconds since 1970 of the latest block and of the latest final one."""

    head: int
    final: int


def clock() -> Clock:
    """Both times as last followed; zero before the chain was ever followed.

    One statement: a header may be dropped as soon as a later one is final.
    """
    final = Block.objects.filter(chain_id=OuterRef("chain_id"), number=OuterRef("finalized_number"))
    chain = Chain.objects.filter(chain_id=deployment().chain_id)
    times = chain.values_list("height_timestamp", Subquery(final.values("timestamp"))).first()
    return Clock(*times) if times else Clock(0, 0)
