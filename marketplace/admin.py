"""Auditors read the marketplace here; nothing can be added, changed or deleted."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from marketplace.models import Automation, Use


@admin.register(Automation)
class AutomationAdmin(ReadOnlyAdmin):
    """Automations."""

    list_display = ("title", "creator", "actions", "state", "published_at", "retired_at")
    list_select_related = ("creator",)
    list_filter = ("state",)
    search_fields = ("title", "creator__name", "=workflow__id")


@admin.register(Use)
class UseAdmin(ReadOnlyAdmin):
    """Runs and what they paid."""

    list_display = ("id", "automation", "user", "at", "actions", "outcome", "price_millipoints")
    list_select_related = ("automation", "user")
    list_filter = ("outcome",)
    search_fields = ("=id", "user__name", "automation__title")
    date_hierarchy = "at"
