"""Auditors read the ledger here; nothing can be added, changed or deleted.

From a claim one clicks to its entry and the epochs that allocated it, from an epoch's allocation to
the lines of the points behind it, and from a line to verdict and workflow.
"""

import csv
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin import ReadOnlyAdmin
from chain.rpc import ChainError, Rpc
from points import audit, epochs, reconcile
from points.chain_models import (
    Claim,
    EmissionLimit,
    RelayedClaim,
    RootActivation,
    RootSubmission,
    RootVeto,
)
from points.models import (
    Account,
    Allocation,
    Balance,
    Entry,
    Epoch,
    IdempotencyKey,
    Leaf,
    Line,
    Seal,
)

RELATED_SHOWN = 100


class _Echo:
    """What csv.writer writes to: gives each row back."""

    def write(self, row: str) -> str:
        return row


def link(target: Model | None, text: object = "") -> str | SafeString:
    """A link to a row's own page."""
    if target is None:
        return "–"
    name = f"admin:{target._meta.app_label}_{target._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[target.pk]), text or target)


def list_link(model: str, text: object, **filters: object) -> SafeString:
    """A link to a filtered list of rows of this app."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    url = reverse(f"admin:points_{model}_changelist")
    return format_html('<a href="{}?{}">{}</a>', url, query, text)


def hex_of(name: str, description: str = "") -> Callable[[Any, Model], str]:
    """A display of a binary column."""

    @admin.display(description=description or name)
    def show(_: Any, row: Model) -> str:
        return "0x" + bytes(getattr(row, name)).hex()

    return show


class LedgerAdmin(ReadOnlyAdmin):
    """Read-only, with export of the selected rows."""

    actions = ("export_csv",)  # type: ignore[assignment]
    show_full_result_count = False
    secret_columns: tuple[str, ...] = ()

    @admin.action(description="Export the selected rows as CSV")
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Model]) -> StreamingHttpResponse:
        """All columns but secret ones, binary ones as hex."""
        columns = [
            field.attname
            for field in queryset.model._meta.concrete_fields
            if field.name not in self.secret_columns
        ]
        writer = csv.writer(_Echo())
        values = queryset.values_list(*columns).iterator()
        rows = (writer.writerow([_plain(value) for value in row]) for row in values)
        name = queryset.model._meta.model_name
        return StreamingHttpResponse(
            (line for part in ([writer.writerow(columns)], rows) for line in part),
            content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )


def _plain(value: Any) -> Any:
    if isinstance(value, memoryview | bytes):
        return "0x" + bytes(value).hex()
    # A spreadsheet would run a text that begins like this as a formula.
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value


@admin.register(Account)
class AccountAdmin(LedgerAdmin):
    """Accounts with what stands on them."""

    list_display = ("id", "kind", "unit", "name", "user", "address", "balance_shown", "lines_link")
    list_select_related = ("user", "balance")
    list_filter = ("kind", "unit")
    search_fields = ("=id", "name", "user__name", "address")
    readonly_fields = ("balance_shown", "lines_link")

    @admin.display(description="balance")
    def balance_shown(self, account: Account) -> str:
        """Personal accounts only: a system account's balance is the sum of its lines."""
        try:
            return str(account.balance.amount)
        except Balance.DoesNotExist:
            return "sum of its lines"

    @admin.display(description="lines")
    def lines_link(self, account: Account) -> SafeString:
        """The account's lines."""
        return list_link("line", "lines", account=account.pk)


@admin.register(Entry)
class EntryAdmin(LedgerAdmin):
    """Entries of the journal."""

    list_display = ("id", "kind", "epoch_link", "posted_at", "line_count", "workflow_link")
    list_select_related = ("idempotency",)
    list_filter = ("kind", "epoch")
    search_fields = ("=id", "=idempotency__key", "=idempotency__workflow__id")
    date_hierarchy = "posted_at"
    exclude = ("salt", "digest")
    secret_columns = ("salt",)
    readonly_fields = (
        "epoch_link", "workflow_link", "verdict_link", "lines_shown", "seal_link", "key",
        "digest_hex",
    )  # fmt: skip
    digest_hex = hex_of("digest")

    @admin.display(description="epoch")
    def epoch_link(self, entry: Entry) -> SafeString | str:
        """The epoch, which may not be open yet for a claim."""
        url = reverse("admin:points_epoch_change", args=[entry.epoch_id])
        return format_html('<a href="{}">{}</a>', url, entry.epoch_id)

    @admin.display(description="workflow")
    def workflow_link(self, entry: Entry) -> SafeString | str:
        """Gone once the work was withdrawn."""
        workflow = _workflow_id(entry)
        if workflow is None:
            return "–"
        url = reverse("admin:contributions_workflow_change", args=[workflow])
        return format_html('<a href="{}">{}</a>', url, workflow)

    @admin.display(description="verdict")
    def verdict_link(self, entry: Entry) -> SafeString | str:
        """What the verifier said."""
        workflow = _workflow_id(entry)
        if workflow is None:
            return "–"
        url = reverse("admin:contributions_verdict_change", args=[workflow])
        return format_html('<a href="{}">verdict of {}</a>', url, workflow)

    @admin.display(description="lines")
    def lines_shown(self, entry: Entry) -> SafeString:
        """Each line with its account."""
        lines = entry.lines.order_by("position").select_related("account")[:RELATED_SHOWN]
        rows = (
            (link(each.account), each.get_category_display(), each.amount, each.get_unit_display())
            for each in lines
        )
        return format_html_join("", "<div>{} · {} · {} {}</div>", rows)

    @admin.display(description="seal")
    def seal_link(self, entry: Entry) -> SafeString | str:
        """Its place in the chain."""
        return link(getattr(entry, "seal", None))

    @admin.display(description="idempotency key")
    def key(self, entry: Entry) -> str:
        """Names the business event."""
        return entry.idempotency.key


def _workflow_id(entry: Entry) -> Any:
    try:
        return entry.idempotency.workflow_id
    except IdempotencyKey.DoesNotExist:
        return None


@admin.register(Line)
class LineAdmin(LedgerAdmin):
    """Lines of the journal."""

    list_display = (
        "id", "entry_link", "kind", "account_link", "category", "amount", "unit", "epoch_number",
        "verdict_link",
    )  # fmt: skip
    list_select_related = ("entry", "entry__idempotency", "account")
    list_filter = ("category", "unit", "epoch_number", "entry__kind")
    search_fields = ("=entry__id", "=account__id", "account__address", "account__user__name")
    readonly_fields = ("entry_link", "verdict_link")

    @admin.display(description="entry")
    def entry_link(self, line: Line) -> SafeString | str:
        """The whole entry."""
        return link(line.entry, line.entry_id)

    @admin.display(description="kind")
    def kind(self, line: Line) -> str:
        """Of the entry."""
        return line.entry.kind

    @admin.display(description="account")
    def account_link(self, line: Line) -> SafeString | str:
        """Whose line it is."""
        return link(line.account)

    @admin.display(description="verdict")
    def verdict_link(self, line: Line) -> SafeString | str:
        """The verdict behind it."""
        workflow = _workflow_id(line.entry)
        if workflow is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:contributions_verdict_change", args=[workflow]),
            workflow,
        )


@admin.register(Seal)
class SealAdmin(LedgerAdmin):
    """The tamper-evident chain."""

    list_display = ("position", "entry_link", "epoch_number", "chain_hex")
    list_filter = ("epoch_number",)
    search_fields = ("=position", "=entry__id")
    exclude = ("digest", "chain")
    readonly_fields = ("entry_link", "digest_hex", "chain_hex")
    digest_hex = hex_of("digest")
    chain_hex = hex_of("chain")

    @admin.display(description="entry")
    def entry_link(self, seal: Seal) -> SafeString | str:
        """The sealed entry."""
        url = reverse("admin:points_entry_change", args=[seal.entry_id])
        return format_html('<a href="{}">{}</a>', url, seal.entry_id)


@admin.register(Epoch)
class EpochAdmin(LedgerAdmin):
    """Epochs, and the page that compares ledger, bundles and chain."""

    list_display = (
        "number", "state", "opened_at", "closed_at", "millipoints", "emission_wei", "accounts",
        "allocations_link", "entries_link",
    )  # fmt: skip
    search_fields = ("=number", "root", "bundle_hash", "policy_hash")
    exclude = secret_columns = ("salt",)
    readonly_fields = ("state", "allocations_link", "entries_link")

    def get_urls(self) -> list[URLPattern]:
        """Before the page of a single epoch, whose route would take it."""
        page = self.admin_site.admin_view(self.reconciliation)
        own = path("reconciliation/", page, name="points_reconciliation")
        return [own, *super().get_urls()]

    def reconciliation(self, request: HttpRequest) -> TemplateResponse:
        """Compare ledger, bundles and chain now."""
        try:
            found, node = reconcile.differences(rpc=Rpc(settings.ETH_RPC_URL)), True
        except ChainError:
            found, node = reconcile.differences(), False
        rows = list(Epoch.objects.order_by("number"))
        states = epochs.states(rows)
        context = {
            **self.admin_site.each_context(request),
            "title": "Reconciliation",
            "differences": found,
            "node": node,
            "epochs": [(epoch, states[epoch.number]) for epoch in rows],
            "balances": audit.system_balances(),
        }
        return TemplateResponse(request, "admin/points/reconciliation.html", context)

    @admin.display(description="state")
    def state(self, epoch: Epoch) -> str:
        """With what the chain says."""
        return epochs.state(epoch)

    @admin.display(description="allocations")
    def allocations_link(self, epoch: Epoch) -> SafeString:
        """Who got what."""
        return list_link("allocation", "allocations", epoch=epoch.pk)

    @admin.display(description="entries")
    def entries_link(self, epoch: Epoch) -> SafeString:
        """The epoch's journal."""
        return list_link("entry", "entries", epoch=epoch.pk)


@admin.register(Allocation)
class AllocationAdmin(LedgerAdmin):
    """What epochs gave to whom."""

    list_display = ("epoch", "leaf_id", "address", "millipoints", "wei", "cumulative_wei", "points")
    list_select_related = ("epoch", "leaf", "leaf__account")
    list_filter = ("epoch",)
    search_fields = ("leaf__account__address", "points_account__user__name")
    readonly_fields = ("address", "points", "entry_link")

    @admin.display(description="address")
    def address(self, allocation: Allocation) -> str:
        """Whom it is paid to."""
        return allocation.leaf.account.address

    @admin.display(description="points behind it")
    def points(self, allocation: Allocation) -> SafeString:
        """The lines of the account in that epoch."""
        return list_link(
            "line",
            "lines",
            account=allocation.points_account_id,
            epoch_number=allocation.epoch_id,
        )

    @admin.display(description="conversion")
    def entry_link(self, allocation: Allocation) -> SafeString | str:
        """The entry that converted the points."""
        return link(allocation.entry)


@admin.register(Leaf)
class LeafAdmin(LedgerAdmin):
    """Places in the tree."""

    list_display = ("index", "account", "first_epoch")
    list_select_related = ("account", "first_epoch")
    search_fields = ("=index", "account__address")


@admin.register(Claim)
class ClaimAdmin(LedgerAdmin):
    """What the chain paid."""

    list_display = ("id", "account", "recipient", "amount_wei", "expired", "at", "entry_link")
    list_select_related = ("entry",)
    list_filter = ("expired", "at")
    search_fields = ("account", "recipient", "transaction_hash")
    date_hierarchy = "at"
    readonly_fields = ("entry_link", "allocations_shown")

    @admin.display(description="entry")
    def entry_link(self, claim: Claim) -> SafeString | str:
        """Its entry in the journal."""
        return link(claim.entry)

    @admin.display(description="allocated by")
    def allocations_shown(self, claim: Claim) -> SafeString:
        """The epochs that gave the address what it claims, each with the points behind it."""
        rows = Allocation.objects.filter(leaf__account__address=claim.account)
        rows = rows.select_related("epoch").order_by("epoch_id")[:RELATED_SHOWN]
        return format_html_join(
            "",
            "<div>{} · {} · {} wei</div>",
            ((link(row.epoch), link(row, "allocation"), row.wei) for row in rows),
        )


@admin.register(RelayedClaim)
class RelayedClaimAdmin(LedgerAdmin):
    """Signed claims the platform sent."""

    list_display = ("account", "recipient", "cumulative_wei", "intent", "requested_at")
    list_select_related = ("intent",)
    search_fields = ("account", "recipient", "user__name")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(LedgerAdmin):
    """Which business event each entry stands for."""

    list_display = ("key", "entry_id", "workflow_id")
    search_fields = ("=key", "=entry__id", "=workflow__id")
    raw_id_fields = ("entry", "workflow")


@admin.register(RootSubmission, RootActivation, RootVeto)
class RootEventAdmin(LedgerAdmin):
    """What the chain says of roots."""

    list_display = ("epoch_number", "root", "at", "block_number", "transaction_hash")
    search_fields = ("=epoch_number", "root", "transaction_hash")


@admin.register(EmissionLimit)
class EmissionLimitAdmin(LedgerAdmin):
    """Votes that lowered the emission."""

    list_display = ("from_epoch", "limit_wei", "at", "transaction_hash")
