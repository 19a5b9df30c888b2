"""What an approver's passkey signed: the statement that waits for a signature, and the signature that was given."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from catalog.models import SHA256
from governance.models.releases import Approval, Release
from portal.accounts.models import Passkey


class PendingStatement(models.Model):
    """A statement that was shown to one person, to be signed once and soon. Not governed: it decides nothing."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    text = models.TextField(help_text="Canonical JSON")
    reason_salt = models.CharField(max_length=32, blank=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["person", "expires_at"], name="statement_of_person")]

    def __str__(self) -> str:
        return f"statement {self.digest[:12]}"


class ApprovalSignature(models.Model):
    """The statement behind an approval, whole, with the assertion that signs it. Checkable without the portal.

    The parts of the assertion are base64url, as the browser gave them. `reason_salt` opens the statement's commitment
    to the reason; without it the reason cannot be guessed from the statement.
    """

    ledger_type = "approval_signature"
    governed = True
    append_only = True
    append_only_erasable = ("reason_salt",)

    approval = models.OneToOneField(Approval, on_delete=models.PROTECT, related_name="signature")
    passkey = models.ForeignKey(Passkey, on_delete=models.PROTECT, related_name="signatures")
    statement = models.TextField(help_text="Canonical JSON; its SHA-256 is the challenge")
    statement_digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    authenticator_data = models.TextField()
    client_data = models.TextField()
    signature = models.TextField()
    rp_id = models.CharField(max_length=253)
    origin = models.CharField(max_length=300)
    reason_salt = models.CharField(max_length=32, null=True)  # noqa: DJ001  (null: no reason, or erased)
    signed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.approval}, signed"
