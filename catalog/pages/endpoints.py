"""Pages: endpoints, one endpoint with what answered there when, a new endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse

from catalog import selectors
from catalog.pages import extensions
from catalog.pages.forms import EndpointForm
from catalog.pages.lists import page_of
from catalog.services.endpoints import register_endpoint
from portal.access import Permission, can
from portal.ledger.selectors import entries_about
from portal.pages.base import ActPage, ReadPage

P = Permission


class EndpointsPage(ReadPage):
    permission = P.CATALOG_MODEL_READ
    nav = "endpoints"
    template_name = "catalog/endpoints.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        q = selectors.plain(self.request.GET.get("q", ""))[:200].strip()
        rows = selectors.endpoints_for(self.actor).order_by("name")
        if q:
            rows = rows.filter(Q(name__icontains=q) | Q(title__icontains=q) | Q(regions__icontains=q))
        page = page_of(self.request, rows)
        may_register = can(self.actor, P.CATALOG_ENDPOINT_CREATE)
        return super().get_context_data(page=page, endpoints=page.object_list, q=q, may_register=may_register, **kwargs)


def moment_of(text: str) -> datetime | None:
    """A moment as ISO 8601; without a zone it is UTC. None for what is not a moment."""
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class EndpointPage(ReadPage):
    permission = P.CATALOG_MODEL_READ
    nav = "endpoints"
    template_name = "catalog/endpoint.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        endpoint = selectors.endpoint_named(self.actor, self.kwargs["name"])
        page = page_of(self.request, selectors.deployments_of(endpoint))
        asked = self.request.GET.get("at", "")[:40]
        at = moment_of(asked) if asked else None
        return super().get_context_data(
            endpoint=endpoint,
            page=page,
            deployments=list(page.object_list),
            live=selectors.live_deployment(endpoint),
            asked=asked,
            at=at,
            answered=selectors.deployed_at(endpoint, at) if at else None,
            panels=extensions.panels("endpoint", self.request, endpoint),
            entries=entries_about("endpoint", endpoint.pk)[:10],
            **kwargs,
        )


class EndpointNewPage(ActPage):
    permission = P.CATALOG_ENDPOINT_CREATE
    nav = "endpoints"
    template_name = "catalog/endpoint_new.html"
    form_class = EndpointForm
    success_message = "The endpoint is registered. A release may now be asked for it."

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "actor": self.actor}

    def act(self, form: EndpointForm) -> str:
        row = register_endpoint(actor=self.actor, **form.cleaned_data)
        return reverse("endpoint", kwargs={"name": row.name})
