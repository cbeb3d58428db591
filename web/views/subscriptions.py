"""The links in e-mails: yes, tell me; and no more. Opening one changes nothing, its button does."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from governance import subscribe, webhooks
from governance.people_models import Subscription
from web.people import person_required, signed_in_user

METHODS = ["GET", "HEAD", "POST"]
WEBHOOK = Subscription.Channel.WEBHOOK


@require_safe
@person_required
def news(request: HttpRequest) -> HttpResponse:
    """The signed-in person: where they hear of proposals."""
    rows = Subscription.objects.filter(user=signed_in_user(request)).order_by("pk")
    shown = [
        {
            "id": row.pk,
            "channel": row.get_channel_display(),
            "target": row.target,
            "confirmed": row.confirmed_at is not None,
            "secret": webhooks.secret(row.salt) if row.channel == WEBHOOK else "",
        }
        for row in rows
    ]
    context = {"section": "proposals", "rows": shown, "email": settings.EMAIL_ENABLED}
    return render(request, "web/news.html", context)


@require_http_methods(METHODS)
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever got the mail: the address wants to hear of proposals."""
    done = subscribe.confirm(token) if request.method == "POST" else None
    return _page(request, "confirm", done)


# Mail programs post this by themselves (RFC 8058); the token in the address is the proof.
@csrf_exempt
@require_http_methods(METHODS)
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever got a mail: the address is forgotten."""
    done = subscribe.unsubscribe(token) if request.method == "POST" else None
    return _page(request, "end", done)


def _page(request: HttpRequest, step: str, done: bool | None) -> HttpResponse:
    status = 404 if done is False else 200
    return render(request, "web/subscription.html", {"step": step, "done": done}, status=status)
