"""The service's API as an operator's importer uses it: nothing here reaches the database."""

import gzip
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount

from accounts import siwe
from contributions.attestation import typed_data
from lam_core.schema import Workflow

ATTEMPTS = 6
GZIP_FROM_BYTES = 256 * 1024
MESSAGE_LIFETIME = timedelta(minutes=5)
CONSENT_SCOPE = "contribute"


class ServiceUnreachable(RuntimeError):
    """The service did not answer, several times; what was stored stays, run again to go on."""


class Refused(RuntimeError):
    """The service refused a request; `code` is its reason."""

    def __init__(self, message: str, status: int, code: str) -> None:
        # All arguments go to the base class, so that the error can cross processes.
        super().__init__(message, status, code)
        self.status = status
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


def _refusal(response: httpx.Response) -> Refused:
    problem = _problem(response)
    errors = problem.get("errors") or [{}]
    code = errors[0].get("code") or problem.get("type", "").rpartition(":")[2]
    detail = errors[0].get("detail") or problem.get("detail") or response.text[:200]
    where = response.request.url.path
    return Refused(
        f"{where} answered {response.status_code}: {detail}", response.status_code, str(code)
    )


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


@dataclass
class OperatorClient:
    """One contributor's session, held by the operator who imports for them."""

    http: httpx.Client
    token: str = ""
    chain_id: int = 0

    def sign_in(self, account: LocalAccount, *, invite: str) -> None:
        """Sign in with a wallet (EIP-4361); the invite lets a new one in. Raises Refused."""
        challenge = self.call("POST", "auth/nonce").json()
        now = datetime.now(UTC)
        message = siwe.compose(
            domain=challenge["domain"],
            address=account.address,
            statement=challenge["statement"],
            uri=challenge["uri"],
            chain_id=challenge["chain_id"],
            nonce=challenge["nonce"],
            issued_at=now,
            expiration_time=now + MESSAGE_LIFETIME,
        )
        signed = account.sign_message(encode_defunct(text=message))
        body = {
            "message": message,
            "signature": "0x" + signed.signature.hex(),
            "invite": invite,
            "label": "import",
        }
        self.token = self.call("POST", "auth/verify", orjson.dumps(body)).json()["token"]
        self.chain_id = challenge["chain_id"]

    def sign_out(self) -> None:
        """Revoke the session's token."""
        self.call("POST", "auth/sign-out")

    def give_consent(self) -> bool:
        """Agree to the current text of what submitting needs; False when agreed already."""
        texts = self.call("GET", "consents").json()
        (text,) = (text for text in texts if text["scope"] == CONSENT_SCOPE)
        if text["given_at"] is not None:
            return False
        body = {"scope": CONSENT_SCOPE, "version": text["version"]}
        self.call("POST", "consents", orjson.dumps(body))
        return True

    def submitted(self) -> set[UUID]:
        """The ids of all workflows of this contributor."""
        found: set[UUID] = set()
        url: str | None = "workflows?page_size=200"
        while url:
            page = self.call("GET", url).json()
            found |= {UUID(row["id"]) for row in page["results"]}
            url = page["next"]
        return found

    def submit(self, workflow: Workflow, attestation: dict[str, Any] | None) -> bool:
        """Send a workflow; whether it was new. Raises Refused."""
        parts = [b'{"workflow":', workflow.to_json()]
        if attestation is not None:
            parts += [b',"attestation":', orjson.dumps(attestation)]
        body = b"".join([*parts, b"}"])
        return self.call("POST", "workflows", body).status_code == httpx.codes.CREATED

    def attest(
        self, operator: LocalAccount, workflow: Workflow, *, success: bool
    ) -> dict[str, Any]:
        """The operator's signed word on the outcome."""
        message = typed_data(
            chain_id=self.chain_id,
            workflow_id=str(workflow.id),
            digest=workflow.digest(),
            success=success,
        )
        signed = operator.sign_message(encode_typed_data(full_message=message))
        signature = "0x" + signed.signature.hex()
        return {"success": success, "operator": operator.address, "signature": signature}

    def call(self, method: str, path: str, body: bytes = b"") -> httpx.Response:
        """Any request of the API, tried again while the service is away. Raises Refused."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if len(body) >= GZIP_FROM_BYTES:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        response = self._patiently(method, path, body, headers)
        if response.is_success:
            return response
        raise _refusal(response)

    def _patiently(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        """Try again while the service is away, busy or limits us; every request is idempotent."""
        problem = ""
        for attempt in range(ATTEMPTS):
            pause = 0.25 * 2**attempt
            try:
                response = self.http.request(method, path, content=body, headers=headers)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__} {error}"
            else:
                if response.status_code not in (429, 502, 503, 504):
                    return response
                problem = f"answers {response.status_code}"
                pause = max(pause, float(response.headers.get("Retry-After") or 0))
            if attempt + 1 < ATTEMPTS:
                time.sleep(min(pause, 60))
        raise ServiceUnreachable(f"{self.http.base_url} {problem}")
