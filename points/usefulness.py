"""What a workflow's pay depends on besides its verdict: how new its shape is, and whose work it is.

Recorded in the entry's inputs. How often others had shown the shape is attested by the platform; a
person's own repeats and earlier points can be counted again from their own export.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from contributions.models import Verdict, Workflow
from contributions.policy_document import PaidWork, Policy
from points.models import Allocation, Epoch

# No further than the policy asks: a popular shape may have a million workflows.
COUNTS = f"""
SELECT w.shape, w.person,
    (SELECT count(*) FROM (
        SELECT FROM {Workflow._meta.db_table} x WHERE x.shape_key = w.shape
            AND x.state = 'accepted' AND x.id <> ALL (%(batch)s::uuid[])
        LIMIT %(novel)s) seen),
    (SELECT count(*) FROM (
        SELECT FROM {Workflow._meta.db_table} x WHERE x.contributor_id = w.person
            AND x.shape_key = w.shape AND x.state = 'accepted' AND x.id <> ALL (%(batch)s::uuid[])
            AND x.received_at >= %(since)s
        LIMIT %(repeats)s) own)
FROM unnest(%(shapes)s::text[], %(people)s::bigint[]) AS w (shape, person)
"""  # noqa: S608 - table names


def paid_work(
    accepted: Sequence[Workflow], verdicts: Mapping[UUID, Verdict], policy: Policy, epoch: Epoch
) -> dict[UUID, PaidWork]:
    """What each accepted workflow is paid by, as if they had been accepted one after the other."""
    seen, own = _counts(accepted, policy, epoch)
    lifetime = lifetime_millipoints({row.contributor_id for row in accepted})
    found = {}
    for row in accepted:
        verdict, person = verdicts[row.pk], (row.shape_key, row.contributor_id)
        found[row.pk] = PaidWork(
            epoch=epoch.number,
            task=row.task,
            platform=row.source,
            verified_actions=verdict.verified_actions,
            score_bp=verdict.score,
            seen_before=min(seen[row.shape_key], policy.novelty.workflows),
            own_before=min(own[person], policy.duplicates.counted),
            lifetime_millipoints=lifetime.get(row.contributor_id, 0),
        )
        seen[row.shape_key] += 1
        own[person] += 1
    return found


def lifetime_millipoints(user_ids: Iterable[int]) -> dict[int, int]:
    """What closed epochs converted of each person's points."""
    rows = Allocation.objects.filter(
        points_account__user__in=sorted(user_ids), points_account__kind="points"
    )
    sums = rows.order_by().values_list("points_account__user").annotate(sum=Sum("millipoints"))
    return {user: int(amount) for user, amount in sums if user is not None}


def _counts(
    accepted: Sequence[Workflow], policy: Policy, epoch: Epoch
) -> tuple[dict[str, int], dict[tuple[str, int], int]]:
    """Accepted before this batch: by shape, and by shape and person within the epoch."""
    pairs = sorted({(row.shape_key, row.contributor_id) for row in accepted})
    before = Epoch.objects.filter(pk=epoch.number - 1).first()
    parameters: dict[str, Any] = {
        "batch": [str(row.pk) for row in accepted],
        "novel": policy.novelty.workflows,
        "repeats": policy.duplicates.counted,
        # Work belongs to the epoch it was received in: from the end of the one before.
        "since": before.closing_at if before else "-infinity",
        "shapes": [shape for shape, _ in pairs],
        "people": [person for _, person in pairs],
    }
    seen: dict[str, int] = {}
    own: dict[tuple[str, int], int] = {}
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, parameters)
        for shape, person, anybody, theirs in cursor.fetchall():
            seen[shape] = anybody
            own[shape, person] = theirs
    return seen, own
