"""The API of pairing: a person agrees on the site, their device exchanges the code."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import pairing
from accounts.api import IssuedTokenSerializer, TokenSerializer, refuse, user_of
from accounts.permissions import CanManageAccount
from accounts.throttling import AddressThrottle


class NewPairingSerializer(serializers.Serializer[Any]):
    """The challenge of the device (RFC 7636, S256), and what to call it."""

    challenge = serializers.RegexField(r"^[A-Za-z0-9_-]{43}\Z")
    label = serializers.CharField(max_length=80)  # type: ignore[assignment]


class PairingCodeSerializer(serializers.Serializer[Any]):
    """What the device exchanges, together with its verifier."""

    code = serializers.CharField()


class PairingsView(APIView):
    """The signed-in person; token scope "account", which paired devices never have."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="agree_to_pairing",
        description='Let a device be paired with oneself; token scope "account".',
        request=NewPairingSerializer,
        responses={201: PairingCodeSerializer},
    )
    def post(self, request: Request) -> Response:
        """Agree; the code is good once, for the device that made the challenge, for minutes."""
        form = NewPairingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        code = pairing.agree(user=user_of(request), **form.validated_data)
        return Response(PairingCodeSerializer({"code": code}).data, status.HTTP_201_CREATED)


class ExchangeSerializer(serializers.Serializer[Any]):
    """The code from the site and the device's own secret behind the challenge."""

    code = serializers.CharField(max_length=64)
    verifier = serializers.RegexField(r"^[A-Za-z0-9._~-]{43,128}\Z")


class ExchangeView(APIView):
    """Anyone who has both code and verifier, limited per client address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)
    throttle_scope = "auth"

    @extend_schema(
        operation_id="exchange_pairing",
        description=(
            "The device that made the challenge, with the code its person agreed to. The token "
            "may read, contribute and automate."
        ),
        request=ExchangeSerializer,
        responses={201: IssuedTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """The device's token."""
        form = ExchangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            token, secret = pairing.exchange(**form.validated_data)
        except pairing.PairingRefused as error:
            raise refuse("code", str(error), "pairing_refused") from None
        data = {**TokenSerializer(token).data, "token": secret}
        return Response(data, status.HTTP_201_CREATED)
