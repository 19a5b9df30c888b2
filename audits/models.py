"""Test runs over uploaded predictions, and evidence packs: sealed reports about a release."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from audits.choices import TestKind
from catalog.models import Blob, Evidence, ModelVersion
from governance.models import Release
from portal.access import Permission, scoped
from portal.jobs.models import Job


class TestRun(models.Model):
    """One test of a version over an uploaded file; its result is the evidence that it leads to."""

    __test__ = False  # pytest would collect it by its name

    ledger_type = "test_run"
    governed = True

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="test_runs")
    kind = models.CharField(max_length=10, choices=TestKind, default=TestKind.BIAS)
    title = models.CharField(max_length=200)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=200, blank=True)
    columns = models.JSONField(
        help_text="What each column is for: {label, prediction, protected, favourable, references, min_group}"
    )
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="test_run")
    evidence = models.OneToOneField(Evidence, on_delete=models.PROTECT, null=True, blank=True, related_name="test_run")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = scoped("version__model__team", Permission.CATALOG_MODEL_READ)

    class Meta:
        indexes = [models.Index(fields=["version", "-id"], name="test_run_version")]

    def __str__(self) -> str:
        return self.title

    @property
    def public_id(self) -> str:
        return f"T-{self.pk}"


class EvidencePack(models.Model):
    """A report about a release as a sealed PDF, with everything it says attached as JSON.

    Until its job is done there is no PDF: file, digests and certificate are set together, or not at all.
    """

    ledger_type = "evidence_pack"
    governed = True

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="evidence_packs")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="evidence_pack")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    document = models.ForeignKey(
        Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="The attached evidence.json"
    )
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the sealed file")
    unsigned_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the page before sealing: rendering the document again gives it"
    )
    as_of = models.DateTimeField(null=True, blank=True)
    checkpoint_size = models.BigIntegerField(null=True, blank=True)
    certificate_serial = models.CharField(max_length=48, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = scoped("release__version__model__team", Permission.AUDITS_EVIDENCE_PACK_READ)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    blob=None, document=None, sha256="", unsigned_sha256="", as_of=None, checkpoint_size=None
                )
                | (
                    models.Q(
                        blob__isnull=False,
                        document__isnull=False,
                        as_of__isnull=False,
                        checkpoint_size__isnull=False,
                    )
                    & ~models.Q(sha256="")
                    & ~models.Q(unsigned_sha256="")
                    & ~models.Q(certificate_serial="")
                ),
                name="pack_whole_or_none",
            ),
        ]
        indexes = [models.Index(fields=["release", "-id"], name="pack_release")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return f"P-{self.pk}"

    @property
    def file_name(self) -> str:
        """The name it is downloaded under."""
        return f"gatehouse-R-{self.release_id}-P-{self.pk}.pdf"
