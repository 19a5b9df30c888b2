"""Reads of what was attested, and which of it counts."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from catalog.models import Attestation, Endpoint, ModelVersion, RegisteredModel
from catalog.selectors.common import missing
from portal.accounts.models import User

_RELATED = ("version__model", "endpoint", "model", "recorded_by")


def attestations_about(subject: RegisteredModel | ModelVersion | Endpoint) -> QuerySet[Attestation]:
    """What was attested about this very thing, newest first."""
    return subject.attestations.select_related(*_RELATED).order_by("-pk")


def attestation_numbered(actor: User, pk: int) -> Attestation:
    row = Attestation.objects.visible_to(actor).select_related(*_RELATED).filter(pk=pk).first()
    if row is None:
        raise missing("attestation", f"AT-{pk}")
    return row


def current_attestations(version: ModelVersion, endpoint: Endpoint) -> list[Attestation]:
    """The newest per section and key about the model, the version and the endpoint, the widest first; one query."""
    about = Q(model=version.model_id) | Q(version=version.pk) | Q(endpoint=endpoint.pk)
    rows = (
        Attestation.objects.filter(about)
        .select_related("recorded_by")
        .order_by("model", "version", "endpoint", "section", "key", "-pk")
        .distinct("model", "version", "endpoint", "section", "key")
    )
    # What is said of the version goes before what is said of its model, and the place before both.
    return sorted(rows, key=lambda row: (row.endpoint_id is not None, row.version_id is not None, row.section, row.key))
