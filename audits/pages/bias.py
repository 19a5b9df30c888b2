"""Pages of bias tests: the reports, one report, its numbers, the upload form, a run under way."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from audits import selectors
from audits.choices import FOUR_FIFTHS
from audits.pages.forms import MappingForm, UploadForm, references_from
from audits.pages.reading import first_line, reports_with_reading
from audits.services import staging
from audits.services.bias import submit_predictions
from catalog.models import ModelVersion
from catalog.selectors import version_named
from catalog.services.blobs import open_blob
from portal.access import Permission, can
from portal.errors import DomainError
from portal.pages.base import ActPage, Page, ReadPage


class BiasReportsPage(ReadPage):
    template_name = "audits/bias_reports.html"
    permission = Permission.CATALOG_MODEL_READ
    nav = "bias-reports"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(selectors.bias_reports_for(self.actor).order_by("-pk")[:100])
        running = selectors.test_runs_for(self.actor).filter(evidence=None).order_by("-pk")[:20]
        return super().get_context_data(
            **kwargs, reports=reports_with_reading(rows), runs=list(running), line=FOUR_FIFTHS
        )


class BiasReportPage(ReadPage):
    template_name = "audits/bias_report.html"
    permission = Permission.CATALOG_MODEL_READ
    nav = "bias-reports"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        report = selectors.bias_report(self.actor, self.kwargs["number"])
        version = report.evidence.version
        return super().get_context_data(
            **kwargs,
            report=report,
            evidence=report.evidence,
            version=version,
            model=version.model,
            verdict=first_line(report),
            line=FOUR_FIFTHS,
            releases=version.releases.order_by("-pk")[:1],
        )


class BiasNumbersPage(Page):
    """The evidence as JSON: raw counts of the finest cells, and everything derived from them."""

    permission = Permission.CATALOG_MODEL_READ

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        evidence = selectors.bias_report(self.actor, number).evidence
        content = b"{}"
        if evidence.blob is not None:
            with open_blob(evidence.blob) as stream:
                content = stream.read()
        name = f'attachment; filename="{evidence.public_id}.json"'
        return HttpResponse(content, content_type="application/json", headers={"Content-Disposition": name})


class BiasNewPage(ActPage):
    """Two steps, both without scripts: the file is looked at, then its columns are given their roles."""

    template_name = "audits/bias_new.html"
    permission = Permission.AUDITS_TEST_RUN_CREATE
    nav = "bias-reports"
    success_message = "The test is queued. This page follows it."
    staged: staging.Staged | None = None

    def get_version(self) -> ModelVersion:
        return version_named(self.actor, self.kwargs["name"], self.kwargs["version"])

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if token := request.POST.get("staged", ""):
            try:
                self.staged = staging.look_again(token, actor=self.actor)
            except DomainError as error:
                form = UploadForm()
                return self.render_to_response(self.get_context_data(form=form, gone=error), status=422)
        return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]

    def get_form(self, form_class: Any = None) -> Any:
        if self.staged is None:
            return UploadForm(**self.get_form_kwargs())
        return MappingForm(**self.get_form_kwargs(), preview=self.staged.preview)

    def form_valid(self, form: Any) -> HttpResponse:
        return self._look(form) if isinstance(form, UploadForm) else super().form_valid(form)

    def _look(self, form: UploadForm) -> HttpResponse:
        file = form.cleaned_data["file"]
        self.get_version()
        try:
            self.staged = staging.stage(file.chunks(), actor=self.actor, name=file.name)
        except DomainError as error:
            form.add_error("file", error.diagnostics())
            return self.form_invalid(form)
        mapping = MappingForm(initial={"staged": self.staged.token, "favourable": "1"}, preview=self.staged.preview)
        return self.render_to_response(self.get_context_data(form=mapping))

    def act(self, form: Any) -> str:
        data = form.cleaned_data
        with staging.staged_file(data["staged"], actor=self.actor) as (pieces, name):
            run = submit_predictions(
                self.get_version(),
                actor=self.actor,
                pieces=pieces,
                file_name=name,
                label=data["label"],
                prediction=data["prediction"],
                protected=data["protected"],
                favourable=int(data["favourable"]),
                references=references_from(data["references"]),
                title=data["title"],
            )
        staging.discard(data["staged"], actor=self.actor)
        return reverse("test-run", kwargs={"number": run.pk})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = self.get_version()
        may = can(self.actor, Permission.AUDITS_TEST_RUN_CREATE, version.model.team_id)
        return super().get_context_data(
            **kwargs, version=version, model=version.model, staged=self.staged, may_test=may
        )


class TestRunPage(ReadPage):
    """A run: its progress while it computes, the reason when it failed; done, it is its report."""

    __test__ = False

    template_name = "audits/test_run.html"
    permission = Permission.CATALOG_MODEL_READ
    nav = "bias-reports"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        run = selectors.test_run_numbered(self.actor, self.kwargs["number"])
        if run.evidence_id is not None:
            return HttpResponseRedirect(reverse("bias-report", kwargs={"number": run.evidence_id}))
        return self.render_to_response(
            self.get_context_data(run=run, job=run.job, version=run.version, model=run.version.model)
        )
