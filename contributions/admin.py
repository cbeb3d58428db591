"""Auditors read recorded work here, never its content; nothing can be added, changed or deleted.

In particular no form sets an adoption: policies and releases come from the Registry alone.
"""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import ReadOnlyAdmin
from contributions.models import (
    Adoption,
    Document,
    Verdict,
    Withdrawal,
    WithdrawalAcknowledgement,
    Workflow,
)


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    """Workflows: what is known about them, not what is in them."""

    list_display = (
        "id",
        "contributor",
        "state",
        "task",
        "source",
        "received_at",
        "body_bytes",
        "steps",
        "attested",
    )
    list_filter = ("state", "source", "attested", "received_at")
    list_select_related = ("contributor",)
    search_fields = ("id", "contributor__name", "task")
    exclude = ("ciphertext", "evidence")
    date_hierarchy = "received_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        """Without the ciphertexts, which nobody here can read."""
        return super().get_queryset(request).defer("ciphertext", "evidence")


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyAdmin):
    """Verdicts and their reasons."""

    list_display = ("workflow_id", "accepted", "goal", "verified_actions", "score", "assessed_at")
    list_filter = ("accepted", "goal", "release_hash")
    search_fields = ("workflow__id", "workflow__contributor__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Verdict]:
        """With the workflow's row, for its link, in the same query."""
        rows: QuerySet[Verdict] = super().get_queryset(request)
        return rows.select_related("workflow").defer("workflow__ciphertext", "workflow__evidence")


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnlyAdmin):
    """Work taken back."""

    list_display = ("workflow_id", "requested_at")
    search_fields = ("workflow__id",)


@admin.register(WithdrawalAcknowledgement)
class WithdrawalAcknowledgementAdmin(ReadOnlyAdmin):
    """What each app has done about a withdrawal."""

    list_display = ("withdrawal_id", "app", "acknowledged_at")
    list_filter = ("app",)


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    """Known documents."""

    list_display = ("hash", "kind", "registered_at")
    list_filter = ("kind",)
    search_fields = ("hash",)


@admin.register(Adoption)
class AdoptionAdmin(ReadOnlyAdmin):
    """What the Registry adopted, and whether it can be followed."""

    list_display = ("kind", "hash", "effective_epoch", "adopted_at", "adoptable", "reason")
    list_filter = ("kind", "adoptable")
    search_fields = ("hash", "transaction_hash", "by")
