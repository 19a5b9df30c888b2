"""Pages: attest a section of the facts, about a version and where it is to answer, or about an endpoint; and the panel
of what was attested."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.urls import reverse

from catalog import selectors
from catalog.models import Endpoint, ModelVersion
from catalog.pages import extensions
from catalog.services.attestations import attest
from governance.gates.attested import ATTESTED, Attested
from governance.pages.attest_form import AttestForm
from governance.pages.facts import endpoint_for
from governance.services.attested import permission_for
from portal.access import Permission, can
from portal.errors import InvalidInput
from portal.pages.base import ActPage

P = Permission
SHOWN = 8


class _AttestPage(ActPage):
    """`?section=` says what is attested."""

    permission = P.CATALOG_ATTESTATION_RECORD
    template_name = "governance/attest.html"
    form_class = AttestForm
    success_message = "It is recorded. Where a release reads it, the gates run again."
    version: ModelVersion | None = None

    @cached_property
    def endpoint(self) -> Endpoint | None:
        raise NotImplementedError

    @property
    def back(self) -> str:
        """Where the facts are read."""
        raise NotImplementedError

    @property
    def attested(self) -> Attested:
        found = ATTESTED.get(self.request.GET.get("section", ""))
        if found is None:
            raise Http404
        return found

    def get_form_kwargs(self) -> dict[str, Any]:
        about = {"version": self.version, "endpoint": self.endpoint}
        return {**super().get_form_kwargs(), "attested": self.attested, **about}

    def act(self, form: AttestForm) -> str:
        section = self.attested.section
        try:
            attest(form.about, actor=self.actor, section=section, value=form.value, **form.circumstances)
        except InvalidInput as error:
            error.field = (error.field or "").removeprefix("value.")
            raise
        return f"{self.back}#{section}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may = can(self.actor, permission_for(self.attested.section))
        about = {"version": self.version, "endpoint": self.endpoint}
        return super().get_context_data(attested=self.attested, may=may, back=self.back, **about, **kwargs)


class VersionAttestPage(_AttestPage):
    """`?endpoint=` names where the version is to answer."""

    nav = "models"

    @cached_property
    def version(self) -> ModelVersion:  # type: ignore[override]
        return selectors.version_named(self.actor, self.kwargs["name"], self.kwargs["version"])

    @cached_property
    def endpoint(self) -> Endpoint | None:
        return endpoint_for(self, self.version)

    @property
    def back(self) -> str:
        url = reverse("version-facts", kwargs=self.kwargs)
        return f"{url}?{urlencode({'endpoint': self.endpoint.name})}" if self.endpoint else url


class EndpointAttestPage(_AttestPage):
    nav = "endpoints"

    @cached_property
    def endpoint(self) -> Endpoint:
        return selectors.endpoint_named(self.actor, self.kwargs["name"])

    @property
    def back(self) -> str:
        return reverse("endpoint", kwargs=self.kwargs)


def attested_panel(request: HttpRequest, about: ModelVersion | Endpoint) -> tuple[str, Mapping[str, Any]] | None:
    """What was attested about a version or an endpoint, newest first, and what the reader may attest."""
    actor: Any = request.user
    kind = "version" if isinstance(about, ModelVersion) else "endpoint"
    rows = list(selectors.attestations_about(about)[: SHOWN + 1])
    may = [one for one in ATTESTED.values() if kind in one.about and can(actor, permission_for(one.section))]
    names = {"name": about.name} if isinstance(about, Endpoint) else _names(about)
    context = {
        "rows": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "may": may,
        "to": reverse(f"{kind}-attest", kwargs=names),
    }
    return "governance/parts/attested.html", context


def _names(version: ModelVersion) -> dict[str, str]:
    return {"name": version.model.name, "version": version.version}


extensions.register(attested_panel, "version")
extensions.register(attested_panel, "endpoint")
