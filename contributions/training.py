"""Which recorded work may train the model, and writing it where `lam_core` reads it.

Work enters training only when its contributor agreed to that, it was accepted, and at least k
people who agreed did the same: then nobody's recording stands out.
"""

import os
from pathlib import Path

import orjson
from django.db.models import Count, QuerySet

from accounts.consent import TEXTS
from accounts.models import Consent, ConsentScope
from contributions import export, keys
from contributions.models import State, Workflow

CHUNK = 100


def trainable(*, k: int) -> QuerySet[Workflow]:
    """Accepted work of people who let it train the model, of shapes that k of them showed."""
    agreed = Consent.objects.filter(
        scope=ConsentScope.TRAIN,
        version=TEXTS[ConsentScope.TRAIN].version,
        withdrawn_at__isnull=True,
    )
    accepted = Workflow.objects.filter(
        state=State.ACCEPTED, verdict__demo=False, contributor__in=agreed.values("user")
    )
    people = (
        accepted.order_by().values("shape_key").annotate(people=Count("contributor", distinct=True))
    )
    shapes = people.filter(people__gte=k).values("shape_key")
    return accepted.filter(shape_key__in=shapes).order_by("contributor", "received_at", "pk")


def write(folder: Path, *, k: int) -> int:
    """Write trainable work as FOLDER/CONTRIBUTOR/ID.json, for its owner's eyes; returns how much.

    Plain text leaves the service here: give it to nobody, and delete it when the model is made.
    Raises FileExistsError when the folder has something in it, CannotOpen.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: withdrawn work might be left in it.")
    written = 0
    for row in trainable(k=k).iterator(chunk_size=CHUNK):
        try:
            body = export.content(row)
        except keys.MissingKey:
            continue  # withdrawn a moment ago
        person = folder / str(row.contributor_id)
        person.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(person / f"{row.pk}.json", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(body))
        written += 1
    return written
