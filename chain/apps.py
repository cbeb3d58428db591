"""Following the chain and sending to it."""

from django.apps import AppConfig


class ChainConfig(AppConfig):
    """Blocks, logs and signed sends; no business of its own."""

    name = "chain"
    verbose_name = "Chain"
