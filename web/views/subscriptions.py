"""The links in e-mails: yes, tell me; and no more. Opening one changes nothing, its button does."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from governance import subscribe

METHODS = ["GET", "HEAD", "POST"]


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
