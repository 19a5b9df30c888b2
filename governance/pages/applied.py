"""Page: the policies and values that hold for one version at one endpoint, and where each comes from."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from governance.gates.applies import applies
from governance.gates.sets import resolve
from governance.services.facts import build_facts
from governance.services.policies import in_force, split
from portal.access import Permission
from portal.pages.base import ReadPage

CHOICES = 200


class AppliedPage(ReadPage):
    """`?version=ID&endpoint=ID`."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "policies"
    template_name = "governance/applied.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        versions = ModelVersion.objects.visible_to(self.actor).select_related("model__team").order_by("-pk")
        endpoints = Endpoint.objects.visible_to(self.actor).order_by("name")
        version, endpoint = self._chosen(versions, "version"), self._chosen(endpoints, "endpoint")
        context: dict[str, Any] = {"versions": versions[:CHOICES], "endpoints": endpoints[:CHOICES]}
        if version is not None and endpoint is not None:
            context |= {"version": version, "endpoint": endpoint, **self._holds(version, endpoint)}
        return super().get_context_data(**context, **kwargs)

    def _chosen(self, rows: QuerySet, name: str) -> Any:
        number = self.request.GET.get(name, "")
        found: Model | None = rows.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None
        return found or rows.first()

    @staticmethod
    def _holds(version: ModelVersion, endpoint: Endpoint) -> dict[str, Any]:
        facts = build_facts(version, endpoint, now=timezone.now())
        policies, sets = split(in_force())
        resolved = resolve(policies, sets, facts)
        rows = []
        for policy in policies:
            settings = resolved.settings[policy.name]
            values = [(name, value, _by(settings.origin[name])) for name, value in settings.params.items()]
            by = _by(settings.origin["enforcement"])
            rows.append(
                {
                    "policy": policy,
                    "applies": applies(policy.applies_to, facts),
                    "settings": settings,
                    "values": values,
                    "by": by,
                }
            )
        return {"rows": rows, "sets": [(one.name, whether) for one, whether in resolved.applied]}


def _by(origin: str) -> str:
    return "the policy itself" if origin == "policy" else origin
