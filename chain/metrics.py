"""How following and sending stand, as Prometheus metrics (text exposition format).

Read from PostgreSQL whenever asked, so that every process says the same.
"""

from collections.abc import Iterable

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chain.models import Chain, Cursor, Intent

OPEN = (Intent.State.PENDING, Intent.State.ASSIGNED)


class _Following(Collector):
    """How far each chain is followed and projected."""

    def collect(self) -> Iterable[Metric]:
        """The metrics of now."""
        chains = {str(chain.chain_id): chain for chain in Chain.objects.all()}
        now = timezone.now()
        gauges = {
            "chain_head_block": ("Latest block of the node when last asked.", "head"),
            "chain_height_block": ("Last block whose logs are stored.", "height"),
            "chain_finalized_block": ("Last final block that is stored.", "finalized_number"),
            "chain_deepest_reorg_blocks": ("Depth of the deepest reorg seen.", "deepest_reorg"),
        }
        for name, (what, column) in gauges.items():
            gauge = GaugeMetricFamily(name, what, labels=["chain"])
            for label, chain in chains.items():
                gauge.add_metric([label], getattr(chain, column))
            yield gauge
        lag = GaugeMetricFamily("chain_lag_blocks", "Head less height.", labels=["chain"])
        age = GaugeMetricFamily(
            "chain_synced_age_seconds", "Time since the node was last followed.", labels=["chain"]
        )
        reorgs = CounterMetricFamily("chain_reorgs", "Reorgs rewound.", labels=["chain"])
        for label, chain in chains.items():
            lag.add_metric([label], chain.head - chain.height)
            age.add_metric([label], (now - chain.synced_at).total_seconds())
            reorgs.add_metric([label], chain.reorgs)
        yield from (lag, age, reorgs)
        yield self._projections(chains)

    @staticmethod
    def _projections(chains: dict[str, Chain]) -> Metric:
        behind = GaugeMetricFamily(
            "chain_projection_lag_blocks",
            "Final blocks that a projection has not taken in.",
            labels=["chain", "projection"],
        )
        for cursor in Cursor.objects.filter(chain_id__in=list(chains)):
            label = str(cursor.chain_id)
            # A cursor that is through stands at the block after the last final one.
            lag = max(0, chains[label].finalized_number + 1 - cursor.block_number)
            behind.add_metric([label, cursor.name], lag)
        return behind


class _Sending(Collector):
    """What waits to be sent or to become final."""

    def collect(self) -> Iterable[Metric]:
        """The metrics of now."""
        waiting = Intent.objects.filter(state__in=OPEN).values("sender", "state")
        now = timezone.now()
        intents = GaugeMetricFamily(
            "chain_open_intents", "Calls not final yet.", labels=["sender", "state"]
        )
        oldest = GaugeMetricFamily(
            "chain_oldest_intent_seconds",
            "Age of the oldest call that is not final yet.",
            labels=["sender", "state"],
        )
        for row in waiting.annotate(count=Count("pk"), since=Min("created_at")):
            labels = [row["sender"], row["state"]]
            intents.add_metric(labels, row["count"])
            oldest.add_metric(labels, (now - row["since"]).total_seconds())
        yield from (intents, oldest)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in (_Following(), _Sending()):
        registry.register(collector)
    return generate_latest(registry)
