"""Routes: each app's API under /api/v1/, the pages at the root, the auditors' admin."""

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny

from config.metrics import metrics


def healthz(request: HttpRequest) -> JsonResponse:
    """Anyone: 200 when the web server reaches PostgreSQL."""
    connection.ensure_connection()
    return JsonResponse({"status": "ok"})


API_APPS = ["accounts", "contributions", "points", "marketplace", "governance"]

urlpatterns = [
    path("healthz", healthz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(permission_classes=[AllowAny])),
    *[path("api/v1/", include(f"{app}.urls")) for app in API_APPS],
    path("", include("web.urls")),
]

handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"
