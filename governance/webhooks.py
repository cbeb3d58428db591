"""Signed calls of people's webhooks (Standard Webhooks), to addresses of the public internet only.

The name is resolved once, every address it has is checked, and the connection goes to a checked
address: a name that answers differently the second time gains nothing. Redirects are not followed.
"""

import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
from django.conf import settings

TIMEOUT_SECONDS = 10
URL_MAX = 500
# IPv6 networks that carry an IPv4 address inside.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.ip_network("2002::/16")


class Forbidden(ValueError):
    """The URL is none we call; the message says why, for people."""


class NotDelivered(RuntimeError):
    """The call failed or was not answered with success. `gone` says never to call again."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


def check_url(url: str) -> None:
    """Refuse what could never be called. Raises Forbidden."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("This is not a URL.") from None
    private = settings.WEBHOOKS_ALLOW_PRIVATE
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Forbidden("An https URL is needed.")
    if not parts.hostname or parts.username is not None or len(url) > URL_MAX or port == 0:
        raise Forbidden("A URL with a host and without a name or password is needed.")
    if not url.isascii() or any(ord(each) <= 0x20 for each in url):
        raise Forbidden("A URL has no spaces and only ASCII characters.")
    checked_addresses(parts.hostname, port or (443 if parts.scheme == "https" else 80))


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, all of them public. Raises Forbidden."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Forbidden(f"{host} is not known in the domain name system.") from None
    addresses = [str(each[4][0]) for each in found]
    if not settings.WEBHOOKS_ALLOW_PRIVATE and not all(map(is_public, addresses)):
        raise Forbidden(f"{host} is not on the public internet.")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everybody, and so none of our own machines."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if inner := ip.ipv4_mapped:
            return is_public(str(inner))
        if ip in NAT64 or ip in SIX_TO_FOUR or ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast


class _CheckedBackend(httpcore.SyncBackend):
    """Connects to checked addresses only; TLS still verifies the name."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first address of the host."""
        address = checked_addresses(host, port)[0]
        return super().connect_tcp(address, port, timeout, local_address, socket_options)


def secret(salt: str) -> str:
    """A subscription's secret, derived from its salt and the site's key, so that it is stored
    nowhere."""
    key = hmac.digest(settings.SECRET_KEY.encode(), f"webhook:{salt}".encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(key).decode()


def signature(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature: v1 and the base64 of HMAC-SHA256 over id.timestamp.body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def call(url: str, *, secret: str, message_id: str, body: bytes) -> None:
    """POST a body, signed. Raises NotDelivered, Forbidden; the same message keeps its id."""
    check_url(url)
    timestamp = int(time.time())
    headers: dict[bytes | str, bytes | str] = {
        "content-type": "application/json",
        "user-agent": "Action-Model-Webhook/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(
            secret=secret, message_id=message_id, timestamp=timestamp, body=body
        ),
    }
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=ssl.create_default_context(), network_backend=_CheckedBackend()
            ) as pool,
            # The answer's body is nobody's business: only its status is read.
            pool.stream(
                "POST", url, headers=headers, content=body, extensions={"timeout": timeout}
            ) as answer,
        ):
            status = answer.status
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise NotDelivered(f"{type(error).__name__}: {error}"[:300]) from error
    if not 200 <= status < 300:
        raise NotDelivered(f"The webhook answered {status}.", gone=status == 410)
