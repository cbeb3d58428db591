"""Proposals, votes and delegation."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """What the holders of LAM decide, read from the chain, and the ways to take part."""

    name = "governance"
    verbose_name = "Governance"
