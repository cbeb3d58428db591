"""Discussion of proposals and shared drafts: written by holders, moderated with a visible trace."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from governance.holders import require_holder
from governance.models import Proposal
from governance.people_models import COMMENT_MAX, Comment, ProposalDraft
from governance.propose import ProposalError

WINDOW = timedelta(hours=1)


class TooMany(Exception):
    """The account has written its share of the hour."""


def about_proposal(proposal_id: int) -> QuerySet[Comment]:
    """What was said about a proposal, and about the draft it was made from; oldest first."""
    said = Q(proposal=proposal_id) | Q(draft__proposal=proposal_id, draft__shared_at__isnull=False)
    return Comment.objects.filter(said).order_by("written_at", "pk")


def about_draft(draft: ProposalDraft) -> QuerySet[Comment]:
    """What was said about a draft, oldest first."""
    return draft.comments.order_by("written_at", "pk")


def comment(
    *, author: User, body: str, proposal_id: int = 0, draft_id: UUID | None = None
) -> Comment:
    """Say something about a proposal or a shared draft.

    Raises NotAHolder, TooMany, ProposalError naming the field, and ChainError.
    """
    body = _text(body)
    if draft_id is None and not Proposal.objects.filter(pk=proposal_id).exists():
        raise ProposalError("proposal", "There is no such proposal, or it is not final yet.")
    if draft_id is not None and not _is_shared(draft_id):
        raise ProposalError("draft", "There is no such shared draft.")
    address = require_holder(author)
    with transaction.atomic():
        # The user's row is locked, so that parallel requests are counted one after the other.
        User.objects.select_for_update().get(pk=author.pk)
        _require_below_limit(author)
        return Comment.objects.create(
            author=author, address=address, body=body, proposal=proposal_id, draft_id=draft_id
        )


def _is_shared(draft_id: UUID) -> bool:
    return ProposalDraft.objects.filter(pk=draft_id, shared_at__isnull=False).exists()


def _text(body: str) -> str:
    body = body.strip()
    if not body or "\0" in body or len(body) > COMMENT_MAX:
        raise ProposalError("body", f"Between 1 and {COMMENT_MAX} characters, without NUL.")
    return body


def _require_below_limit(author: User) -> None:
    lately = Comment.objects.filter(author=author, written_at__gt=timezone.now() - WINDOW)
    if lately.count() >= settings.COMMENTS_PER_HOUR:
        raise TooMany(f"At most {settings.COMMENTS_PER_HOUR} comments an hour.")


def edit(*, author: User, comment_id: int, body: str) -> Comment:
    """Change one's own comment; it shows as edited. Raises DoesNotExist, ProposalError."""
    body = _text(body)
    with transaction.atomic():
        row = _own(author, comment_id)
        row.body, row.edited_at = body, timezone.now()
        row.save(update_fields=["body", "edited_at"])
    return row


def delete(*, author: User, comment_id: int) -> None:
    """Empty one's own comment; that there was one stays visible. Raises DoesNotExist."""
    with transaction.atomic():
        row = _own(author, comment_id)
        row.body, row.deleted_at = "", timezone.now()
        row.save(update_fields=["body", "deleted_at"])


def _own(author: User, comment_id: int) -> Comment:
    """A comment of one's own that is neither deleted nor hidden, locked."""
    own = Comment.objects.select_for_update().filter(author=author)
    return own.get(pk=comment_id, deleted_at__isnull=True, hidden_at__isnull=True)
