"""Routes of workflows and the export, under /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
