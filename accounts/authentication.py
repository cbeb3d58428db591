"""DRF authentication by bearer token (RFC 6750)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
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


class BearerScheme(OpenApiAuthenticationExtension):
    """How bearer tokens appear in the OpenAPI document."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """An HTTP bearer scheme."""
        return {"type": "http", "scheme": "bearer"}
