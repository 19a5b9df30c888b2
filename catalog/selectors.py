"""Reads of the catalog, shared by pages, API and the facts builder. Lists begin with what the actor may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, OrderBy, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.choices import CARD_SECTIONS
from catalog.models import (
    Artifact,
    BiasMeasure,
    Blob,
    CardRevision,
    Dataset,
    DatasetSnapshot,
    Deployment,
    Endpoint,
    Evidence,
    Metric,
    ModelVersion,
    RegisteredModel,
    VersionDataset,
)
from portal.accounts.models import User
from portal.errors import NotFound


def missing(what: str, name: str) -> NotFound:
    """The one answer for what does not exist and for what the actor may not see."""
    return NotFound(f"There is no {what} {name}, or you may not see it.", code="not-found", how="Check the name.")


def plain(text: str) -> str:
    """A text from an address or a search, as PostgreSQL can compare it: it knows no NUL and no half surrogate."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


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


def datasets_for(actor: User) -> QuerySet[Dataset]:
    newest = DatasetSnapshot.objects.filter(dataset=OuterRef("pk")).order_by("-pk")
    return (
        Dataset.objects.visible_to(actor)
        .select_related("team")
        .annotate(
            newest_label=Subquery(newest.values("label")[:1]),
            newest_rows=Subquery(newest.values("rows")[:1]),
            newest_residency=Subquery(newest.values("residency")[:1]),
        )
    )


def dataset_named(actor: User, name: str) -> Dataset:
    row = Dataset.objects.visible_to(actor).select_related("team").filter(name__iexact=plain(name)).first()
    if row is None:
        raise missing("dataset", name)
    return row


def snapshot_named(actor: User, dataset: str, label: str) -> DatasetSnapshot:
    row = (
        DatasetSnapshot.objects.visible_to(actor)
        .select_related("dataset")
        .filter(dataset__name__iexact=plain(dataset), label__iexact=plain(label))
        .first()
    )
    if row is None:
        raise missing("snapshot", f"{dataset} {label}")
    return row


def snapshots_of(dataset: Dataset) -> QuerySet[DatasetSnapshot]:
    """Snapshots of a dataset, newest first."""
    return dataset.snapshots.select_related("dataset", "created_by").order_by("-pk")


def endpoints_for(actor: User) -> QuerySet[Endpoint]:
    live = Prefetch(
        "deployments",
        queryset=Deployment.objects.filter(during__upper_inf=True).select_related("version__model"),
        to_attr="live_deployments",
    )
    return Endpoint.objects.visible_to(actor).select_related("team").prefetch_related(live)


def endpoint_named(actor: User, name: str) -> Endpoint:
    row = Endpoint.objects.visible_to(actor).select_related("team").filter(name__iexact=plain(name)).first()
    if row is None:
        raise missing("endpoint", name)
    return row


def deployments_of(endpoint: Endpoint) -> QuerySet[Deployment]:
    """What answered at an endpoint, newest first."""
    return endpoint.deployments.select_related("version__model").order_by(F("during").desc())


def live_deployment(endpoint: Endpoint) -> Deployment | None:
    return (
        endpoint.deployments.filter(during__upper_inf=True)
        .select_related("version__model", "version__training_run")
        .first()
    )


def deployment_before(deployment: Deployment) -> Deployment | None:
    """What answered at the same endpoint until this deployment began, or None."""
    return (
        Deployment.objects.filter(endpoint=deployment.endpoint_id, during__endswith=deployment.during.lower)
        .select_related("version__model", "version__training_run")
        .first()
    )


def live_deployments_of(version_ids: list[int]) -> QuerySet[Deployment]:
    return Deployment.objects.filter(version__in=version_ids, during__upper_inf=True).select_related("endpoint")


def evidence_of(version: ModelVersion) -> QuerySet[Evidence]:
    """Evidence about a version with its numbers, newest first."""
    return (
        version.evidence.select_related("version__model", "recorded_by")
        .prefetch_related("metrics", "bias_measures")
        .order_by("-pk")
    )


def evidence_numbered(actor: User, pk: int) -> Evidence:
    row = (
        Evidence.objects.visible_to(actor)
        .select_related("version__model__team", "recorded_by", "blob")
        .prefetch_related("metrics", "bias_measures")
        .filter(pk=pk)
        .first()
    )
    if row is None:
        raise missing("evidence", f"EV-{pk}")
    return row


def current_metrics(version_ids: list[int]) -> dict[int, list[Metric]]:
    """The newest number per (split, segment, name) of each version: {version id: [Metric, …]}; one query."""
    rows = (
        Metric.objects.filter(version__in=version_ids)
        .select_related("evidence")
        .order_by("version", "split", "segment", "name", "-pk")
        .distinct("version", "split", "segment", "name")
    )
    found: dict[int, list[Metric]] = {pk: [] for pk in version_ids}
    for row in rows:
        found[row.version_id].append(row)
    return found


def current_bias(version_ids: list[int]) -> dict[int, list[BiasMeasure]]:
    """The newest measure per (attribute, group) of each version: {version id: [BiasMeasure, …]}; one query."""
    rows = (
        BiasMeasure.objects.filter(version__in=version_ids)
        .select_related("evidence")
        .order_by("version", "attribute", "group", "-pk")
        .distinct("version", "attribute", "group")
    )
    found: dict[int, list[BiasMeasure]] = {pk: [] for pk in version_ids}
    for row in rows:
        found[row.version_id].append(row)
    return found


@dataclass(frozen=True)
class CardState:
    """How far a card is: its revision (or None), the texts as they hold now, keys of missing sections, keys whose
    evidence moved on, and the texts as the revision has them."""

    revision: CardRevision | None
    sections: dict[str, str]
    missing: list[str]
    stale: list[str]
    saved: dict[str, str]

    @property
    def complete(self) -> bool:
        return not self.missing and not self.stale


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def measured_card_sections(version: ModelVersion) -> dict[str, str]:
    """Text of the sections that evidence fills, made from what is recorded now; absent where nothing is."""
    texts: dict[str, str] = {}
    uses = list(version.datasets.select_related("snapshot__dataset"))
    if uses:
        texts["training_data"] = "\n".join(
            f"{use.get_role_display()}: {use.snapshot} ({use.snapshot.rows} rows, {use.snapshot.residency}, "
            f"{use.snapshot.licence}, sha256 {use.snapshot.sha256})"
            for use in uses
        )
    metrics = current_metrics([version.pk])[version.pk]
    if metrics:
        texts["evaluation"] = "\n".join(
            f"{row.name} on {row.split}, {row.segment}: {_number(row.value)}"
            + (f" ({_number(row.lower)} to {_number(row.upper)})" if row.lower is not None else "")
            + f" [{row.evidence.public_id}]"
            for row in metrics
        )
    bias = current_bias([version.pk])[version.pk]
    if bias:
        texts["fairness"] = "\n".join(
            f"{row.attribute} {row.group}: selected {row.selected} of {row.n}, ratio to {row.reference} "
            f"{_number(row.ratio)} ({_number(row.ratio_lower)} to {_number(row.ratio_upper)}) "
            f"[{row.evidence.public_id}]"
            for row in bias
        )
    return texts


def card_state(version: ModelVersion) -> CardState:
    """The card as saved, held against what is measured now."""
    revision = version.card_revisions.select_related("author").prefetch_related("sections").order_by("-number").first()
    saved = revision.content if revision else {}
    now = measured_card_sections(version)
    lacking = [
        key for key, (_, measured) in CARD_SECTIONS.items() if not (now.get(key) if measured else saved.get(key))
    ]
    stale = [
        key for key, (_, measured) in CARD_SECTIONS.items() if measured and revision and now.get(key) != saved.get(key)
    ]
    return CardState(revision, {**saved, **now}, lacking, [key for key in stale if key not in lacking], saved)


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


def uploaded_digests(digests: list[str]) -> set[str]:
    """Which of these SHA-256 digests have their bytes in the store."""
    return set(Blob.objects.filter(pk__in=digests).values_list("pk", flat=True))


def deployed_at(endpoint: Endpoint, moment: datetime) -> Deployment | None:
    """What answered at the endpoint at that moment."""
    return deployments_of(endpoint).filter(during__contains=moment).first()


def live_first() -> OrderBy:
    """Orders models by where they answer, those that answer nowhere last."""
    return F("live_endpoint").asc(nulls_last=True)


def live_deployments_of_model(model: RegisteredModel) -> QuerySet[Deployment]:
    """Where versions of a model answer now."""
    rows = Deployment.objects.filter(version__model=model, during__upper_inf=True)
    return rows.select_related("endpoint", "version__model").order_by("endpoint__name")


# What stands for a version in a list, the first that is measured on the test split as a whole.
HEADLINES = ("accuracy", "auc", "roc_auc", "f1", "r2", "rmse", "mae")


def headline_metrics(version_ids: list[int]) -> dict[int, Metric]:
    """Each version's best known number on the whole test split; absent where none is measured."""
    found: dict[int, Metric] = {}
    for pk, rows in current_metrics(version_ids).items():
        whole = {row.name.lower(): row for row in rows if row.split == "test" and row.segment == "all"}
        name = next((name for name in HEADLINES if name in whole), None)
        if name:
            found[pk] = whole[name]
    return found


def artifacts_of(version: ModelVersion) -> list[Artifact]:
    """Declared files by name, each with `uploaded`: whether its bytes are in the store."""
    rows = list(version.artifacts.order_by("name"))
    stored = uploaded_digests([row.sha256 for row in rows])
    for row in rows:
        row.uploaded = row.sha256 in stored  # type: ignore[attr-defined]
    return rows


def snapshots_for(actor: User) -> QuerySet[DatasetSnapshot]:
    """Snapshots that may be named as what a version was made from, newest first."""
    return DatasetSnapshot.objects.visible_to(actor).select_related("dataset").order_by("dataset__name", "-pk")


def people_of(model: RegisteredModel) -> QuerySet[User]:
    """Active people and services with a role in the model's team or in the whole organisation."""
    held = Q(memberships__team=model.team_id) | Q(memberships__team=None)
    return User.objects.filter(held, is_active=True, memberships__ended_at=None).distinct().order_by("name")


def uses_of(dataset: Dataset) -> list[VersionDataset]:
    """Which versions were made from a dataset, newest first."""
    rows = VersionDataset.objects.filter(snapshot__dataset=dataset, version__model__team=dataset.team_id)
    return list(rows.select_related("version__model", "snapshot").order_by("-pk")[:50])


def lowest_ratios(version_ids: list[int]) -> dict[int, BiasMeasure]:
    """Each version's lowest current ratio of a group that is not its reference; absent where none is measured."""
    found: dict[int, BiasMeasure] = {}
    for pk, rows in current_bias(version_ids).items():
        judged = [row for row in rows if row.group != row.reference and row.ratio is not None]
        if judged:
            found[pk] = min(judged, key=lambda row: row.ratio)  # type: ignore[arg-type,return-value]
    return found
