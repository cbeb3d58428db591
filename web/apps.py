"""The pages."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Server-rendered pages and the wallet scripts."""

    name = "web"
