"""Who may call an endpoint, by sign-in and by the scope of their token."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiToken, Scope


class HasScope(BasePermission):
    """A signed-in user; one who comes with a token needs `scope` on it, a session may do all."""

    scope: Scope

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Signed in, and the token (if any) carries the scope."""
        if not request.user.is_authenticated:
            return False
        if isinstance(request.auth, ApiToken) and self.scope not in request.auth.scopes:
            self.message = f"This token lacks the scope '{self.scope.value}'."
            return False
        return True


class CanRead(HasScope):
    """Signed in; tokens need the scope "read"."""

    scope = Scope.READ


class CanContribute(HasScope):
    """Signed in; tokens need the scope "contribute"."""

    scope = Scope.CONTRIBUTE


class CanAutomate(HasScope):
    """Signed in; tokens need the scope "automate"."""

    scope = Scope.AUTOMATE


class CanManageAccount(HasScope):
    """Signed in; tokens need the scope "account"."""

    scope = Scope.ACCOUNT
