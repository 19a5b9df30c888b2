"""Pages: the policies in force, and one policy to read."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse

from catalog.selectors import missing
from governance.gates.cases import run_cases
from governance.models import Policy, PolicyVersion
from governance.services.policies import parsed
from portal.access import Permission, can
from portal.pages.base import Page, ReadPage


def policies() -> QuerySet[Policy]:
    """All policies with their active version as `active` (a list of none or one); everybody reads them."""
    active = PolicyVersion.objects.filter(retired_at=None).select_related("author")
    return Policy.objects.prefetch_related(Prefetch("versions", queryset=active, to_attr="active")).order_by("name")


def policy_named(name: str) -> Policy:
    row = Policy.objects.filter(name__iexact=name).first()
    if row is None:
        raise missing("policy", name)
    return row


def version_of(policy: Policy, number: str = "") -> PolicyVersion:
    """The version of that number; with none, the active one, else the newest."""
    rows = policy.versions.select_related("author", "policy").annotate(uses=Count("decisions"))
    if number:
        found = rows.filter(number=int(number)).first() if number.isdigit() and len(number) < 8 else None
    else:
        found = rows.filter(retired_at=None).first() or rows.order_by("-number").first()
    if found is None:
        raise missing("policy version", f"{policy.name} {number}".strip())
    return found


class PoliciesPage(ReadPage):
    permission = Permission.GOVERNANCE_POLICY_READ
    nav = "policies"
    template_name = "governance/policies.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = [
            {"policy": row, "version": row.active[0], "read": parsed(row.active[0].source)}
            if row.active  # type: ignore[attr-defined]
            else {"policy": row}
            for row in policies()
        ]
        may_publish = can(self.actor, Permission.GOVERNANCE_POLICY_PUBLISH)
        return super().get_context_data(rows=rows, may_publish=may_publish, **kwargs)


class PolicyPage(ReadPage):
    """`?version=N` reads an older version."""

    permission = Permission.GOVERNANCE_POLICY_READ
    nav = "policies"
    template_name = "governance/policy.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        policy = policy_named(kwargs.pop("name"))
        version = version_of(policy, self.request.GET.get("version", ""))
        read = parsed(version.source)
        controls = sorted({control for rule in read.rules for control in rule.controls})
        tests = [
            {
                "name": one.case.name,
                "passed": not one.problem,
                "said": one.problem or f"expected and got: {one.verdict}",
            }
            for one in run_cases(read)
        ]
        return super().get_context_data(
            policy=policy,
            version=version,
            read=read,
            controls=controls,
            tests=tests,
            number=str(version.number),
            versions=policy.versions.select_related("author").order_by("-number"),
            **kwargs,
        )


class PolicySource(Page):
    """The text of a version as it was published: the bytes whose digest the page names."""

    permission = Permission.GOVERNANCE_POLICY_READ

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        policy = policy_named(name)
        version = version_of(policy, request.GET.get("version", ""))
        response = HttpResponse(version.source, content_type="application/yaml; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{policy.name}-{version.number}.yaml"'
        return response
