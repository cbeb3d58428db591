"""Recorded work: people's, imported by the operator, and bots', which must earn nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import httpx
from eth_account.signers.local import LocalAccount

from contributions import hd_wallets, importer
from contributions.importer import Plan, Summary
from contributions.models import State, Workflow
from contributions.operator_client import OperatorClient
from lam_core import bots, miniwob
from lam_core.schema import Workflow as RecordedWorkflow

BOTS_PER_KIND = 50
BOT_KINDS: dict[str, Callable[[RecordedWorkflow, int], RecordedWorkflow]] = {
    "instant": bots.instant,
    "constant-interval": bots.constant_interval,
    "replay-with-jitter": bots.replay_with_jitter,
}
# Wallets of bots lie far from those of people under the same mnemonic.
FIRST_BOT_INDEX = 1_000_000
# One recording in so many is kept for the second epoch; of a few recordings more are.
LATE_ONE_IN = 40
LATE_AT_LEAST = 6


def parts(plan: Plan) -> tuple[Plan, Plan]:
    """The import split by recording: the first epoch's part and the second's, always the same."""
    names = sorted(each.name for each in importer.found(plan))
    one_in = max(2, min(LATE_ONE_IN, len(names) // LATE_AT_LEAST))
    # At random, the same every time: names may follow a pattern, as those of samples do.
    late = frozenset(Random(0).sample(names, len(names) // one_in))  # noqa: S311
    return replace(plan, skip=late), replace(plan, only=late)


def sittings(plan: Plan) -> list[str]:
    """All sittings of an import, sorted."""
    return sorted({each.sitting for each in importer.found(plan) if _named(each)})


def _named(recording: miniwob.Recording) -> bool:
    try:
        return bool(recording.sitting)
    except miniwob.RecordingError:
        return False


def import_part(plan: Plan, advance: Callable[[], None]) -> Summary:
    """Import what a plan selects; `advance` is called once a recording."""
    return importer.import_recordings(plan, progress=lambda outcome: advance())


def submit_bots(plan: Plan, operator: LocalAccount, advance: Callable[[int], None]) -> int:
    """Submit transformed copies of accepted work under wallets of their own; returns how many.

    The operator attests what the page said, success, so that only the recording itself can give
    a bot away.
    """
    originals = list(_accepted_originals(plan, BOTS_PER_KIND))
    words = hd_wallets.mnemonic(plan.mnemonic_file)
    with httpx.Client(base_url=plan.base_url.rstrip("/") + "/api/v1/", timeout=60) as http:
        for number, transform in enumerate(BOT_KINDS.values()):
            index = FIRST_BOT_INDEX + number
            client = OperatorClient(http)
            client.sign_in(hd_wallets.accounts(words, [index])[index], invite=plan.invite)
            client.give_consent(client.consent_version())
            bots_sent = [
                client.prepare(operator, transform(original, seed), success=True)
                for seed, original in enumerate(originals)
            ]
            client.submit(bots_sent)
            advance(len(bots_sent))
            client.sign_out()
    return len(originals) * len(BOT_KINDS)


def _accepted_originals(plan: Plan, limit: int) -> Iterator[RecordedWorkflow]:
    """The first recordings that were accepted, as the operator has them on disk."""
    accepted = set(Workflow.objects.filter(state=State.ACCEPTED).values_list("pk", flat=True))
    found = 0
    for recording in importer.found(plan):
        if found == limit:
            return
        if miniwob.workflow_id(recording.name, plan.source) in accepted:
            found += 1
            yield miniwob.convert(
                recording.read(), task=recording.task, name=recording.name, source=plan.source
            )


def waiting() -> int:
    """Workflows without a verdict."""
    return Workflow.objects.filter(state=State.SUBMITTED).count()
