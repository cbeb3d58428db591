"""People, their wallets, and what they agreed to.

Rows hold no more of a person than the service needs: an address, who invited whom, consents.
Secrets are stored as digests only.
"""

import secrets

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token may be used for; a browser session may do all of it."""

    READ = "read", "see one's own data"
    CONTRIBUTE = "contribute", "submit and withdraw workflows"
    AUTOMATE = "automate", "publish and run automations"
    ACCOUNT = "account", "consents, invites, tokens, claims and votes"


class ConsentScope(models.TextChoices):
    """The separate things a person can agree to."""

    CONTRIBUTE = "contribute", "send recorded work, have it verified and paid"
    TRAIN = "train", "let the work train the model"


class UserManager(BaseUserManager["User"]):
    """Makes people: contributors without a password, admins with one."""

    def create_user(self, name: str, password: str | None = None, **fields: bool) -> "User":
        """A person; without a password only a wallet can sign them in."""
        user = self.model(name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, name: str, password: str, **fields: bool) -> "User":
        """An admin of the Django admin site."""
        return self.create_user(
            name, password, **{**fields, "is_staff": True, "is_superuser": True}
        )


class User(AbstractBaseUser, PermissionsMixin):
    """A person. A contributor's name is their first wallet's address; an admin chooses one."""

    name = models.CharField(max_length=64, unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)

    objects = UserManager()
    USERNAME_FIELD = "name"

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="user_has_name")]

    def __str__(self) -> str:
        return self.name


class Wallet(models.Model):
    """An address that proved it belongs to a user by a signature."""

    user = models.ForeignKey(User, models.PROTECT, related_name="wallets")
    address = models.CharField(max_length=42, unique=True)
    is_primary = models.BooleanField(default=False)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(address__regex=r"^0x[0-9a-fA-F]{40}$"), name="wallet_address_format"
            ),
            models.UniqueConstraint(Lower("address"), name="wallet_address_any_case"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_primary=True), name="wallet_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return self.address


class SignInNonce(models.Model):
    """A nonce of EIP-4361: good for one sign-in until it expires."""

    nonce = models.CharField(max_length=32, unique=True)
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("issued_at")), name="nonce_expires_after_issue"
            ),
            models.CheckConstraint(
                condition=Q(nonce__regex=r"^[A-Za-z0-9]{8,}$"), name="nonce_format"
            ),
        ]

    def __str__(self) -> str:
        return self.nonce


class ApiToken(models.Model):
    """A device's token. Only the SHA-256 of the secret is here; the device holds the secret."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=80, blank=True)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope))
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="token_digest_format"
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gt=0),
                name="token_scopes_known",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="token_expires_after_creation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'token'} of {self.user_id}"


class Pairing(models.Model):
    """A person's agreement that a device gets a token; the code is here as a digest only."""

    user = models.ForeignKey(User, models.CASCADE, related_name="pairings")
    code_digest = models.CharField(max_length=64, unique=True)
    challenge = models.CharField(max_length=43)
    label = models.CharField(max_length=80)
    agreed_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(code_digest__regex=r"^[0-9a-f]{64}$"), name="pairing_digest_format"
            ),
            models.CheckConstraint(
                condition=Q(challenge__regex=r"^[A-Za-z0-9_-]{43}$"),
                name="pairing_challenge_format",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("agreed_at")), name="pairing_expires_after_agreement"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} of {self.user_id}"


def new_invite_code() -> str:
    """A code that can't be guessed: 96 random bits, and never what a shell takes for an option."""
    return secrets.token_hex(12)


class Invite(models.Model):
    """Lets new wallets in, a stated number of times. Without a creator it is the operator's."""

    code = models.CharField(max_length=32, unique=True, default=new_invite_code)
    creator = models.ForeignKey(User, models.PROTECT, null=True, related_name="invites")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    uses_allowed = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(uses__lte=F("uses_allowed")), name="invite_not_overused"
            ),
            models.CheckConstraint(condition=Q(uses_allowed__gte=1), name="invite_usable_once"),
        ]

    def __str__(self) -> str:
        return self.code


class InviteRedemption(models.Model):
    """The invite by which a person came."""

    user = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="redemption")
    invite = models.ForeignKey(Invite, models.PROTECT, related_name="redemptions")
    redeemed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user_id} by {self.invite_id}"


class Referral(models.Model):
    """Who brought whom. A person has one referrer, for good."""

    referred = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="referral")
    referrer = models.ForeignKey(User, models.PROTECT, related_name="referrals_made")
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(referred=F("referrer")), name="referral_not_of_oneself"
            )
        ]

    def __str__(self) -> str:
        return f"{self.referrer_id} brought {self.referred_id}"


class WaitlistEntry(models.Model):
    """Someone who waits for an invite; the address is theirs to reach, nothing else is kept."""

    email = models.EmailField(max_length=254)
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "waitlist entries"
        constraints = [models.UniqueConstraint(Lower("email"), name="waitlist_email_once")]

    def __str__(self) -> str:
        return self.email


class Consent(models.Model):
    """One agreement to one version of one text; withdrawing closes the row, never erases it."""

    user = models.ForeignKey(User, models.PROTECT, related_name="consents")
    scope = models.CharField(max_length=16, choices=ConsentScope)
    version = models.PositiveIntegerField()
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "scope"],
                condition=Q(withdrawn_at__isnull=True),
                name="consent_one_in_force",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=F("given_at")),
                name="consent_withdrawn_after_given",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=ConsentScope.values), name="consent_scope_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} v{self.version} by {self.user_id}"
