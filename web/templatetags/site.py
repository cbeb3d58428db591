"""What every page tells its scripts."""

from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.http import HttpRequest

from chain.deployment import Deployment, NotDeployed, deployment
from web.chain_status import Relay, finalized_block, open_count, relays
from web.people import address_of

CONTRACTS = ("LAMToken", "RewardsDistributor", "LAMGovernor", "Handover")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

register = template.Library()


def current_deployment() -> Deployment | None:
    """The contracts; None while there are none: pages can be read without."""
    try:
        return deployment()
    except NotDeployed:
        return None


def public_rpc_url() -> str:
    """The node that wallets may be told about: never one whose URL may carry a secret."""
    url: str = settings.ETH_RPC_URL
    return url if urlsplit(url).hostname in LOOPBACK else ""


def _addresses(deployed: Deployment) -> dict[str, str]:
    return {name: deployed.addresses[name] for name in CONTRACTS if name in deployed.addresses}


@register.simple_tag(takes_context=True)
def relayed_calls(context: dict[str, Any]) -> list[Relay]:
    """The person's calls that the relayer is sending or that lately failed."""
    return relays(context["request"])


@register.simple_tag(takes_context=True)
def site_data(context: dict[str, Any]) -> dict[str, Any]:
    """For the JSON block `site` of the base template."""
    request: HttpRequest = context["request"]
    deployed = current_deployment()
    return {
        "chain_id": deployed.chain_id if deployed else None,
        "chain_name": settings.SITE_CHAIN_NAME,
        "rpc_url": public_rpc_url(),
        "address": address_of(request),
        "finalized_block": finalized_block(),
        "open_relays": open_count(context["relays"]),
        "contracts": _addresses(deployed) if deployed else {},
    }
