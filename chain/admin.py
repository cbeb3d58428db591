"""What was followed and sent, for auditors to read."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from chain.models import Block, Chain, Cursor, Intent, Log, Transaction


class ReadOnlyAdmin(admin.ModelAdmin):
    """Nobody adds, changes or deletes: these rows come from the chain and the sender alone."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


@admin.register(Chain)
class ChainAdmin(ReadOnlyAdmin):
    """How far the chain is followed."""

    list_display = ("chain_id", "height", "finalized_number", "head", "reorgs", "synced_at")


@admin.register(Block)
class BlockAdmin(ReadOnlyAdmin):
    """Headers."""

    list_display = ("number", "hash", "timestamp")
    search_fields = ("=number", "hash")
    ordering = ("-number",)


@admin.register(Log)
class LogAdmin(ReadOnlyAdmin):
    """Logs of our contracts."""

    list_display = ("block_number", "log_index", "address", "topic0", "transaction_hash")
    list_filter = ("address",)
    search_fields = ("=block_number",)
    ordering = ("-block_number", "-log_index")


@admin.register(Cursor)
class CursorAdmin(ReadOnlyAdmin):
    """How far each projection has come."""

    list_display = ("name", "block_number", "log_index")


@admin.register(Intent)
class IntentAdmin(ReadOnlyAdmin):
    """What is to be sent, and what came of it."""

    list_display = ("purpose", "sender", "state", "nonce", "block_number", "failure", "created_at")
    list_filter = ("state", "sender")
    search_fields = ("key", "purpose", "transaction_hash")
    ordering = ("-id",)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    """What was signed."""

    list_display = ("hash", "intent", "nonce", "fills", "signed_at", "sent_at")
    search_fields = ("hash", "=nonce")
    list_select_related = ("intent",)
    ordering = ("-id",)
