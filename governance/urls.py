"""Routes of proposals, votes, delegates and policies, under /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
