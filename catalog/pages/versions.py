"""Pages: one version, a new version, its card, one piece of evidence."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from catalog import selectors
from catalog.choices import CARD_SECTIONS
from catalog.pages.extensions import extensions
from catalog.pages.forms import CardForm, VersionForm
from catalog.services.blobs import chunks_of
from catalog.services.cards import save_card
from catalog.services.versions import DeclaredArtifact, DeclaredRun, register_version, upload_artifact
from portal.access import Permission, can
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, Page, ReadPage


class VersionPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/version.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = selectors.version_named(self.actor, kwargs.pop("name"), kwargs.pop("version"))
        artifacts = list(version.artifacts.order_by("name"))
        card = selectors.card_state(version)
        return super().get_context_data(
            version=version,
            model=version.model,
            artifacts=artifacts,
            stored=selectors.uploaded_digests([row.sha256 for row in artifacts]),
            metrics=selectors.current_metrics([version.pk])[version.pk],
            evidence=list(version.evidence.select_related("recorded_by").order_by("-pk")[:50]),
            datasets=list(version.datasets.select_related("snapshot__dataset").order_by("role")),
            live=list(selectors.live_deployments_of([version.pk])),
            card=card,
            lacking=[CARD_SECTIONS[key][0] for key in card.missing],
            extensions=extensions(self.request, version),
            entries=entries_about("version", version.pk),
            may_upload=can(self.actor, Permission.CATALOG_VERSION_CREATE, version.model.team_id),
            may_release=can(self.actor, Permission.GOVERNANCE_RELEASE_REQUEST, version.model.team_id),
            **kwargs,
        )


class ArtifactUpload(Page):
    """Takes the bytes of a declared artifact from the version's page."""

    permission = Permission.CATALOG_VERSION_CREATE

    def post(self, request: HttpRequest, name: str, version: str, artifact: str) -> HttpResponse:
        row = selectors.version_named(self.actor, name, version)
        file = request.FILES.get("file")
        if file is not None:
            upload_artifact(selectors.artifact_named(row, artifact), actor=self.actor, pieces=chunks_of(file.file))
        return redirect("version", name=row.model.name, version=row.version)


class VersionNewPage(ActPage):
    permission = Permission.CATALOG_VERSION_CREATE
    nav = "models"
    template_name = "catalog/form.html"
    form_class = VersionForm
    success_message = "The version is registered."
    extra_context = {"title": "Register a version", "say": "A version is immutable: what is learned later is a fact."}

    @transaction.atomic
    def _register(self, form: VersionForm) -> str:
        data, file = form.cleaned_data, form.cleaned_data["file"]
        model = selectors.model_named(self.actor, self.kwargs["name"])
        digest = hashlib.sha256()
        for piece in chunks_of(file.file):
            digest.update(piece)
        file.file.seek(0)
        kind = file.name.rsplit(".", 1)[-1][:40] if "." in file.name else ""
        declared = DeclaredArtifact(file.name, digest.hexdigest(), file.size, kind)
        run = DeclaredRun(data["job_id"], data["code_revision"], extra={"region": data["region"]})
        row = register_version(
            model, actor=self.actor, version=data["version"], artifacts=[declared], run=run, notes=data["notes"]
        )
        upload_artifact(row.artifacts.get(), actor=self.actor, pieces=chunks_of(file.file))
        return reverse("version", kwargs={"name": model.name, "version": row.version})

    def act(self, form: VersionForm) -> str:
        return self._register(form)


class CardPage(ActPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/card.html"
    form_class = CardForm
    success_message = "The card is saved as a new revision."

    def _version(self) -> Any:
        return selectors.version_named(self.actor, self.kwargs["name"], self.kwargs["version"])

    def get_initial(self) -> dict[str, Any]:
        state = selectors.card_state(self._version())
        return {**state.sections, "based_on": state.revision.number if state.revision else 0}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = self._version()
        state = selectors.card_state(version)
        measured = [
            (label, state.sections.get(key, "")) for key, (label, is_measured) in CARD_SECTIONS.items() if is_measured
        ]
        return super().get_context_data(
            version=version,
            model=version.model,
            state=state,
            lacking=[CARD_SECTIONS[key][0] for key in state.missing],
            measured=measured,
            revisions=version.card_revisions.select_related("author").order_by("-number"),
            may_write=can(self.actor, Permission.CATALOG_FACT_RECORD, version.model.team_id),
            **kwargs,
        )

    def act(self, form: CardForm) -> str:
        data = dict(form.cleaned_data)
        version = self._version()
        save_card(version, actor=self.actor, based_on=data.pop("based_on"), sections=data)
        return reverse("version-card", kwargs={"name": version.model.name, "version": version.version})


class EvidencePage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/evidence.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = selectors.evidence_numbered(self.actor, int(kwargs.pop("number")))
        return super().get_context_data(
            evidence=row,
            version=row.version,
            metrics=list(row.metrics.order_by("name")),
            bias=list(row.bias_measures.order_by("attribute", "group")),
            entries=entries_about("evidence", row.pk),
            **kwargs,
        )

