"""Auditors read people here; nothing can be added, changed or deleted."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import (
    ApiToken,
    Consent,
    Invite,
    InviteRedemption,
    Pairing,
    Referral,
    User,
    WaitlistEntry,
    Wallet,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and shows; every form field is read-only and no action is offered."""

    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """People; never the password's hash."""

    list_display = ("name", "is_staff", "is_active", "joined_at")
    list_filter = ("is_staff", "is_active")
    search_fields = ("name", "wallets__address")
    exclude = ("password",)


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    """Wallets."""

    list_display = ("address", "user", "is_primary", "added_at")
    list_select_related = ("user",)
    search_fields = ("address",)


@admin.register(Pairing)
class PairingAdmin(ReadOnlyAdmin):
    """Devices that asked to be paired; never the code's digest."""

    list_display = ("label", "user", "agreed_at", "used_at")
    list_select_related = ("user",)
    exclude = ("code_digest",)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Devices signed in; never the digest."""

    list_display = ("user", "label", "scopes", "created_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("user__name", "label")
    exclude = ("digest",)


@admin.register(Invite)
class InviteAdmin(ReadOnlyAdmin):
    """Invites and how far they are used."""

    list_display = ("code", "creator", "uses", "uses_allowed", "created_at", "expires_at")
    list_select_related = ("creator",)
    search_fields = ("code", "creator__name")


@admin.register(InviteRedemption)
class InviteRedemptionAdmin(ReadOnlyAdmin):
    """By which invite each person came."""

    list_display = ("user", "invite", "redeemed_at")
    list_select_related = ("user", "invite")
    search_fields = ("user__name", "invite__code")


@admin.register(Referral)
class ReferralAdmin(ReadOnlyAdmin):
    """Who brought whom."""

    list_display = ("referred", "referrer", "recorded_at")
    list_select_related = ("referred", "referrer")
    search_fields = ("referred__name", "referrer__name")


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(ReadOnlyAdmin):
    """Who waits."""

    list_display = ("email", "joined_at")
    search_fields = ("email",)


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Agreements, past ones too."""

    list_display = ("user", "scope", "version", "given_at", "withdrawn_at")
    list_filter = ("scope", "version")
    list_select_related = ("user",)
    search_fields = ("user__name",)
