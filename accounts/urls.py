"""Routes of sign-in, tokens, consents, invites and the waitlist, under /api/v1/."""

from django.urls import path

from accounts import api, pairing_api

urlpatterns = [
    path("auth/nonce", api.NonceView.as_view(), name="auth-nonce"),
    path("auth/verify", api.VerifyView.as_view(), name="auth-verify"),
    path("auth/sign-out", api.SignOutView.as_view(), name="auth-sign-out"),
    path("me", api.MeView.as_view(), name="me"),
    path("tokens", api.TokensView.as_view(), name="tokens"),
    path("tokens/<int:token_id>", api.TokenView.as_view(), name="token"),
    path("pairings", pairing_api.PairingsView.as_view(), name="pairings"),
    path("pairings/exchange", pairing_api.ExchangeView.as_view(), name="pairings-exchange"),
    path("consents", api.ConsentsView.as_view(), name="consents"),
    path("consents/<slug:scope>", api.ConsentView.as_view(), name="consent"),
    path("invites", api.InvitesView.as_view(), name="invites"),
    path("waitlist", api.WaitlistView.as_view(), name="waitlist"),
]
