"""The list of blocked sites, so that recorders keep to what the service refuses anyway."""

from functools import cache
from hashlib import sha256
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contributions import blocklist


class BlocklistSerializer(serializers.Serializer[Any]):
    """Categories by domain; a host is blocked when it is one of the domains or below one."""

    version = serializers.CharField(help_text="Changes with the list.")
    domains = serializers.DictField(child=serializers.CharField())


@cache
def version() -> str:
    """The SHA-256 of the list's file."""
    return sha256(blocklist.PATH.read_bytes()).hexdigest()


class BlocklistView(APIView):
    """Anyone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="blocklist",
        description="Anyone. The sites that are never recorded, with the category of each.",
        responses={200: BlocklistSerializer},
    )
    def get(self, request: Request) -> Response:
        """The whole list."""
        answer = {"version": version(), "domains": blocklist.entries()}
        return Response(BlocklistSerializer(answer).data)
