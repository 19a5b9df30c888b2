"""Finds the pieces of the story in the database: which release is refused, which one waits, what has happened."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.sessions.backends.base import SessionBase

from audits.models import EvidencePack
from catalog.models import ModelVersion
from demo.names import INCOME, TUMOUR
from governance.models import Approval, Release
from portal.ledger.models import LedgerEntry

SEEN_REFUSAL = "demo_saw_refusal"
PDF_DRILL, TAMPER_DRILL = "demo:drill:pdf-checked", "demo:drill:tamper-found"


@dataclass(frozen=True)
class Story:
    """The demo's releases and the version whose approval the curl makes stale; None where it was removed."""

    refused: Release
    waiting: Release
    live_tumour: Release
    tumour: ModelVersion
    seeded: LedgerEntry


def find() -> Story | None:
    """The story, or None when the demo is not (or no longer wholly) here."""
    seeded = LedgerEntry.objects.filter(event="demo:story:seeded").order_by("-id").first()
    rows = {
        (row.version.model.name, row.version.version): row
        for row in Release.objects.filter(is_demo=True).select_related("version__model", "endpoint").order_by("-id")
    }
    try:
        refused, waiting, live = rows[INCOME, "1.1.0"], rows[INCOME, "1.2.0"], rows[TUMOUR, "1.0.0"]
    except KeyError:
        return None
    return None if seeded is None else Story(refused, waiting, live, live.version, seeded)


@dataclass(frozen=True)
class Progress:
    """Which of the five steps real events have shown to be done."""

    saw_refusal: bool
    made_stale: bool
    decided: bool
    checked_pdf: bool
    found_tamper: bool

    @property
    def done(self) -> int:
        return sum((self.saw_refusal, self.made_stale, self.decided, self.checked_pdf, self.found_tamper))


def progress(story: Story, session: SessionBase) -> Progress:
    """What has happened since the seed."""
    evidence = story.tumour.evidence.values_list("pk", flat=True)
    since = LedgerEntry.objects.filter(id__gt=story.seeded.pk)
    events = set(since.filter(event__in=[PDF_DRILL, TAMPER_DRILL]).values_list("event", flat=True))
    return Progress(
        saw_refusal=bool(session.get(SEEN_REFUSAL)),
        made_stale=since.filter(
            event="catalog:fact:recorded", subject_type="evidence", subject_id__in=[str(pk) for pk in evidence]
        ).exists(),
        decided=Approval.objects.filter(release=story.waiting, role="fairness").exists(),
        checked_pdf=PDF_DRILL in events,
        found_tamper=TAMPER_DRILL in events,
    )


def newest_pack(story: Story) -> EvidencePack | None:
    """The newest finished pack of the release that waited, else of any demo release."""
    rows = EvidencePack.objects.filter(release__is_demo=True, blob__isnull=False).order_by("-pk")
    return rows.filter(release=story.waiting).first() or rows.first()
