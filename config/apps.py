"""The admin site as this project runs it."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ActionModelAdminConfig(AdminConfig):
    """Django admin with the auditors' pages."""

    default_site = "config.admin.ActionModelAdminSite"


class ConfigConfig(AppConfig):
    """Commands that tie the apps together (demo, deploy)."""

    name = "config"
    default = True
