"""What people agree to, word for word, and their agreements.

A changed text gets the next version number; an agreement to an older version no longer counts.
"""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Consent, ConsentScope, User


@dataclass(frozen=True)
class Text:
    """A version of what is agreed to."""

    version: int
    text: str


TEXTS: dict[str, Text] = {
    ConsentScope.CONTRIBUTE: Text(
        version=1,
        text=(
            "I send recordings of work that I do in my browser: which elements I used, when and "
            "how, and what the page around them looked like, with sensitive parts removed on my "
            "device before sending. Typed characters are not sent. The service stores each "
            "recording encrypted under its own key, checks that the work is real, and pays for it "
            "in points and LAM. I can take back any recording at any time: its key is destroyed "
            "and points of the epoch that is open are reversed. What stays for good, because it "
            "is public on chain or part of sums others rely on: my wallet's address, its place in "
            "the rewards tree, the cumulative amount, and totals."
        ),
    ),
    ConsentScope.TRAIN: Text(
        version=1,
        text=(
            "My recordings may train the model, once enough people have done the same task for "
            "mine not to stand out. When I take a recording back, the next release is made as if "
            "it had never been there."
        ),
    ),
}


class ConsentMissing(Exception):
    """The user has not agreed to the current text of `scope`."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"Consent '{scope}' is needed and not given.")


class WrongVersion(Exception):
    """Agreement to a version that is not the current text."""

    def __init__(self, scope: str) -> None:
        self.current = TEXTS[scope].version
        super().__init__(f"The current version of consent '{scope}' is {self.current}.")


def give(*, user: User, scope: str, version: int) -> Consent:
    """Agree to the current text of a scope; again is harmless. Raises WrongVersion."""
    if version != TEXTS[scope].version:
        raise WrongVersion(scope)
    with transaction.atomic():
        in_force = Consent.objects.select_for_update().filter(
            user=user, scope=scope, withdrawn_at__isnull=True
        )
        for consent in in_force:
            if consent.version == version:
                return consent
            _close(consent)
        try:
            with transaction.atomic():
                return Consent.objects.create(user=user, scope=scope, version=version)
        except IntegrityError:  # given a moment ago by another request
            return in_force.get()


def withdraw(*, user: User, scope: str) -> bool:
    """End an agreement; False when there was none. What was sent before stays until taken back."""
    with transaction.atomic():
        found = Consent.objects.select_for_update().filter(
            user=user, scope=scope, withdrawn_at__isnull=True
        )
        consents = list(found)
        for consent in consents:
            _close(consent)
    return bool(consents)


def _close(consent: Consent) -> None:
    consent.withdrawn_at = max(timezone.now(), consent.given_at)
    consent.save(update_fields=["withdrawn_at"])


def given(user: User, scope: str) -> bool:
    """Whether the user agrees to the current text."""
    return Consent.objects.filter(
        user=user, scope=scope, version=TEXTS[scope].version, withdrawn_at__isnull=True
    ).exists()


def require(user: User, scope: str) -> None:
    """Raises ConsentMissing unless `given`."""
    if not given(user, scope):
        raise ConsentMissing(scope)
