"""Routes of points, epochs and claims, under /api/v1/."""

from django.urls import path

from points import api

urlpatterns = [
    path("points/balance", api.BalanceView.as_view(), name="points-balance"),
    path("points/entries", api.EntriesView.as_view(), name="points-entries"),
    path("epochs", api.EpochsView.as_view(), name="epochs"),
    path("epochs/<int:number>", api.EpochView.as_view(), name="epoch"),
    path("epochs/<int:number>/bundle", api.BundleView.as_view(), name="epoch-bundle"),
    path(
        "epochs/<int:number>/allocations.parquet",
        api.AllocationsView.as_view(),
        name="epoch-allocations",
    ),
    path("epochs/<int:number>/export", api.EpochExportView.as_view(), name="epoch-export"),
    path("epochs/<int:number>/proof", api.OwnProofView.as_view(), name="own-proof"),
    path("epochs/<int:number>/proof/<str:address>", api.ProofView.as_view(), name="proof"),
    path("claims", api.ClaimsView.as_view(), name="claims"),
    path("claims/typed-data", api.ClaimTypedDataView.as_view(), name="claim-typed-data"),
    path("claims/relay", api.ClaimRelayView.as_view(), name="claim-relay"),
]
