"""People and wallets."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Sign-in with a wallet, tokens, invites, the waitlist, referrals and consent."""

    name = "accounts"
    verbose_name = "People"
