"""Who brought whom."""

from accounts.models import Referral, User

MAX_LAYERS = 3


def record(*, referred: User, referrer: User) -> Referral:
    """Remember a person's referrer; the first one stays for good."""
    referral, _ = Referral.objects.get_or_create(referred=referred, defaults={"referrer": referrer})
    return referral


def chain_of(user_ids: list[int], *, layers: int = MAX_LAYERS) -> dict[int, list[int]]:
    """Referrers of each user, nearest first, at most `layers`; one query per layer."""
    chains: dict[int, list[int]] = {user_id: [] for user_id in user_ids}
    last = {user_id: user_id for user_id in user_ids}
    for _ in range(layers):
        above = dict(
            Referral.objects.filter(referred_id__in=set(last.values())).values_list(
                "referred_id", "referrer_id"
            )
        )
        last = {user: above[top] for user, top in last.items() if top in above}
        for user, referrer in last.items():
            chains[user].append(referrer)
    return chains
