"""Reading our contracts on the node."""

from typing import Any

from chain.abi import contract
from chain.deployment import deployment
from chain.rpc import BlockId, Rpc


def read(rpc: Rpc, name: str, function: str, *arguments: Any, block: BlockId = "latest") -> Any:
    """The result of a view function of one of our contracts, decoded (see chain.abi).

    Raises Reverted, RpcError, ChainUnavailable, NotDeployed and AbiError.
    """
    abi = contract(name)
    data = abi.encode_call(function, *arguments)
    answer = rpc.read(to=deployment().address(name), data=data, block=block)
    return abi.decode_result(function, answer, len(arguments))


def signing_domain(rpc: Rpc, name: str) -> dict[str, Any]:
    """The EIP-712 domain of one of our contracts, as the contract states it (ERC-5267)."""
    _, title, version, chain_id, address, _, _ = read(rpc, name, "eip712Domain")
    return {
        "name": title,
        "version": version,
        "chainId": chain_id,
        "verifyingContract": address,
    }
