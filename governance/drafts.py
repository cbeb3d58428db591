"""Drafts of proposals: kept for their author, shared for discussion when the author says so."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from governance import proposal_templates
from governance.models import Proposal
from governance.people_models import ProposalDraft
from governance.propose import Draft

DRAFTS_MAX = 50


class DraftRefused(Exception):
    """The draft cannot be kept, changed or deleted now; the message says why, for people."""


def visible_to(user: User | None) -> QuerySet[ProposalDraft]:
    """Shared drafts, and the user's own."""
    shared = Q(shared_at__isnull=False)
    return ProposalDraft.objects.filter(shared | Q(author=user) if user else shared)


def built(row: ProposalDraft) -> Draft:
    """The proposal as the draft stands. Raises ProposalError when it no longer can be built."""
    return proposal_templates.build(
        template=row.template,
        fields=row.fields,
        title=row.title,
        body=row.body,
        proposer=row.proposer,
    )


def is_proposed(row: ProposalDraft) -> bool:
    """Somebody has proposed exactly this."""
    return Proposal.objects.filter(pk=row.proposal).exists()


def save(
    *,
    author: User,
    draft_id: UUID | None = None,
    template: str,
    fields: Mapping[str, Any],
    title: str,
    body: str,
    proposer: str,
    shared: bool,
) -> ProposalDraft:
    """Keep a new draft or change one's own. Raises ProposalError, DraftRefused, DoesNotExist.

    Sharing is for good: others may have answered.
    """
    draft = proposal_templates.build(
        template=template, fields=fields, title=title, body=body, proposer=proposer
    )
    with transaction.atomic():
        row = _own(author, draft_id) if draft_id else _new(author)
        row.template, row.fields = template, dict(fields)
        row.title, row.body, row.proposer = title, body, proposer
        row.proposal = draft.proposal_id
        row.updated_at = timezone.now()
        if shared and row.shared_at is None:
            row.shared_at = row.updated_at
        row.save()
    return row


def delete(*, author: User, draft_id: UUID) -> None:
    """Delete one's own draft with its discussion. Raises DraftRefused once it was proposed."""
    with transaction.atomic():
        _own(author, draft_id).delete()


def _new(author: User) -> ProposalDraft:
    User.objects.select_for_update().get(pk=author.pk)
    if ProposalDraft.objects.filter(author=author).count() >= DRAFTS_MAX:
        raise DraftRefused(f"You have {DRAFTS_MAX} drafts; delete one first.")
    return ProposalDraft(author=author)


def _own(author: User, draft_id: UUID) -> ProposalDraft:
    row = ProposalDraft.objects.select_for_update().get(pk=draft_id, author=author)
    if is_proposed(row):
        raise DraftRefused("This was proposed; it stays as it is.")
    return row
