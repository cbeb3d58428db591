"""DRF authentication by bearer token (RFC 6750)."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import tokens
from accounts.models import ApiToken, User


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer am_…`; `request.auth` is the token, whose scopes permissions check."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The user and token of the header; None without one, so that sessions may try."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("The Authorization header must be 'Bearer TOKEN'.")
        token = tokens.find(words[1].decode("ascii", errors="replace"))
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer to a missing sign-in 401 with this challenge."""
        return self.keyword
