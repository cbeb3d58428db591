"""What auditors see: everything, from a claim down to the work, and nothing they can change."""

import csv
import io
import re

import pytest
from django.contrib.admin.sites import site
from django.test import Client
from django.urls import reverse

from points import epochs
from points.chain_models import Claim
from points.models import Account, Allocation, Entry, Epoch, Line
from tests.factories import make_user
from tests.points.makers import adopt_genesis, settled_work
from tests.points.test_audit import past_the_triggers

pytestmark = pytest.mark.django_db
OURS = [model for model in site._registry if model._meta.app_label in {"points", "marketplace"}]


@pytest.fixture
def auditor(settings) -> Client:
    """An admin's browser; no node answers."""
    settings.ETH_RPC_URL = "http://127.0.0.1:1"
    client = Client()
    client.force_login(make_user(wallet=False, is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def work(operator):
    """A settled workflow whose epoch is closed and claimed from."""
    adopt_genesis()
    epochs.open_next()
    settlement = settled_work(make_user(), operator)
    epochs.close(1)
    account = Account.objects.get(kind="lam")
    claim = Claim.objects.create(
        chain_id=31337,
        block_number=1,
        block_hash="0x" + "1" * 64,
        log_index=0,
        transaction_hash="0x" + "2" * 64,
        at="2026-01-01T00:00:00Z",
        account=account.address,
        recipient=account.address,
        amount_wei=5,
        cumulative_wei=5,
        entry=Entry.objects.get(kind="conversion"),
    )
    return settlement, claim


def page(client: Client, url: str) -> str:
    answer = client.get(url, follow=True)
    assert answer.status_code == 200, url
    return answer.content.decode()


def test_from_a_claim_one_clicks_down_to_the_workflow(auditor, work):
    settlement, claim = work
    shown = page(auditor, reverse("admin:points_claim_change", args=[claim.pk]))
    allocation = reverse("admin:points_allocation_change", args=[Allocation.objects.get().pk])
    assert allocation in shown
    assert reverse("admin:points_epoch_change", args=[1]) in shown
    lines = re.search(r'href="(/admin/points/line/\?[^"]+)"', page(auditor, allocation))
    listed = page(auditor, lines.group(1).replace("&amp;", "&"))
    entry = reverse("admin:points_entry_change", args=[settlement.entry_id])
    assert entry in listed
    down = page(auditor, entry)
    for target in ("contributions_verdict_change", "contributions_workflow_change"):
        url = reverse(f"admin:{target}", args=[settlement.verdict.workflow_id])
        assert url in down
        page(auditor, url)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_list_opens_and_nothing_can_be_changed(auditor, work, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    page(auditor, reverse(f"{name}_changelist") + "?q=1")
    assert auditor.get(reverse(f"{name}_add")).status_code == 403
    row = model._default_manager.first()
    if row is not None:
        change = reverse(f"{name}_change", args=[row.pk])
        assert 'name="_save"' not in page(auditor, change)
        assert auditor.post(change, {}).status_code == 403
        assert auditor.post(reverse(f"{name}_delete", args=[row.pk]), {}).status_code == 403


def test_the_epochs_secret_is_shown_nowhere(auditor, work):
    salt = bytes(Epoch.objects.get(pk=1).salt).hex()
    assert salt not in page(auditor, reverse("admin:points_epoch_change", args=[1]))
    exported = auditor.post(
        reverse("admin:points_epoch_changelist"),
        {"action": "export_csv", "_selected_action": ["1"]},
    )
    assert salt not in b"".join(exported).decode()


def test_selected_rows_are_exported_as_csv(auditor, work):
    lines = list(Line.objects.order_by("pk"))
    answer = auditor.post(
        reverse("admin:points_line_changelist"),
        {"action": "export_csv", "_selected_action": [line.pk for line in lines]},
    )
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert {int(row["id"]): int(row["amount"]) for row in rows} == {
        line.pk: line.amount for line in lines
    }


def test_the_reconciliation_page_shows_that_nothing_differs(auditor, work):
    Claim.objects.all().delete()
    shown = page(auditor, reverse("admin:points_reconciliation"))
    assert "No differences." in shown
    assert "the node did not answer" in shown


def test_the_reconciliation_page_names_what_differs(auditor, work):
    past_the_triggers("UPDATE points_allocation SET wei = wei - 1")
    shown = page(auditor, reverse("admin:points_reconciliation"))
    assert "LAM allocated" in shown
    assert "No differences." not in shown


@pytest.mark.parametrize("url", ["points_reconciliation", "points_entry_changelist"])
def test_only_staff_comes_in(url, work):
    client = Client()
    assert client.get(reverse(f"admin:{url}")).status_code == 302
    client.force_login(make_user())
    assert client.get(reverse(f"admin:{url}")).status_code == 302
