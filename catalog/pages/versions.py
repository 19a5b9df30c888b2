"""Pages: one version, a new version, the upload of a declared file."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse

from catalog import selectors
from catalog.choices import CARD_SECTIONS, DatasetRole
from catalog.models import ModelVersion, RegisteredModel
from catalog.pages import extensions
from catalog.pages.forms import UploadForm, VersionForm
from catalog.services.blobs import CHUNK
from catalog.services.versions import DeclaredArtifact, DeclaredRun, register_with_files, upload_artifact
from portal.access import Permission, can
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, ReadPage

P = Permission
EVIDENCE_SHOWN = 20


def version_url(version: ModelVersion, name: str = "version") -> str:
    return reverse(name, kwargs={"name": version.model.name, "version": version.version})


def card_rows(state: selectors.CardState) -> list[dict[str, Any]]:
    """The sections of a card for reading, in their order."""
    return [
        {
            "key": key,
            "title": title,
            "measured": measured,
            "text": state.sections.get(key, ""),
            "stale": key in state.stale,
        }
        for key, (title, measured) in CARD_SECTIONS.items()
    ]


def card_context(state: selectors.CardState) -> dict[str, Any]:
    """What the panels about a card read."""
    return {
        "card": state,
        "card_rows": card_rows(state),
        "card_total": len(CARD_SECTIONS),
        "card_filled": len(CARD_SECTIONS) - len(state.missing),
        "missing_titles": [CARD_SECTIONS[key][0] for key in state.missing],
        "stale_titles": [CARD_SECTIONS[key][0] for key in state.stale],
    }


class VersionPage(ReadPage):
    permission = P.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/version.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = selectors.version_named(self.actor, kwargs.pop("name"), kwargs.pop("version"))
        artifacts = selectors.artifacts_of(version)
        deployments = list(version.deployments.select_related("endpoint").order_by("-pk")[:10])
        return super().get_context_data(
            version=version,
            model=version.model,
            run=version.training_run,
            artifacts=artifacts,
            waiting=sum(not row.uploaded for row in artifacts),  # type: ignore[attr-defined]
            datasets=list(version.datasets.select_related("snapshot__dataset").order_by("role", "pk")),
            metrics=selectors.current_metrics([version.pk])[version.pk],
            evidence=list(version.evidence.select_related("recorded_by").order_by("-pk")[:EVIDENCE_SHOWN]),
            deployments=deployments,
            live=[row for row in deployments if row.is_live],
            **card_context(selectors.card_state(version)),
            panels=extensions.panels("version", self.request, version),
            side_panels=extensions.panels("version-side", self.request, version),
            entries=entries_about("version", version.pk)[:10],
            **self._may(version.model.team_id),
            **kwargs,
        )

    def _may(self, team: int) -> dict[str, bool]:
        return {
            "may_upload": can(self.actor, P.CATALOG_VERSION_CREATE, team),
            "may_write": can(self.actor, P.CATALOG_FACT_RECORD, team),
            "may_request": can(self.actor, P.GOVERNANCE_RELEASE_REQUEST, team),
        }


def _declared(file: UploadedFile) -> DeclaredArtifact:
    """Digest and size of an uploaded file, read in pieces."""
    digest = hashlib.sha256()
    for piece in file.chunks(CHUNK):
        digest.update(piece)
    file.seek(0)
    return DeclaredArtifact(str(file.name), digest.hexdigest(), int(file.size or 0))


class VersionNewPage(ActPage):
    permission = P.CATALOG_VERSION_CREATE
    nav = "models"
    template_name = "catalog/version_new.html"
    form_class = VersionForm
    success_message = "The version is registered. It cannot be changed; what is measured about it is added."

    @property
    def model(self) -> RegisteredModel:
        return selectors.model_named(self.actor, self.kwargs["name"])

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs = super().get_form_kwargs()
        kwargs["snapshots"] = selectors.snapshots_for(self.actor)
        kwargs["people"] = selectors.trainers_of(self.model)
        return kwargs

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(model=self.model, **kwargs)

    def act(self, form: VersionForm) -> str:
        data = form.cleaned_data
        files = [(_declared(file), file.chunks(CHUNK)) for file in data["files"]]
        later = [DeclaredArtifact(name, sha256, size) for sha256, size, name in data["declared"]]
        row = register_with_files(
            self.model,
            actor=self.actor,
            version=data["version"],
            notes=data["notes"],
            files=files,
            later=later,
            run=self._run(data),
            datasets=[
                *((snapshot, DatasetRole.TRAIN) for snapshot in data["train"]),
                *((snapshot, DatasetRole.TEST) for snapshot in data["test"]),
            ],
        )
        return version_url(row)

    @staticmethod
    def _run(data: dict[str, Any]) -> DeclaredRun | None:
        if not data["job_id"]:
            return None
        return DeclaredRun(data["job_id"], data["code_revision"], data["parameters"], data["trained_by"])


class UploadPage(ActPage):
    permission = P.CATALOG_VERSION_CREATE
    nav = "models"
    template_name = "catalog/upload.html"
    form_class = UploadForm
    success_message = "The file is stored. Its digest and size are as declared."

    @property
    def version(self) -> ModelVersion:
        return selectors.version_named(self.actor, self.kwargs["name"], self.kwargs["version"])

    def get_initial(self) -> dict[str, Any]:
        return {"artifact": self.request.GET.get("artifact", "")}

    def get_form_kwargs(self) -> dict[str, Any]:
        names = [row.name for row in selectors.artifacts_of(self.version) if not row.uploaded]
        return {**super().get_form_kwargs(), "names": names}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = self.version
        waiting = [row for row in selectors.artifacts_of(version) if not row.uploaded]
        return super().get_context_data(version=version, model=version.model, waiting=waiting, **kwargs)

    def act(self, form: UploadForm) -> str:
        version = self.version
        artifact = selectors.artifact_named(version, form.cleaned_data["artifact"])
        upload_artifact(artifact, actor=self.actor, pieces=form.cleaned_data["file"].chunks(CHUNK))
        return version_url(version)
