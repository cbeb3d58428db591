"""The API of subscriptions to proposals' states; each person sees and ends their own."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from accounts.api import Conflict
from governance import subscribe, webhooks
from governance.people_models import Subscription
from governance.subscribe import NotSubscribed
from governance.views import AccountView, caller, checked


class SubscriptionIn(serializers.Serializer):
    """Where to tell: an e-mail address, which is asked first, or an https URL."""

    channel = serializers.ChoiceField(choices=["email", "webhook"])
    target = serializers.CharField(max_length=webhooks.URL_MAX)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An e-mail address is one."""
        if attrs["channel"] == "email":
            try:
                validate_email(attrs["target"])
            except DjangoValidationError as error:
                raise serializers.ValidationError({"target": error.messages}) from None
        return attrs


class SubscriptionOut(serializers.Serializer):
    """A subscription; `secret` signs a webhook's calls (Standard Webhooks)."""

    id = serializers.IntegerField(source="pk")
    channel = serializers.CharField()
    target = serializers.CharField()
    confirmed = serializers.SerializerMethodField()
    secret = serializers.SerializerMethodField()

    def get_confirmed(self, row: Subscription) -> bool:
        """False until the link in the mail was followed."""
        return row.confirmed_at is not None

    def get_secret(self, row: Subscription) -> str:
        """Empty for e-mail."""
        return webhooks.secret(row.salt) if row.channel == Subscription.Channel.WEBHOOK else ""


class Subscriptions(AccountView):
    """Signed-in users, scope "account"."""

    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "writing"

    @extend_schema(responses=SubscriptionOut(many=True))
    def get(self, request: Request) -> Response:
        """One's own subscriptions."""
        rows = Subscription.objects.filter(user=caller(request)).order_by("pk")
        return Response(SubscriptionOut(rows, many=True).data)

    @extend_schema(request=SubscriptionIn, responses={201: SubscriptionOut})
    def post(self, request: Request) -> Response:
        """Hear of proposals' states by e-mail or webhook."""
        try:
            row = subscribe.subscribe(user=caller(request), **checked(SubscriptionIn, request.data))
        except NotSubscribed as error:
            raise Conflict(str(error)) from None
        return Response(SubscriptionOut(row).data, status=status.HTTP_201_CREATED)


class SubscriptionView(AccountView):
    """The subscriber, scope "account"."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, subscription_id: int) -> Response:
        """End it; the address is forgotten."""
        if not subscribe.unsubscribe_own(user=caller(request), subscription_id=subscription_id):
            raise exceptions.NotFound("You have no such subscription.")
        return Response(status=status.HTTP_204_NO_CONTENT)
