"""The service's API as an operator's importer uses it: nothing here reaches the database."""

import gzip
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from accounts import siwe
from contributions import attestation
from lam_core.schema import MAX_BATCH, Workflow, body_digest

ATTEMPTS = 6
GZIP_FROM_BYTES = 256 * 1024
# A request of several workflows is no larger, unless one of them is.
BATCH_BYTES = 4 * 1024 * 1024
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
    detail = errors[0].get("detail") or problem.get("detail") or response.text[:200]
    where = response.request.url.path
    return Refused(
        f"{where} answered {response.status_code}: {detail}",
        response.status_code,
        _reason(problem),
    )


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A workflow's envelope, ready to be sent."""

    id: UUID
    envelope: bytes = field(repr=False)


def batches(sent: Iterable[Prepared]) -> Iterator[list[Prepared]]:
    """Parts that one request takes, in order."""
    part: list[Prepared] = []
    size = 0
    for each in sent:
        if part and (len(part) == MAX_BATCH or size + len(each.envelope) > BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each.envelope)
    if part:
        yield part


def _outcome(item: dict[str, Any]) -> str:
    if item["problem"] is None:
        return "created" if item["status"] == httpx.codes.CREATED else "duplicate"
    return _reason(item["problem"]) or str(item["status"])


def _reason(problem: dict[str, Any]) -> str:
    """The code of a problem: the first field's, else its own."""
    errors = problem.get("errors") or [{}]
    return str(errors[0].get("code") or problem.get("type", "").rpartition(":")[2])


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

    def consent_version(self) -> int:
        """The version of the current text of what submitting needs."""
        texts = self.call("GET", "consents").json()
        (version,) = (text["version"] for text in texts if text["scope"] == CONSENT_SCOPE)
        return int(version)

    def give_consent(self, version: int) -> bool:
        """Agree to what submitting needs; False when agreed already. Raises Refused."""
        body = orjson.dumps({"scope": CONSENT_SCOPE, "version": version})
        return self.call("POST", "consents", body).status_code == httpx.codes.CREATED

    def submitted(self) -> set[UUID]:
        """The ids of all workflows of this contributor."""
        found: set[UUID] = set()
        url: str | None = "workflows?page_size=200"
        while url:
            page = self.call("GET", url).json()
            found |= {UUID(row["id"]) for row in page["results"]}
            url = page["next"]
        return found

    def submit(self, sent: Sequence[Prepared]) -> list[str]:
        """Send workflows in as few requests as they fit; "created", "duplicate" or, for what is
        refused, the reason, in their order. Raises Refused when the service refuses all."""
        return [outcome for part in batches(sent) for outcome in self._submit(part)]

    def _submit(self, part: Sequence[Prepared]) -> list[str]:
        body = b'{"workflows":[' + b",".join(each.envelope for each in part) + b"]}"
        answer = orjson.loads(self.call("POST", "workflows/batch", body).content)
        return [_outcome(item) for item in answer["results"]]

    def prepare(self, operator: LocalAccount, workflow: Workflow, *, success: bool) -> Prepared:
        """A workflow with the operator's signed word on its outcome, ready to be sent."""
        body = workflow.to_json()
        digest = attestation.digest(
            chain_id=self.chain_id,
            workflow_id=str(workflow.id),
            body_digest=body_digest(body),
            success=success,
        )
        signed = operator.unsafe_sign_hash(Hash32(digest))
        signature = "0x" + signed.signature.hex()
        attested = {"success": success, "operator": operator.address, "signature": signature}
        parts = [b'{"workflow":', body, b',"attestation":', orjson.dumps(attested), b"}"]
        return Prepared(workflow.id, b"".join(parts))

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
