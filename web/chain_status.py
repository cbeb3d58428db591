"""How far the service is with what a person sent: the chain it followed, the calls it relays."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from chain.deployment import NotDeployed, deployment
from chain.models import Chain, Intent
from governance.models import RelayedCall
from points.chain_models import RelayedClaim

OPEN = (Intent.State.PENDING, Intent.State.ASSIGNED)
# A failure stays on the pages this long.
FAILURE_SHOWN = timedelta(hours=1)
RELAYED = {
    RelayedCall.Kind.VOTE: gettext_lazy("Your vote"),
    RelayedCall.Kind.DELEGATE: gettext_lazy("Your delegation"),
    RelayedCall.Kind.QUEUE: gettext_lazy("Queueing a proposal"),
    RelayedCall.Kind.EXECUTE: gettext_lazy("Executing a proposal"),
}


@dataclass(frozen=True)
class Relay:
    """A call that the relayer makes for a person; `failure` is empty while it is on its way."""

    what: str
    failure: str


def finalized_block() -> int:
    """The last final block whose logs are stored; 0 before the first."""
    try:
        chain_id = deployment().chain_id
    except NotDeployed:
        return 0
    found = Chain.objects.filter(chain_id=chain_id).values_list("finalized_number", flat=True)
    return found.first() or 0


def relays(request: HttpRequest) -> list[Relay]:
    """The person's relayed calls that are on their way or have lately failed."""
    if not isinstance(request.user, User):
        return []
    lately = timezone.now() - FAILURE_SHOWN
    shown = Q(intent__state__in=OPEN) | Q(
        intent__state=Intent.State.FAILED, intent__created_at__gt=lately
    )
    calls = RelayedCall.objects.filter(shown, user=request.user).select_related("intent")
    claims = RelayedClaim.objects.filter(shown, user=request.user).select_related("intent")
    return [
        *(Relay(str(RELAYED[RelayedCall.Kind(call.kind)]), call.intent.failure) for call in calls),
        *(Relay(_("Your claim"), claim.intent.failure) for claim in claims),
    ]


def open_count(found: list[Relay]) -> int:
    """How many are still on their way."""
    return sum(not relay.failure for relay in found)
