"""An operator's word on the outcome of an imported recording (EIP-712)."""

import functools
from typing import Any

from django.conf import settings
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain import signatures
from chain.deployment import deployment
from lam_core.schema import Source, Workflow

# Only these sources are imported by an operator; everybody else's success is never believed.
ATTESTABLE = frozenset({Source.MINIWOB, Source.SAMPLE})


NAME, VERSION = "Action Model", "1"


class AttestationError(ValueError):
    """The attestation does not count; `field` says which part of it is wrong."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


def typed_data(*, chain_id: int, workflow_id: str, digest: str, success: bool) -> dict[str, Any]:
    """What the operator signs."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
            ],
            "Attestation": [
                {"name": "workflowId", "type": "string"},
                {"name": "workflowDigest", "type": "bytes32"},
                {"name": "success", "type": "bool"},
            ],
        },
        "primaryType": "Attestation",
        "domain": {"name": NAME, "version": VERSION, "chainId": chain_id},
        "message": {"workflowId": workflow_id, "workflowDigest": digest, "success": success},
    }


def digest(*, chain_id: int, workflow_id: str, body_digest: str, success: bool) -> bytes:
    """The EIP-712 digest of `typed_data`, put together directly: importers make thousands."""
    domain, attestation = _constants(chain_id)
    words = [
        attestation,
        keccak(text=workflow_id),
        bytes.fromhex(body_digest[2:]),
        success.to_bytes(32),
    ]
    return keccak(b"\x19\x01" + domain + keccak(b"".join(words)))


@functools.lru_cache(maxsize=8)
def _constants(chain_id: int) -> tuple[bytes, bytes]:
    """The domain's separator and the type hash, which are the same for every attestation."""
    types = typed_data(chain_id=chain_id, workflow_id="", digest="", success=False)["types"]
    hashes = {name: keccak(text=_encoded_type(name, fields)) for name, fields in types.items()}
    words = [hashes["EIP712Domain"], keccak(text=NAME), keccak(text=VERSION)]
    return keccak(b"".join([*words, chain_id.to_bytes(32)])), hashes["Attestation"]


def _encoded_type(name: str, fields: list[dict[str, str]]) -> str:
    return f"{name}({','.join(each['type'] + ' ' + each['name'] for each in fields)})"


def check(workflow: Workflow, body_digest: str, attestation: dict[str, Any]) -> tuple[bool, str]:
    """(success, the operator's address) of an attestation that counts. Raises AttestationError."""
    success, operator, signature = _fields(attestation)
    if workflow.source not in ATTESTABLE:
        raise AttestationError("success", f"Work of source '{workflow.source}' can't be attested.")
    if operator not in _checksummed(tuple(settings.OPERATOR_ADDRESSES)):
        raise AttestationError("operator", f"{operator} is not an operator of this service.")
    signed = digest(
        chain_id=deployment().chain_id,
        workflow_id=str(workflow.id),
        body_digest=body_digest,
        success=success,
    )
    if not signatures.verify(address=operator, digest=signed, signature=signature):
        raise AttestationError("signature", f"This is not {operator}'s attestation.")
    return success, operator


@functools.lru_cache(maxsize=8)
def _checksummed(addresses: tuple[str, ...]) -> frozenset[str]:
    return frozenset(to_checksum_address(each) for each in addresses)


def _fields(attestation: dict[str, Any]) -> tuple[bool, str, bytes]:
    unknown = set(attestation) - {"success", "operator", "signature"}
    if unknown:
        raise AttestationError(min(unknown), "Unknown field.")
    success = attestation.get("success")
    if not isinstance(success, bool):
        raise AttestationError("success", "Must be true or false.")
    try:
        operator = to_checksum_address(attestation["operator"])
    except (KeyError, ValueError, TypeError):
        raise AttestationError("operator", "Must be an address.") from None
    try:
        return success, operator, bytes.fromhex(attestation["signature"].removeprefix("0x"))
    except (KeyError, ValueError, AttributeError):
        raise AttestationError("signature", "Must be hexadecimal.") from None
