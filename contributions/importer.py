"""Import of recordings by an operator, over HTTP: one sitting is one contributor with a wallet.

Sittings are independent, so they are spread over processes. Ids of workflows come from names of
recordings and wallets from a mnemonic, so that an import that broke off goes on where it was.
"""

import gc
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from contributions import hd_wallets
from contributions.operator_client import OperatorClient, Prepared
from lam_core import miniwob
from lam_core.schema import Source

TIMEOUT_SECONDS = 60
# New objects between two searches for cyclic garbage.
COLLECT_AFTER = 50_000
# Recordings that the project made itself with scripted input, in the same format.
SAMPLES = Path(miniwob.__file__).with_name("samples")


@dataclass(frozen=True)
class Plan:
    """What to import, whence and whither. `base_url` is the site's, without /api/v1; `only` and
    `skip` are names of recordings."""

    recordings: Path
    base_url: str
    invite: str
    operator_key: bytes = field(repr=False)
    mnemonic_file: Path
    source: Source = Source.MINIWOB
    concurrency: int = 2
    limit: int | None = None
    only: frozenset[str] | None = None
    skip: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """What became of one recording: created, duplicate, or refused with a reason."""

    name: str
    result: str
    reason: str = ""


@dataclass
class Summary:
    """Counts of an import."""

    contributors: int = 0
    created: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Recordings looked at."""
        return self.created + self.duplicates + self.refused.total()

    def add(self, outcome: Outcome) -> None:
        """Count one recording."""
        if outcome.result == "created":
            self.created += 1
        elif outcome.result == "duplicate":
            self.duplicates += 1
        else:
            self.refused[outcome.reason] += 1


def found(plan: Plan) -> list[miniwob.Recording]:
    """The recordings of a plan. Raises FileNotFoundError when there are none."""
    every = miniwob.iter_recordings(plan.recordings)
    recordings = [each for each in every if _wanted(plan, each)][: plan.limit]
    if not recordings:
        raise FileNotFoundError(f"There are no recordings in {plan.recordings}.")
    return recordings


def _wanted(plan: Plan, recording: miniwob.Recording) -> bool:
    chosen = plan.only is None or recording.name in plan.only
    return chosen and recording.name not in plan.skip


def import_recordings(
    plan: Plan, *, progress: Callable[[Outcome], None] = lambda outcome: None
) -> Summary:
    """Import all recordings of a plan; `progress` is called with each outcome.

    Raises FileNotFoundError, MnemonicOpen, ServiceUnreachable, Refused (a sign-in, for instance
    for want of invites). What was imported before stays, and the next run goes on.
    """
    sittings, nameless = _by_sitting(found(plan))
    summary = Summary(contributors=len(sittings))
    for outcome in nameless:
        summary.add(outcome)
        progress(outcome)
    for outcomes in _spread(plan, sittings):
        for outcome in outcomes:
            summary.add(outcome)
            progress(outcome)
    return summary


def _by_sitting(
    recordings: Sequence[miniwob.Recording],
) -> tuple[dict[str, list[miniwob.Recording]], list[Outcome]]:
    sittings: dict[str, list[miniwob.Recording]] = {}
    nameless = []
    for recording in recordings:
        try:
            sittings.setdefault(recording.sitting, []).append(recording)
        except miniwob.RecordingError as error:
            nameless.append(Outcome(recording.name, "refused", error.reason))
    return sittings, nameless


def _spread(plan: Plan, sittings: dict[str, list[miniwob.Recording]]) -> Iterator[list[Outcome]]:
    """Outcomes of each sitting as its process finishes with it."""
    words = hd_wallets.mnemonic(plan.mnemonic_file)
    numbers = hd_wallets.indices(plan.mnemonic_file.with_name("sittings.json"), sittings)
    # Spawned, not forked: a child inherits no connection and no thread.
    with ProcessPoolExecutor(
        plan.concurrency,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_Worker.start,
        initargs=(plan, words),
    ) as pool:
        waiting: set[Future[list[Outcome]]] = {
            pool.submit(_import_sitting, numbers[sitting], recordings)
            for sitting, recordings in sorted(sittings.items())
        }
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Worker:
    """What a process keeps between sittings: the plan, and one connection to the service."""

    plan: Plan
    words: str
    operator: LocalAccount
    http: httpx.Client
    consent_version: int = 0

    @classmethod
    def agreed_version(cls, client: OperatorClient) -> int:
        """The version of the text the operator's people agree to, asked for once."""
        cls.consent_version = cls.consent_version or client.consent_version()
        return cls.consent_version

    @classmethod
    def start(cls, plan: Plan, words: str) -> None:
        # Recordings are trees without cycles: looking for those takes a quarter of the time.
        gc.set_threshold(COLLECT_AFTER)
        cls.plan = plan
        cls.words = words
        cls.operator = Account.from_key(plan.operator_key)
        cls.http = httpx.Client(
            base_url=plan.base_url.rstrip("/") + "/api/v1/", timeout=TIMEOUT_SECONDS
        )


def _import_sitting(number: int, recordings: list[miniwob.Recording]) -> list[Outcome]:
    plan = _Worker.plan
    account = hd_wallets.accounts(_Worker.words, [number])[number]
    client = OperatorClient(_Worker.http)
    client.sign_in(account, invite=plan.invite)
    # Who only now agrees can't have submitted anything.
    known = set() if client.give_consent(_Worker.agreed_version(client)) else client.submitted()
    outcomes, sent = {}, {}
    for recording in recordings:
        if miniwob.workflow_id(recording.name, plan.source) in known:
            outcomes[recording.name] = Outcome(recording.name, "duplicate")
            continue
        try:
            sent[recording.name] = _prepared(client, plan, recording)
        except miniwob.RecordingError as error:
            outcomes[recording.name] = Outcome(recording.name, "refused", str(error.reason))
    for name, result in zip(sent, client.submit(list(sent.values())), strict=True):
        outcomes[name] = _outcome(name, result)
    client.sign_out()
    return [outcomes[recording.name] for recording in recordings]


def _prepared(client: OperatorClient, plan: Plan, recording: miniwob.Recording) -> Prepared:
    content = recording.read()
    workflow = miniwob.convert(
        content, task=recording.task, name=recording.name, source=plan.source
    )
    return client.prepare(_Worker.operator, workflow, success=miniwob.success(content))


def _outcome(name: str, result: str) -> Outcome:
    if result in ("created", "duplicate"):
        return Outcome(name, result)
    return Outcome(name, "refused", result)
