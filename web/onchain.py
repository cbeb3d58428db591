"""Reading the contracts for a page; a node that is away leaves a gap, not an error page."""

from typing import Any

from django.conf import settings

from chain import contracts
from chain.abi import AbiError
from chain.rpc import ChainError, Rpc

TIMEOUT_SECONDS = 3


def read(contract: str, function: str, *arguments: Any) -> Any:
    """The result of a view function at the latest block; None when it cannot be read now."""
    rpc = Rpc(settings.ETH_RPC_URL, timeout_seconds=TIMEOUT_SECONDS)
    try:
        return contracts.read(rpc, contract, function, *arguments)
    except (ChainError, AbiError):
        return None
