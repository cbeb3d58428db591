"""The auditors' admin site: its name, and nothing that can change what a vote decides."""

from django.contrib import admin


class ActionModelAdminSite(admin.AdminSite):
    """Django admin under the project's name."""

    site_header = "Action Model audit"
    site_title = "Action Model"
    index_title = "The ledger and what it rests on"
