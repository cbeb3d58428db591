"""The discussion of a proposal or a draft, for its page."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from governance.markdown import to_html
from governance.people_models import Comment


def html(text: str) -> SafeString:
    """Markdown of a stranger; `to_html` has sanitised it."""
    return mark_safe(to_html(text))  # noqa: S308


def comments(request: HttpRequest, rows: Iterable[Comment]) -> list[dict[str, Any]]:
    """Each comment as everybody sees it, marked where it is the reader's own."""
    return [
        {
            "id": row.pk,
            "author": row.address,
            "body": row.body,
            "html": html(row.body),
            "written_at": row.written_at,
            "edited_at": row.edited_at,
            "deleted_at": row.deleted_at,
            "hidden_at": row.hidden_at,
            "hidden_reason": row.hidden_reason,
            "own": row.author_id == request.user.pk,
        }
        for row in rows
    ]
