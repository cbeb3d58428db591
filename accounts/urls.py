"""Routes of sign-in, tokens, consents, invites and the waitlist, under /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
