"""The marketplace app."""

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Automations people publish from their work, and runs of them."""

    name = "marketplace"
