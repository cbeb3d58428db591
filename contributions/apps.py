"""Recorded work."""

from django.apps import AppConfig


class ContributionsConfig(AppConfig):
    """Workflows from submission to withdrawal, and the policy they are rewarded by."""

    name = "contributions"
    verbose_name = "Contributions"
