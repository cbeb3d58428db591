"""The API of people: sign-in, tokens, consents, invites, the waitlist."""

from typing import Any

from django.contrib.auth import login, logout
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import consent, invites, sign_in, tokens, waitlist
from accounts.models import ApiToken, Consent, ConsentScope, Invite, Scope, User, Wallet
from accounts.permissions import CanManageAccount, CanRead
from accounts.throttling import AddressThrottle
from chain.rpc import ChainUnavailable

SESSION_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Conflict(exceptions.APIException):
    """409: the request is well formed and contradicts what is stored."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "The request contradicts what is stored."


class ChainAway(exceptions.APIException):
    """503: the node or the contracts can't be reached; contract wallets need them to sign in."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "chain_unavailable"
    default_detail = "The chain can't be asked at the moment; try again."


def user_of(request: Request) -> User:
    """The signed-in user; permissions have made sure that there is one."""
    assert isinstance(request.user, User)
    return request.user


def refuse(field: str, message: str, code: str) -> exceptions.ValidationError:
    """A 400 whose problem document points at `field` and carries `code`."""
    return exceptions.ValidationError({field: [message]}, code=code)


class ChallengeSerializer(serializers.Serializer[Any]):
    """What a sign-in message must contain."""

    nonce = serializers.CharField()
    domain = serializers.CharField()
    uri = serializers.CharField()
    chain_id = serializers.IntegerField()
    statement = serializers.CharField()
    expires_at = serializers.DateTimeField()


class NonceView(APIView):
    """Anyone, limited per client address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    throttle_scope = "auth"

    @extend_schema(
        operation_id="issue_nonce",
        description="Anyone. A fresh nonce and all else a sign-in message (EIP-4361) must name.",
        request=None,
        responses={201: ChallengeSerializer},
    )
    def post(self, request: Request) -> Response:
        """A new challenge."""
        return Response(ChallengeSerializer(sign_in.issue_nonce()).data, status.HTTP_201_CREATED)


class SignInSerializer(serializers.Serializer[Any]):
    """A signed message of EIP-4361; `invite` for a new wallet; `session` for a browser cookie."""

    message = serializers.CharField(max_length=4_000, trim_whitespace=False)
    signature = serializers.RegexField(r"^0x[0-9a-fA-F]{2,20000}$")
    invite = serializers.CharField(max_length=32, required=False, default="", allow_blank=True)
    session = serializers.BooleanField(required=False, default=False)
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=80, required=False, default="", allow_blank=True
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), required=False, allow_empty=False
    )


class SignedInSerializer(serializers.Serializer[Any]):
    """A token, shown this once; null when a session was asked for."""

    token = serializers.CharField(allow_null=True)
    address = serializers.CharField()
    expires_at = serializers.DateTimeField()


class VerifyView(APIView):
    """Anyone, limited per client address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    throttle_scope = "auth"

    @extend_schema(
        operation_id="sign_in",
        description=(
            "Anyone who holds the wallet. Refusals carry a code: bad_message, wrong_domain, "
            "wrong_uri, wrong_chain_id, wrong_signature, unknown_nonce, replayed, expired, "
            "not_yet_valid, invite_required, invite_invalid, deactivated."
        ),
        request=SignInSerializer,
        responses={200: SignedInSerializer},
    )
    def post(self, request: Request) -> Response:
        """Sign in by a signature."""
        form = SignInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        try:
            user = sign_in.verify(
                message=data["message"], signature=data["signature"], invite=data["invite"]
            )
        except sign_in.SignInError as error:
            raise refuse(error.field, str(error), error.code) from None
        except ChainUnavailable as error:
            raise ChainAway from error
        address = Wallet.objects.values_list("address", flat=True).get(user=user, is_primary=True)
        if data["session"]:
            login(request._request, user, backend=SESSION_BACKEND)
            secret, expires_at = None, request._request.session.get_expiry_date()
        else:
            token, secret = tokens.issue(
                user=user, label=data["label"], scopes=data.get("scopes", Scope.values)
            )
            expires_at = token.expires_at
        answer = {"token": secret, "address": address, "expires_at": expires_at}
        return Response(SignedInSerializer(answer).data)


class SignOutView(APIView):
    """Whoever is signed in."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="sign_out",
        description="Whoever is signed in. Revokes the token used, or ends the session.",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """End this sign-in only; other devices stay."""
        if isinstance(request.auth, ApiToken):
            tokens.revoke(user=user_of(request), token_id=request.auth.pk)
        else:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    """An agreement in force or past."""

    class Meta:
        model = Consent
        fields = ("scope", "version", "given_at", "withdrawn_at")


class MeSerializer(serializers.Serializer[Any]):
    """The signed-in person."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    address = serializers.CharField(allow_null=True, help_text="null for an admin without wallet")
    is_staff = serializers.BooleanField()
    joined_at = serializers.DateTimeField()
    scopes = serializers.ListField(child=serializers.CharField())
    consents = ConsentSerializer(many=True)
    people_invited = serializers.IntegerField()


class MeView(APIView):
    """The signed-in person; token scope "read"."""

    permission_classes = (CanRead,)

    @extend_schema(
        operation_id="me",
        description='The signed-in person; token scope "read".',
        responses={200: MeSerializer},
    )
    def get(self, request: Request) -> Response:
        """Who I am here."""
        user = user_of(request)
        address = user.wallets.filter(is_primary=True).values_list("address", flat=True).first()
        me = {
            "pk": user.pk,
            "name": user.name,
            "address": address,
            "is_staff": user.is_staff,
            "joined_at": user.joined_at,
            "scopes": request.auth.scopes if isinstance(request.auth, ApiToken) else Scope.values,
            "consents": user.consents.filter(withdrawn_at__isnull=True).order_by("scope"),
            "people_invited": user.referrals_made.count(),
        }
        return Response(MeSerializer(me).data)


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A device's token without its secret."""

    class Meta:
        model = ApiToken
        fields = ("id", "label", "scopes", "created_at", "expires_at")


class NewTokenSerializer(serializers.Serializer[Any]):
    """A label to recognise the device by, and what it may do."""

    label = serializers.CharField(max_length=80)  # type: ignore[assignment]
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False
    )


class IssuedTokenSerializer(TokenSerializer):
    """A new token with its secret, shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]


class TokensView(APIView):
    """The signed-in person's own tokens; token scope "account"."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="list_tokens",
        description='One\'s own tokens in force; token scope "account".',
        responses={200: TokenSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Tokens in force, newest first."""
        rows = tokens.in_force().filter(user=user_of(request)).order_by("-created_at")
        return Response(TokenSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="issue_token",
        description=(
            'A token for another device; token scope "account", and a token can\'t give more '
            "than it has."
        ),
        request=NewTokenSerializer,
        responses={201: IssuedTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Issue a token."""
        form = NewTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        scopes = set(form.validated_data["scopes"])
        if isinstance(request.auth, ApiToken) and not scopes <= set(request.auth.scopes):
            raise refuse("scopes", "A token can't give more than it has.", "scope_exceeded")
        token, secret = tokens.issue(
            user=user_of(request), label=form.validated_data["label"], scopes=scopes
        )
        data = {**TokenSerializer(token).data, "token": secret}
        return Response(data, status.HTTP_201_CREATED)


class TokenView(APIView):
    """The signed-in person's own token; token scope "account"."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="revoke_token",
        description='Revoke one of one\'s own tokens; token scope "account".',
        responses={204: None, 404: OpenApiResponse(description="No such token in force.")},
    )
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke."""
        if not tokens.revoke(user=user_of(request), token_id=token_id):
            raise exceptions.NotFound("There is no such token in force.")
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConsentTextSerializer(serializers.Serializer[Any]):
    """A text one can agree to, and one's agreement to it, if any."""

    scope = serializers.CharField()
    version = serializers.IntegerField()
    text = serializers.CharField()
    given_at = serializers.DateTimeField(allow_null=True)


class NewConsentSerializer(serializers.Serializer[Any]):
    """Agreement to the text of a scope in its current version."""

    scope = serializers.ChoiceField(choices=ConsentScope.choices)
    version = serializers.IntegerField(min_value=1)


class ConsentsView(APIView):
    """The signed-in person's own consents; token scope "account"."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="list_consents",
        description='The current texts and one\'s agreements; token scope "account".',
        responses={200: ConsentTextSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Each scope with its text, and since when it is agreed to."""
        rows = user_of(request).consents.filter(withdrawn_at__isnull=True)
        given = {(row.scope, row.version): row.given_at for row in rows}
        texts = [
            {
                "scope": str(scope),
                "version": text.version,
                "text": text.text,
                "given_at": given.get((str(scope), text.version)),
            }
            for scope, text in consent.TEXTS.items()
        ]
        return Response(ConsentTextSerializer(texts, many=True).data)

    @extend_schema(
        operation_id="give_consent",
        description='Agree to the current text of a scope; token scope "account".',
        request=NewConsentSerializer,
        responses={
            201: ConsentSerializer,
            200: OpenApiResponse(ConsentSerializer, description="Had been agreed to before."),
        },
    )
    def post(self, request: Request) -> Response:
        """Agree."""
        form = NewConsentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        before = consent.given(user, form.validated_data["scope"])
        try:
            given = consent.give(user=user, **form.validated_data)
        except consent.WrongVersion as error:
            raise refuse("version", str(error), "wrong_version") from None
        code = status.HTTP_200_OK if before else status.HTTP_201_CREATED
        return Response(ConsentSerializer(given).data, code)


class ConsentView(APIView):
    """The signed-in person's own consent; token scope "account"."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="withdraw_consent",
        description='End one\'s agreement to a scope; token scope "account".',
        responses={204: None, 404: OpenApiResponse(description="Not agreed to.")},
    )
    def delete(self, request: Request, scope: str) -> Response:
        """Withdraw."""
        if not consent.withdraw(user=user_of(request), scope=scope):
            raise exceptions.NotFound("There is no such consent in force.")
        return Response(status=status.HTTP_204_NO_CONTENT)


class InviteSerializer(serializers.ModelSerializer[Invite]):
    """An invite to give away."""

    class Meta:
        model = Invite
        fields = ("code", "created_at", "expires_at", "uses_allowed", "uses")


class NewInviteSerializer(serializers.Serializer[Any]):
    """How many wallets it lets in."""

    uses_allowed = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=1_000_000
    )


class InvitesView(APIView):
    """The signed-in person's own invites; token scope "account"."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="list_invites",
        description='The invites one has made; token scope "account".',
        responses={200: InviteSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Own invites, newest first."""
        rows = user_of(request).invites.order_by("-created_at", "-pk")
        return Response(InviteSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="create_invite",
        description=(
            'Make an invite; token scope "account". A person has a few in all, staff any number.'
        ),
        request=NewInviteSerializer,
        responses={201: InviteSerializer, 409: OpenApiResponse(description="All given away.")},
    )
    def post(self, request: Request) -> Response:
        """Make an invite."""
        form = NewInviteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            invite = invites.create(creator=user_of(request), **form.validated_data)
        except invites.InviteLimit as error:
            raise Conflict(str(error), code="invite_limit") from None
        return Response(InviteSerializer(invite).data, status.HTTP_201_CREATED)


class WaitlistSerializer(serializers.Serializer[Any]):
    """Where to reach someone who waits."""

    email = serializers.EmailField(max_length=254)


class WaitlistView(APIView):
    """Anyone, limited per client address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    throttle_scope = "waitlist"

    @extend_schema(
        operation_id="join_waitlist",
        description="Anyone. The answer is the same whether or not the address was known.",
        request=WaitlistSerializer,
        responses={202: None},
    )
    def post(self, request: Request) -> Response:
        """Wait for an invite."""
        form = WaitlistSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        waitlist.join(email=form.validated_data["email"])
        return Response(status=status.HTTP_202_ACCEPTED)
