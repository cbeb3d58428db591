"""Which contracts are ours: the manifest that the deployment wrote."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from eth_utils.address import to_checksum_address

from chain.abi import Contract, contract
from chain.rpc import ChainError


class NotDeployed(ChainError):
    """There is no manifest, or it does not name the contract."""


@dataclass(frozen=True)
class Deployment:
    """The contracts on one chain; `block_number` is where following them begins."""

    chain_id: int
    block_number: int
    addresses: dict[str, str]
    parameters: dict[str, Any]

    def address(self, name: str) -> str:
        """The checksummed address of a contract. Raises NotDeployed."""
        if name not in self.addresses:
            raise NotDeployed(f"the manifest {settings.DEPLOYMENT_PATH} has no {name}")
        return self.addresses[name]

    def contract_at(self, address: str) -> Contract | None:
        """The ABI of one of our contracts; None for a stranger's address."""
        name = self.names.get(to_checksum_address(address))
        return contract(name) if name else None

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """Contract names by address."""
        return {address: name for name, address in self.addresses.items()}


def deployment() -> Deployment:
    """The manifest at settings.DEPLOYMENT_PATH, read again when the file changes."""
    path = Path(settings.DEPLOYMENT_PATH)
    try:
        stamp = path.stat().st_mtime_ns
    except FileNotFoundError:
        raise NotDeployed(f"no contracts are deployed: {path} does not exist") from None
    return _load(path, stamp)


@functools.lru_cache(maxsize=8)
def _load(path: Path, stamp: int) -> Deployment:
    manifest = json.loads(path.read_text())
    return Deployment(
        chain_id=int(manifest["chain_id"]),
        block_number=int(manifest["block_number"]),
        addresses={
            name: to_checksum_address(entry["address"])
            for name, entry in manifest["contracts"].items()
        },
        parameters=manifest.get("parameters", {}),
    )
