"""Routes of workflows and the export, under /api/v1/."""

from django.urls import path

from contributions import api

urlpatterns = [
    path("workflows", api.WorkflowsView.as_view(), name="workflows"),
    path("workflows/<uuid:workflow_id>", api.WorkflowView.as_view(), name="workflow"),
    path(
        "workflows/<uuid:workflow_id>/content",
        api.WorkflowContentView.as_view(),
        name="workflow-content",
    ),
    path("export", api.ExportView.as_view(), name="export"),
]
