"""The waitlist for people without an invite."""

from accounts.models import WaitlistEntry


def join(*, email: str) -> None:
    """Wait under an e-mail address; again is harmless and does not tell whether it was known."""
    WaitlistEntry.objects.bulk_create([WaitlistEntry(email=email)], ignore_conflicts=True)
