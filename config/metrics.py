"""The page that a Prometheus server scrapes."""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from chain.metrics import exposition

LOOPBACK = {"127.0.0.1", "::1"}
# What any proxy adds: behind one, everybody comes from this machine.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Who has settings.METRICS_TOKEN; without one, who asks from this machine, not by a proxy."""
    if not _may_read(request):
        return HttpResponse("Not for you.\n", status=403, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    direct = not any(name in request.headers for name in FORWARDED)
    return direct and request.META.get("REMOTE_ADDR") in LOOPBACK
