"""The Atom feed of proposals' states."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.utils.feedgenerator import Atom1Feed

from chain.clock import clock
from chain.deployment import NotDeployed
from governance.history import history
from governance.models import Proposal
from governance.notify import WORDS
from governance.state import State, tallies

PROPOSALS = 50
ENTRIES = 100


class Event(NamedTuple):
    """A proposal came into a state, in seconds since 1970."""

    proposal: Proposal
    state: State
    at: int


if TYPE_CHECKING:
    _Feed = Feed[Event, None]
else:
    _Feed = Feed


class ProposalFeed(_Feed):
    """Anyone: what became of proposals, newest first. One entry, with one id, for each state."""

    feed_type = Atom1Feed
    title = "Action Model: proposals"
    subtitle = "Every state that a proposal comes into."
    link = "/proposals/"
    author_name = "Action Model"

    def items(self) -> list[Event]:
        """The newest events of the newest proposals."""
        found = list(Proposal.objects.order_by("-block_number", "-created_at")[:PROPOSALS])
        try:
            counted, now = tallies(found), clock()
        except NotDeployed:
            return []
        events = [
            Event(each, state, at)
            for each in found
            for state, at in history(each, counted[each.pk], now)
        ]
        return sorted(events, key=lambda event: -event.at)[:ENTRIES]

    def item_title(self, item: Event) -> str:
        """The proposal and what became of it."""
        return f"{item.proposal.title}: {WORDS[item.state]}"

    def item_description(self, item: Event) -> str:
        """In a sentence."""
        return f"The proposal {WORDS[item.state]}."

    def item_link(self, item: Event) -> str:
        """Its page."""
        return f"{settings.SITE_URL.rstrip('/')}/proposals/{item.proposal.pk}"

    def item_guid(self, item: Event) -> str:
        """The same at every reading."""
        return f"urn:action-model:proposal:{item.proposal.pk}:{item.state.value}"

    def item_updateddate(self, item: Event) -> datetime:
        """By the chain."""
        return datetime.fromtimestamp(item.at, UTC)
