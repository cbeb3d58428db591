"""Routes of the pages."""

from django.urls import path
from django.utils import timezone
from django.views.decorators.http import last_modified
from django.views.i18n import JavaScriptCatalog

import governance.urls  # noqa: F401  registers the converter uint256
from governance.feed import ProposalFeed
from web.views import (
    automations,
    delegates,
    devices,
    drafts,
    epochs,
    handover,
    people,
    points,
    polls,
    proposals,
    subscriptions,
    work,
)

app_name = "web"
_started_at = timezone.now()
# The texts of the scripts in the reader's language; they change with the process alone.
words = last_modified(lambda request: _started_at)(JavaScriptCatalog.as_view())
urlpatterns = [
    path("", people.home, name="home"),
    path("words.js", words, name="words"),
    path("sign-in", people.sign_in, name="sign-in"),
    path("consent", people.consents, name="consent"),
    path("invites", people.invitations, name="invites"),
    path("pair", devices.pair, name="pair"),
    path("pair/done", devices.paired, name="paired"),
    path("devices", devices.devices, name="devices"),
    path("chain-status", people.chain_status, name="chain-status"),
    path("work", work.work, name="work"),
    path("points", points.points, name="points"),
    path("epochs/", epochs.epochs, name="epochs"),
    path("epochs/<int:number>", epochs.epoch, name="epoch"),
    path("proposals/", proposals.proposals, name="proposals"),
    path("proposals/feed.atom", ProposalFeed(), name="proposal-feed"),
    path(
        "subscriptions/confirm/<str:token>",
        subscriptions.confirm,
        name="confirm-subscription",
    ),
    path("subscriptions/end/<str:token>", subscriptions.unsubscribe, name="unsubscribe"),
    path("proposals/drafts/", drafts.drafts, name="drafts"),
    path("proposals/drafts/new", drafts.new_draft, name="new-draft"),
    path("proposals/drafts/<uuid:draft_id>", drafts.draft, name="draft"),
    path("delegates/", delegates.delegates, name="delegates"),
    path("delegates/<str:address>", delegates.delegate, name="delegate"),
    path("handover", handover.handover, name="handover"),
    path("news", subscriptions.news, name="news"),
    path("proposals/new", proposals.new_proposal, name="new-proposal"),
    path("proposals/<uint256:proposal_id>", proposals.proposal, name="proposal"),
    path("polls/", polls.polls, name="polls"),
    path("polls/new", polls.new_poll, name="new-poll"),
    path("polls/<str:poll_id>", polls.poll, name="poll"),
    path("automations/", automations.automations, name="automations"),
    path("automations/<int:automation_id>", automations.automation, name="automation"),
]
