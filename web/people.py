"""The person who looks at a page."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import wallets
from accounts.models import User

View = Callable[..., HttpResponse]


def address_of(request: HttpRequest) -> str:
    """The signed-in person's wallet address; empty for visitors and for admins without one.

    Asked for once a request.
    """
    if not hasattr(request, "_wallet_address"):
        request._wallet_address = _find_address(request)  # type: ignore[attr-defined]
    found: str = request._wallet_address  # type: ignore[attr-defined]
    return found


def _find_address(request: HttpRequest) -> str:
    if not isinstance(request.user, User):
        return ""
    try:
        return wallets.primary(request.user)
    except wallets.NoWallet:
        return ""


def signed_in_user(request: HttpRequest) -> User:
    """The person behind a request that `person_required` let through."""
    assert isinstance(request.user, User)
    return request.user


def person_required(view: View) -> View:
    """Only people with a wallet; visitors are sent to the sign-in, admins told why not."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not address_of(request):
            return render(request, "web/no_wallet.html", status=403)
        return view(request, *args, **kwargs)

    return guarded
