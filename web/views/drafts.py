"""Drafts of proposals: choosing a template, writing, showing to others, proposing."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import User
from chain.deployment import NotDeployed
from contributions.models import Document, Kind
from governance import discuss
from governance import drafts as kept
from governance.call_words import CAPABILITIES as CAPABILITY_WORDS
from governance.people_models import ProposalDraft
from governance.proposal_templates import ASSETS, CAPABILITIES, PARAMETERS, TEMPLATES
from governance.propose import ProposalError
from web.discussions import comments, html
from web.people import address_of, person_required
from web.policies import next_epoch_number
from web.simulations import effect_of, run_of
from web.templatetags.amounts import lam_exact
from web.views.proposals import actions

PAGE_SIZE = 25
DOCUMENT_KINDS = {
    "reward_policy": Kind.REWARD_POLICY,
    "verifier_release": Kind.VERIFIER_RELEASE,
    "model_release": Kind.MODEL_RELEASE,
}
DOCUMENTS_SHOWN = 100


def _choices(template: str, name: str) -> list[tuple[str, Any]]:
    """What a field may be, with words for it; empty for a free one."""
    if name == "document_hash":
        known = Document.objects.filter(kind=DOCUMENT_KINDS[template]).order_by("-registered_at")
        return [(row.hash, _document_name(row)) for row in known[:DOCUMENTS_SHOWN]]
    if name == "capability":
        return [(key, CAPABILITY_WORDS[each]) for key, each in CAPABILITIES.items()]
    if name == "parameter":
        return [(key, each.label) for key, each in PARAMETERS.items()]
    return [(each, each) for each in ASSETS] if name == "asset" else []


def _document_name(row: Document) -> str:
    name = row.document.get("name", "") if isinstance(row.document, dict) else ""
    return f"{name} {row.hash}".strip()


LABELS = {
    "document_hash": (_("Document"), _("One that was registered here before.")),
    "effective_epoch": (_("From epoch"), _("It takes effect with an epoch that opens then.")),
    "asset": (_("What"), ""),
    "recipient": (_("To address"), ""),
    "amount": (_("Amount"), _("In LAM or ether, with up to 18 decimals.")),
    "capability": (_("Capability"), ""),
    "holder": (_("Whom to elect (address)"), ""),
    "not_after": (_("Until"), _("In UTC; at most four years from the execution.")),
    "parameter": (_("Parameter"), ""),
    "value": (_("New value"), _("A whole number in the parameter's unit.")),
    "calls": (
        _("Calls"),
        _("One a line: target address, wei to send, calldata as hex. They run in this order."),
    ),
}
KINDS = {"effective_epoch": "number", "not_after": "datetime-local", "calls": "textarea"}


def _fields(template: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The form of a template, filled in."""
    made = []
    for name in TEMPLATES[template].fields:
        shown = "amount" if name == "amount_wei" else name
        label, hint = LABELS[shown]
        choices = _choices(template, name)
        made.append(
            {
                "name": shown,
                "label": label,
                "hint": hint,
                "choices": choices,
                "kind": "select" if choices else KINDS.get(name, "text"),
                "value": _shown_value(name, values.get(name)),
            }
        )
    return made


def _shown_value(name: str, value: Any) -> Any:
    if value is None:
        return next_epoch_number() if name == "effective_epoch" else ""
    if name == "amount_wei":
        return lam_exact(value).replace(",", "")
    if name == "calls":
        return "\n".join(f"{c['target']} {c['value_wei']} {c['calldata']}" for c in value)
    return value


def _groups() -> list[dict[str, str]]:
    return [{"name": name, "label": each.label} for name, each in TEMPLATES.items()]


@require_safe
def drafts(request: HttpRequest) -> HttpResponse:
    """Anyone: shared drafts; a signed-in person also their own."""
    user = request.user if isinstance(request.user, User) else None
    found = kept.visible_to(user).order_by("-created_at")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "section": "proposals",
        "page": page,
        "templates": _groups(),
        "address": address_of(request),
    }
    return render(request, "web/drafts.html", context)


@require_safe
@person_required
def new_draft(request: HttpRequest) -> HttpResponse:
    """The signed-in person: write a proposal by a template."""
    template = request.GET.get("template", "calls")
    if template not in TEMPLATES:
        raise Http404
    context = {
        "section": "proposals",
        "template": template,
        "label": TEMPLATES[template].label,
        "fields": _fields(template, {}),
        "has_documents": template not in DOCUMENT_KINDS
        or bool(_choices(template, "document_hash")),
    }
    return render(request, "web/draft_new.html", context)


@require_safe
def draft(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Anyone: a shared draft; its author also changes and proposes it."""
    user = request.user if isinstance(request.user, User) else None
    row = get_object_or_404(kept.visible_to(user), pk=draft_id)
    context = {
        "section": "proposals",
        "draft": row,
        "label": TEMPLATES[row.template].label,
        "body": html(row.body),
        "own": user is not None and row.author_id == user.pk,
        "proposed": kept.is_proposed(row),
        "fields": _fields(row.template, row.fields),
        "template": row.template,
        "address": address_of(request),
        "proposal_id": row.proposal,
        "draft_id": row.pk,
        "run": run_of(row.proposal),
        "comments": comments(request, discuss.about_draft(row)) if row.shared_at else [],
        **_built(row),
    }
    return render(request, "web/draft.html", context)


def _built(row: ProposalDraft) -> dict[str, Any]:
    """Its calls in plain words and what its author's wallet sends; or why it cannot be built."""
    try:
        made = kept.built(row)
        targets, values, calldatas = made.lists
        return {
            "actions": actions(made.calls, []),
            "effect": effect_of(made.calls),
            "call": {
                "targets": targets,
                "values": [str(value) for value in values],
                "calldatas": ["0x" + data.hex() for data in calldatas],
                "description": made.description,
            },
        }
    except (ProposalError, NotDeployed) as error:
        return {"problem": str(error), "actions": [], "effect": None, "call": None}
