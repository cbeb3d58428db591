"""Routes of the marketplace, under /api/v1/."""

from django.urls import path

from marketplace import api, decisions_api

urlpatterns = [
    path("automations", api.AutomationsView.as_view(), name="automations"),
    path("automations/<int:pk>", api.AutomationView.as_view(), name="automation"),
    path("automations/<int:pk>/recipe", api.RecipeView.as_view(), name="automation-recipe"),
    path("automations/<int:pk>/uses", api.RecordUseView.as_view(), name="record-use"),
    path("decisions", decisions_api.DecisionView.as_view(), name="decision"),
    path("uses", api.UsesView.as_view(), name="uses"),
]
