"""An operator's word on the outcome of an imported recording (EIP-712)."""

from typing import Any

from django.conf import settings
from eth_utils.address import to_checksum_address

from chain import signatures
from chain.deployment import deployment
from lam_core.schema import Source, Workflow

# Only these sources are imported by an operator; everybody else's success is never believed.
ATTESTABLE = frozenset({Source.MINIWOB, Source.SAMPLE})


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
        "domain": {"name": "Action Model", "version": "1", "chainId": chain_id},
        "message": {"workflowId": workflow_id, "workflowDigest": digest, "success": success},
    }


def check(workflow: Workflow, digest: str, attestation: dict[str, Any]) -> tuple[bool, str]:
    """(success, the operator's address) of an attestation that counts. Raises AttestationError."""
    success, operator, signature = _fields(attestation)
    if workflow.source not in ATTESTABLE:
        raise AttestationError("success", f"Work of source '{workflow.source}' can't be attested.")
    if operator not in {to_checksum_address(known) for known in settings.OPERATOR_ADDRESSES}:
        raise AttestationError("operator", f"{operator} is not an operator of this service.")
    message = typed_data(
        chain_id=deployment().chain_id,
        workflow_id=str(workflow.id),
        digest=digest,
        success=success,
    )
    if not signatures.verify(
        address=operator, digest=signatures.typed_data_digest(message), signature=signature
    ):
        raise AttestationError("signature", f"This is not {operator}'s attestation.")
    return success, operator


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
