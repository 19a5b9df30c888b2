"""Pages: the facts about a version at an endpoint, and the same as a file."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from catalog import selectors
from catalog.models import Endpoint, ModelVersion
from governance.choices import ASSESSED_STATES, Moment
from governance.gates.attested import ATTESTED
from governance.gates.facts import Facts
from governance.models import Release
from governance.pages.factsheet import MAX_ROWS, sheet
from governance.selectors import open_releases_of
from governance.services.attested import permission_for
from governance.services.facts import build_facts
from portal.access import Permission, can
from portal.pages.base import Page, ReadPage

P = Permission
MAX_ENDPOINTS = 200


def endpoint_for(page: Page, version: ModelVersion) -> Endpoint | None:
    """The endpoint that `?endpoint=` names; else where the version answers, is asked for, or the first that is seen."""
    name = page.request.GET.get("endpoint", "")
    if name:
        return selectors.endpoint_named(page.actor, name)
    seen = Endpoint.objects.visible_to(page.actor).select_related("team")
    live = seen.filter(deployments__in=selectors.live_deployments_of([version.pk])).first()
    asked = seen.filter(pk__in=open_releases_of(version.pk).values("endpoint")).first()
    return live or asked or seen.order_by("name").first()


def facts_for(version: ModelVersion, endpoint: Endpoint) -> Facts:
    """The document as the gates read it now: for the release that is open or live there, else for a check."""
    rows = Release.objects.filter(version=version, endpoint=endpoint, state__in=ASSESSED_STATES)
    return build_facts(version, endpoint, now=timezone.now(), release=rows.select_related("requested_by").first())


class FactsPage(ReadPage):
    """`?endpoint=NAME` says where; `?q=` keeps what has these words."""

    permission = P.GOVERNANCE_RELEASE_READ
    nav = "models"
    template_name = "governance/facts.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = selectors.version_named(self.actor, kwargs.pop("name"), kwargs.pop("version"))
        endpoint = endpoint_for(self, version)
        q = selectors.plain(self.request.GET.get("q", ""))[:200].strip()
        found: dict[str, Any] = {"version": version, "model": version.model, "endpoint": endpoint, "q": q}
        if endpoint is not None:
            facts = facts_for(version, endpoint)
            whole = sheet(facts, version, endpoint, limit=10_000 if q else MAX_ROWS)
            found |= {
                "moment": Moment(facts["subject"]["moment"]).label,
                "facts": facts,
                "whole": whole,
                "sheet": whole.matching(q) if q else whole,
            }
        endpoints = Endpoint.objects.visible_to(self.actor).order_by("name").values_list("name", flat=True)
        may = [one.section for one in ATTESTED.values() if can(self.actor, permission_for(one.section))]
        api = self.request.build_absolute_uri("/api/v1")
        return super().get_context_data(
            endpoints=list(endpoints[:MAX_ENDPOINTS]), may_attest=may, api=api, **found, **kwargs
        )


class FactsFile(Page):
    """The document as the gates would read it now, as a file."""

    permission = P.GOVERNANCE_RELEASE_READ

    def get(self, request: HttpRequest, name: str, version: str) -> HttpResponse:
        subject = selectors.version_named(self.actor, name, version)
        endpoint = endpoint_for(self, subject)
        if endpoint is None:
            raise selectors.missing("endpoint", "")
        facts = facts_for(subject, endpoint)
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        response = HttpResponse(text, content_type="application/json; charset=utf-8")
        file = f"facts-{subject.model.name}-{subject.version}-{endpoint.name}.json"
        response["Content-Disposition"] = f'attachment; filename="{file}"'
        return response
