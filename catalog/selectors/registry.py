"""Reads of models, versions and their files."""

from __future__ import annotations

from django.db.models import Count, F, OrderBy, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Artifact, Blob, Deployment, ModelVersion, RegisteredModel
from catalog.selectors.common import missing, plain
from portal.accounts.choices import FIRST_LINE
from portal.accounts.models import User


def models_for(actor: User) -> QuerySet[RegisteredModel]:
    """Models with what a list shows: newest version, number of versions, where it answers."""
    newest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-pk")
    live = Deployment.objects.filter(version__model=OuterRef("pk"), during__upper_inf=True).order_by("-pk")
    counted = ModelVersion.objects.filter(model=OuterRef("pk")).order_by().values("model").annotate(n=Count("pk"))
    return (
        RegisteredModel.objects.visible_to(actor)
        .select_related("team", "owner")
        .annotate(
            newest_version=Subquery(newest.values("version")[:1]),
            newest_version_id=Subquery(newest.values("pk")[:1]),
            version_count=Coalesce(Subquery(counted.values("n")), 0),
            live_version=Subquery(live.values("version__version")[:1]),
            live_endpoint=Subquery(live.values("endpoint__name")[:1]),
        )
    )


def model_named(actor: User, name: str) -> RegisteredModel:
    row = (
        RegisteredModel.objects.visible_to(actor)
        .select_related("team", "owner")
        .filter(name__iexact=plain(name))
        .first()
    )
    if row is None:
        raise missing("model", name)
    return row


def search_models(rows: QuerySet[RegisteredModel], text: str) -> QuerySet[RegisteredModel]:
    """Keep the models that match words and `key:value` filters (tier:, team:, use:)."""
    fields = {"tier": "risk_tier__iexact", "team": "team__slug__iexact", "use": "intended_use__icontains"}
    for word in plain(text).split()[:12]:
        key, _, value = word.partition(":")
        if value and key in fields:
            rows = rows.filter(**{fields[key]: value})
        elif word:
            rows = rows.filter(Q(name__icontains=word) | Q(title__icontains=word))
    return rows


def live_first() -> OrderBy:
    """Orders models by where they answer, those that answer nowhere last."""
    return F("live_endpoint").asc(nulls_last=True)


def trainers_of(model: RegisteredModel) -> QuerySet[User]:
    """Who may be named as a trainer: active people and services of the first line, for the model's team.

    A trainer never decides on the version, so naming somebody takes a right away: reviewers cannot be named.
    """
    held = Q(memberships__team=model.team_id) | Q(memberships__team=None)
    first = Q(memberships__role__in=FIRST_LINE, memberships__ended_at=None)
    return User.objects.filter(held & first, is_active=True).distinct().order_by("name")


def version_named(actor: User, model: str, version: str) -> ModelVersion:
    row = (
        ModelVersion.objects.visible_to(actor)
        .select_related("model__team", "model__owner", "training_run__trained_by", "created_by")
        .filter(model__name__iexact=plain(model), version__iexact=plain(version))
        .first()
    )
    if row is None:
        raise missing("version", f"{model} {version}")
    return row


def versions_of(model: RegisteredModel) -> QuerySet[ModelVersion]:
    """Versions of a model, newest first, each with the endpoint it answers at."""
    live = Deployment.objects.filter(version=OuterRef("pk"), during__upper_inf=True)
    return (
        model.versions.select_related("created_by", "training_run")
        .annotate(live_at=Subquery(live.values("endpoint__name")[:1]))
        .order_by("-pk")
    )


def artifact_named(version: ModelVersion, name: str) -> Artifact:
    row = version.artifacts.select_related("version__model").filter(name=plain(name)).first()
    if row is None:
        raise missing("artifact", name)
    return row


def artifacts_of(version: ModelVersion) -> list[Artifact]:
    """Declared files by name, each with `uploaded`: whether its bytes are in the store."""
    rows = list(version.artifacts.order_by("name"))
    stored = uploaded_digests([row.sha256 for row in rows])
    for row in rows:
        row.uploaded = row.sha256 in stored  # type: ignore[attr-defined]
    return rows


def uploaded_digests(digests: list[str]) -> set[str]:
    """Which of these SHA-256 digests have their bytes in the store."""
    return set(Blob.objects.filter(pk__in=digests).values_list("pk", flat=True))
