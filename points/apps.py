"""The points app."""

from django.apps import AppConfig


class PointsConfig(AppConfig):
    """Rewards, the ledger, epochs, and claims of what they gave."""

    name = "points"
