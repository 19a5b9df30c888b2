"""Pages: set and close a condition, raise and close a finding."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from catalog.selectors import missing
from governance import selectors
from governance.models import Condition, Finding, Release
from governance.pages.forms import CloseConditionForm
from governance.pages.forms_life import FindingForm, PromiseForm
from governance.policies import condition_owners
from governance.services.conditions import ConditionDraft, close_condition, open_condition
from governance.services.findings import FindingDraft, close_finding, raise_finding
from portal.access import Permission
from portal.pages.base import ActPage


class ConditionClosePage(ActPage):
    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/condition_close.html"
    form_class = CloseConditionForm
    success_message = "The condition is closed."

    @property
    def condition(self) -> Condition:
        rows = Condition.objects.select_related("owner", "approval__person", "set_by", "release__version__model__team")
        row = rows.filter(pk=self.kwargs["pk"], release__in=selectors.releases_for(self.actor).values("pk")).first()
        if row is None:
            raise missing("condition", str(self.kwargs["pk"]))
        return row

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(condition=self.condition, **kwargs)

    def act(self, form: CloseConditionForm) -> str:
        condition = self.condition
        close_condition(condition, actor=self.actor, proof=form.cleaned_data["proof"])
        return reverse("release", kwargs={"number": condition.release_id})


class _PromisePage(ActPage):
    """A form about a release whose owner is chosen from the people of the model's team."""

    nav = "releases"
    template_name = "governance/release_act.html"
    words: dict[str, Any]

    @property
    def release(self) -> Release:
        return selectors.release_numbered(self.actor, int(self.kwargs["number"]))

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"people": list(condition_owners(self.release))}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(release=self.release, words=self.words, **kwargs)


class ConditionNewPage(_PromisePage):
    permission = Permission.GOVERNANCE_RELEASE_HOLD
    form_class = PromiseForm
    success_message = "The condition is set."
    words = {
        "title": "Set a condition",
        "button": "Set the condition",
        "then": "It stays on the release's page until you or validation close it with proof.",
    }

    def act(self, form: PromiseForm) -> str:
        release = self.release
        open_condition(release, ConditionDraft(**form.cleaned_data), actor=self.actor)
        return reverse("release", kwargs={"number": release.pk}) + "#conditions"


class FindingNewPage(_PromisePage):
    permission = Permission.GOVERNANCE_FINDING_RAISE
    form_class = FindingForm
    success_message = "The finding is raised."
    words = {
        "title": "Raise a finding",
        "button": "Raise the finding",
        "then": "It is about the version, wherever it answers, and open until validation closes it with proof.",
    }

    def act(self, form: FindingForm) -> str:
        release = self.release
        raise_finding(release.version, FindingDraft(**form.cleaned_data), actor=self.actor, release=release)
        return reverse("release", kwargs={"number": release.pk}) + "#findings"


class FindingClosePage(ActPage):
    permission = Permission.GOVERNANCE_RELEASE_DECIDE
    nav = "releases"
    template_name = "governance/finding_close.html"
    form_class = CloseConditionForm
    success_message = "The finding is closed."

    @property
    def finding(self) -> Finding:
        rows = Finding.objects.visible_to(self.actor)
        rows = rows.select_related("owner", "raised_by", "closed_by", "release", "version__model__team")
        row = rows.filter(pk=self.kwargs["pk"]).first()
        if row is None:
            raise missing("finding", str(self.kwargs["pk"]))
        return row

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(finding=self.finding, **kwargs)

    def act(self, form: CloseConditionForm) -> str:
        finding = self.finding
        close_finding(finding, actor=self.actor, proof=form.cleaned_data["proof"])
        version = finding.version
        return reverse("version", kwargs={"name": version.model.name, "version": version.version})
