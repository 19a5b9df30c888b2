"""People, service identities, teams, memberships and API tokens."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.db.models.functions import Lower, Now

from portal.accounts.choices import Kind, PasskeyState, Role


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A person or a service identity. There is no superuser: rights come from memberships alone."""

    ledger_type = "user"
    governed = True

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = models.CharField(max_length=60, validators=[UnicodeUsernameValidator()])
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSON)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    # Somebody else knows the password: nothing but a new one is possible.
    must_change_password = models.BooleanField(default=False, db_default=False)
    # The person who answers for a service identity, and counts as its hands where duties are kept apart.
    responsible = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="service_identities"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    # A log-in is no change of the account: nothing of this row is written by it.
    last_login = None

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("username"), name="user_username_unique")]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return str(self)

    @cached_property
    def grants(self) -> tuple[tuple[str, int | None], ...]:
        """(role, team id or None for the whole organisation): read once per request."""
        return tuple(self.memberships.filter(ended_at=None).values_list("role", "team_id"))

    @cached_property
    def stands_behind(self) -> frozenset[int]:
        """The ids of the service identities that act for this person: who answers for one, or made a token of it."""
        tied = models.Q(responsible=self) | models.Q(tokens__created_by=self)
        rows = User.objects.filter(tied, kind=Kind.SERVICE)
        return frozenset(rows.values_list("pk", flat=True))

    @property
    def roles(self) -> list[str]:
        return sorted({role for role, _ in self.grants})

    @property
    def role_names(self) -> str:
        return ", ".join(str(Role(role).label) for role in self.roles)

    @property
    def initials(self) -> str:
        words = str(self).split()
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


class Team(models.Model):
    ledger_type = "team"
    governed = True

    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("slug"), name="team_slug_unique")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role held in one team, or in the whole organisation where team is empty. Ended, never deleted."""

    ledger_type = "membership"
    governed = True

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "user",
                "team",
                "role",
                condition=models.Q(ended_at=None),
                nulls_distinct=False,
                name="membership_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.team or 'whole organisation'}"


class ApiToken(models.Model):
    """A bearer token. Only its SHA-256 is stored; 32 random bytes need no slow hash."""

    ledger_type = "token"
    governed = True

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    # Who had the token in hand first; empty when it was made at the console.
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="tokens_made"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Passkey(models.Model):
    """A public key that a person signs approvals with. Its private half never leaves the person's device.

    Ended, never deleted: what it signed must stay checkable. Counter and last use change with every signature and
    are in the signature itself, so the ledger does not bind them here.
    """

    ledger_type = "passkey"
    governed = True

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="passkeys")
    label = models.CharField(max_length=60)
    # base64url without padding, as the browser and the ledger's entries write it.
    credential_id = models.CharField(max_length=1400, unique=True)
    public_key = models.TextField(help_text="COSE key, base64url")
    public_key_digest = models.CharField(max_length=64, help_text="SHA-256 of the COSE key")
    algorithm = models.CharField(max_length=10)
    transports = models.JSONField(default=list, blank=True)
    rp_id = models.CharField(max_length=253)
    origin = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=PasskeyState, default=PasskeyState.ACTIVE)
    # Enrolled after a loss, while no key was left: two other people must know about it.
    is_replacement = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    enrolled_at = models.DateTimeField(null=True, blank=True, help_text="From when on it counts")
    ended_at = models.DateTimeField(null=True, blank=True)
    sign_count = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="waiting", enrolled_at=None, ended_at=None)
                | models.Q(state="active", enrolled_at__isnull=False, ended_at=None)
                | models.Q(state="refused", enrolled_at=None, ended_at__isnull=False)
                | models.Q(state__in=["revoked", "lost"], ended_at__isnull=False),
                name="passkey_times_fit_state",
            ),
            models.CheckConstraint(condition=~models.Q(label=""), name="passkey_label_given"),
        ]
        indexes = [models.Index(fields=["user", "state"], name="passkey_of_user")]

    def __str__(self) -> str:
        return self.label


class PasskeyApproval(models.Model):
    """One of the two other people who say that a replacement is really the person's own."""

    ledger_type = "passkey_approval"
    governed = True
    append_only = True

    passkey = models.ForeignKey(Passkey, on_delete=models.PROTECT, related_name="approvals")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("passkey", "person", name="passkey_approval_once")]

    def __str__(self) -> str:
        return f"{self.passkey}, approved by {self.person}"
