"""Limits per client address, from the rates in settings."""

import time

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

_PERIOD_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class AddressThrottle(BaseThrottle):
    """At most N requests of a client address per window of a view's `throttle_scope`.

    The rate is `N/sec`, `N/min`, `N/hour` or `N/day` in DEFAULT_THROTTLE_RATES; empty means no
    limit. One counter per window, so that a high rate costs no more than a low one.
    """

    wait_seconds: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request; False when there were too many in this window."""
        scope: str = getattr(view, "throttle_scope", "auth")
        rate = api_settings.DEFAULT_THROTTLE_RATES.get(scope)
        if not rate:
            return True
        amount, period = str(rate).split("/")
        seconds = _PERIOD_SECONDS[period[0]]
        window, elapsed = divmod(time.time(), seconds)
        key = f"throttle:{scope}:{self.get_ident(request)}:{int(window)}"
        cache.add(key, 0, timeout=seconds + 1)
        self.wait_seconds = seconds - elapsed
        return int(cache.incr(key)) <= int(amount)

    def wait(self) -> float | None:
        """Seconds until the next window, for Retry-After."""
        return self.wait_seconds
