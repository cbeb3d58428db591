"""Proposals, votes and delegation, for auditors to read; nothing a vote decides is set here."""

from django.contrib import admin

from chain.admin import ReadOnlyAdmin
from governance.models import Delegation, Power, Proposal, ProposalCall, RelayedCall, Vote


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
