"""What a Prometheus server scrapes is true, and is for the operator alone."""

import re

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from chain import outbox
from chain.follow import step
from chain.models import Chain, Cursor
from config.environment import BASE_DIR

pytestmark = pytest.mark.django_db


def scraped(client) -> dict[tuple[str, ...], float]:
    """Values by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_height_lag_and_reorgs_are_what_was_followed(client, emitter) -> None:
    emitter.mine(4)
    emitter.say(1)
    step(emitter.client)
    emitter.reorg(1)
    emitter.mine(2)
    step(emitter.client)
    row = Chain.objects.get()
    found = scraped(client)
    assert found["chain_height_block", "31337"] == row.height
    assert found["chain_finalized_block", "31337"] == row.finalized_number
    assert found["chain_lag_blocks", "31337"] == 0
    assert found["chain_reorgs_total", "31337"] == 1
    assert found["chain_deepest_reorg_blocks", "31337"] == 1
    assert 0 <= found["chain_synced_age_seconds", "31337"] < 3600
    Chain.objects.update(head=row.height + 7)
    assert scraped(client)["chain_lag_blocks", "31337"] == 7


def test_a_projection_that_hangs_is_seen(client, db) -> None:
    Chain.objects.create(
        chain_id=1,
        height=9,
        height_hash="0x" + "1" * 64,
        height_timestamp=1,
        finalized_number=8,
        finalized_hash="0x" + "2" * 64,
        head=9,
        synced_at=timezone.now(),
    )
    Cursor.objects.create(chain_id=1, name="through", block_number=9)
    Cursor.objects.create(chain_id=1, name="hangs", block_number=3)
    found = scraped(client)
    assert found["chain_projection_lag_blocks", "1", "through"] == 0
    assert found["chain_projection_lag_blocks", "1", "hangs"] == 6


def test_open_calls_are_counted_with_their_age(client, emitter, relayer) -> None:
    outbox.intend(sender="relayer", to=emitter.address, data=b"", key="k", purpose="p")
    found = scraped(client)
    assert found["chain_open_intents", "relayer", "pending"] == 1
    assert found["chain_oldest_intent_seconds", "relayer", "pending"] >= 0


def test_operators_read_of_exactly_these_metrics(client, emitter, relayer) -> None:
    step(emitter.client)
    Cursor.objects.create(chain_id=31337, name="projection")
    outbox.intend(sender="relayer", to=emitter.address, data=b"", key="k", purpose="p")
    manual = (BASE_DIR / "docs" / "operations.md").read_text()
    described = set(re.findall(r"`(chain_[a-z_]+)`", manual))
    assert described == {name for name, *_ in scraped(client) if name.startswith("chain_")}


def test_only_this_machine_reads_them_without_a_token(client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.5").status_code == 403
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert client.get("/metrics", headers={name: "203.0.113.5"}).status_code == 403
    assert client.post("/metrics").status_code == 405


def test_with_a_token_only_who_shows_it_reads_them(client, settings) -> None:
    settings.METRICS_TOKEN = "the right one"
    assert client.get("/metrics").status_code == 403
    for given in ("Bearer wrong", "the right one", "Bearer", "Basic the right one"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 403
    far = {"REMOTE_ADDR": "203.0.113.5", "headers": {"Authorization": "Bearer the right one"}}
    assert client.get("/metrics", **far).status_code == 200
