"""Invites let new wallets in."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Sum
from django.utils import timezone

from accounts import referrals
from accounts.models import Invite, InviteRedemption, User


class InviteInvalid(Exception):
    """The code is unknown, used up or expired."""


class InviteLimit(Exception):
    """The user has given away all the invites a person has."""


def create(
    *, creator: User | None, uses_allowed: int = 1, lifetime: timedelta | None = None
) -> Invite:
    """A new invite. A person has settings.INVITES_PER_PERSON in all; staff and operator any number.

    Raises InviteLimit.
    """
    with transaction.atomic():
        if creator is not None and not creator.is_staff:
            _spend(creator, uses_allowed)
        return Invite.objects.create(
            creator=creator,
            uses_allowed=uses_allowed,
            expires_at=timezone.now() + lifetime if lifetime else None,
        )


def left(creator: User) -> int | None:
    """How many more people a person may invite; None for staff, who may invite any number."""
    if creator.is_staff:
        return None
    given = Invite.objects.filter(creator=creator).aggregate(n=Sum("uses_allowed"))["n"] or 0
    return max(0, settings.INVITES_PER_PERSON - given)


def _spend(creator: User, uses: int) -> None:
    # The lock makes two requests at once count each other.
    User.objects.select_for_update().get(pk=creator.pk)
    if uses > (left(creator) or 0):
        raise InviteLimit(f"A person can invite {settings.INVITES_PER_PERSON} others.")


def redeem(*, code: str, user: User) -> Invite:
    """Use an invite up by one for a new user, who gets its creator as referrer.

    Raises InviteInvalid.
    """
    usable = Invite.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
        code=code,
        uses__lt=F("uses_allowed"),
    )
    if not usable.update(uses=F("uses") + 1):
        raise InviteInvalid("This invite is unknown, used up or expired.")
    invite = Invite.objects.select_related("creator").get(code=code)
    InviteRedemption.objects.create(user=user, invite=invite)
    if invite.creator is not None:
        referrals.record(referred=user, referrer=invite.creator)
    return invite
