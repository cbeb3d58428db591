"""Proposals, votes and delegation, for auditors to read; nothing a vote decides is set here.

The one thing an admin can do is to hide what people wrote, with a reason that everybody sees.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from chain.admin import ReadOnlyAdmin
from governance.models import Delegation, Power, Proposal, ProposalCall, RelayedCall, Vote
from governance.people_models import Comment, DelegateProfile, Notification, Simulation
from governance.poll_models import Poll, PollBallot


class CallInline(admin.TabularInline):
    """The calls of a proposal."""

    model = ProposalCall
    can_delete = False
    extra = 0
    max_num = 0


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """Proposals."""

    list_display = ("title", "proposer", "vote_start", "vote_end", "queued_at", "executed_at")
    search_fields = ("=id", "description", "proposer")
    ordering = ("-block_number",)
    inlines = (CallInline,)


@admin.register(Vote)
class VoteAdmin(ReadOnlyAdmin):
    """Votes."""

    list_display = ("proposal", "voter", "support", "weight_wei", "block_number")
    list_filter = ("support",)
    search_fields = ("voter", "=proposal__id", "transaction_hash")
    list_select_related = ("proposal",)
    ordering = ("-block_number", "-log_index")


@admin.register(Delegation)
class DelegationAdmin(ReadOnlyAdmin):
    """Who counts for whom."""

    list_display = ("delegator", "delegate", "since")
    search_fields = ("delegator", "delegate")


@admin.register(Power)
class PowerAdmin(ReadOnlyAdmin):
    """Votes of delegates over time."""

    list_display = ("delegate", "votes_wei", "since", "is_current")
    list_filter = ("is_current",)
    search_fields = ("delegate",)
    ordering = ("-block_number", "-log_index")


@admin.register(RelayedCall)
class RelayedCallAdmin(ReadOnlyAdmin):
    """What the relayer did for whom."""

    list_display = ("user", "kind", "intent", "asked_at")
    list_filter = ("kind",)
    list_select_related = ("user", "intent")
    ordering = ("-id",)


class Hideable(ReadOnlyAdmin):
    """Texts of people: a reason hides one, an emptied reason shows it again; nothing else."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins with the right to change these rows; the form has one field."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """All but the reason."""
        return [f.name for f in self.opts.concrete_fields if f.name != "hidden_reason"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Hide or show."""
        obj.hidden_at = (obj.hidden_at or timezone.now()) if obj.hidden_reason else None
        obj.save(update_fields=["hidden_at", "hidden_reason"])


@admin.register(Comment)
class CommentAdmin(Hideable):
    """The discussion."""

    list_display = ("address", "written_at", "deleted_at", "hidden_at", "hidden_reason")
    search_fields = ("address", "body")
    ordering = ("-id",)


@admin.register(DelegateProfile)
class DelegateProfileAdmin(Hideable):
    """How delegates present themselves."""

    list_display = ("address", "name", "updated_at", "hidden_at")
    search_fields = ("address", "name")


@admin.register(Simulation)
class SimulationAdmin(ReadOnlyAdmin):
    """Proposals run on forks."""

    list_display = ("proposal", "block_number", "progress", "requested_at", "finished_at")
    list_filter = ("progress",)
    ordering = ("-id",)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """What was told to subscribers, who themselves are not shown here."""

    list_display = ("proposal", "state", "attempts", "delivered_at", "given_up_at", "failure")
    ordering = ("-id",)


@admin.register(Poll)
class PollAdmin(ReadOnlyAdmin):
    """Polls; what they say is fixed by their hash."""

    list_display = ("title", "author", "method", "opens_at", "closes_at", "bundle_hash")
    search_fields = ("=id", "title", "author")
    ordering = ("-opens_at",)


@admin.register(PollBallot)
class PollBallotAdmin(ReadOnlyAdmin):
    """Ballots of polls."""

    list_display = ("poll", "voter", "choice", "issued_at", "power_wei", "is_latest", "attested")
    list_filter = ("is_latest", "attested")
    list_select_related = ("poll",)
    search_fields = ("voter", "=poll__id")
    ordering = ("-id",)
