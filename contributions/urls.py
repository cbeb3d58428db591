"""Routes of workflows, the blocked sites and the export, under /api/v1/."""

from django.urls import path

from contributions import api, blocklist_api

urlpatterns = [
    path("workflows", api.WorkflowsView.as_view(), name="workflows"),
    path("workflows/batch", api.WorkflowBatchView.as_view(), name="workflow-batch"),
    path("workflows/<uuid:workflow_id>", api.WorkflowView.as_view(), name="workflow"),
    path(
        "workflows/<uuid:workflow_id>/content",
        api.WorkflowContentView.as_view(),
        name="workflow-content",
    ),
    path("blocklist", blocklist_api.BlocklistView.as_view(), name="blocklist"),
    path("export", api.ExportView.as_view(), name="export"),
]
