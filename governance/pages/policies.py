"""Pages: the policies in force, and one policy to read."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from catalog.selectors import missing
from governance.choices import PolicyKind
from governance.gates.cases import run_cases
from governance.gates.library import control
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.sets import PolicySet
from governance.models import Policy, PolicyDraft, PolicyVersion
from governance.selectors_policies import drafts_for, drafts_waiting_for
from governance.services.bundles import key_fingerprint
from governance.services.policies import in_force, parsed_set, read
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
        found = rows.filter(number=int(number)).first() if number.isdecimal() and len(number) < 8 else None
    else:
        found = rows.filter(retired_at=None).first() or rows.order_by("-number").first()
    if found is None:
        raise missing("policy version", f"{policy.name} {number}".strip())
    return found


def _row(policy: Policy) -> dict[str, Any]:
    active = policy.active  # type: ignore[attr-defined]
    if not active:
        return {"policy": policy}
    document = read(active[0].source)
    return {"policy": policy, "version": active[0], "read": document, "overdue": _overdue(document)}


def _overdue(document: ParsedPolicy | PolicySet) -> bool:
    return document.review_by is not None and document.review_by < timezone.now().date()


def _from_git() -> dict[str, dict[str, Any]]:
    """By policy: where its newest text from Git came from, and the number of the version that it became."""
    rows = PolicyDraft.objects.filter(version__isnull=False, origin__has_key="git").select_related("version")
    return {row.policy_name: {"number": row.version.number, **row.origin["git"]} for row in rows.order_by("pk")}  # type: ignore[union-attr]


class PoliciesPage(ReadPage):
    permission = Permission.GOVERNANCE_POLICY_READ
    nav = "policies"
    template_name = "governance/policies.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = [_row(row) for row in policies()]
        git = _from_git()
        for row in rows:
            row["git"] = git.get(row["policy"].name)
        return super().get_context_data(
            rows=[row for row in rows if row["policy"].kind == PolicyKind.POLICY],
            sets=[row for row in rows if row["policy"].kind == PolicyKind.SET],
            drafts=drafts_for(self.actor, state="open").count(),
            waiting=drafts_waiting_for(self.actor),
            may_draft=can(self.actor, Permission.GOVERNANCE_POLICY_DRAFT),
            bundle_key=key_fingerprint(),
            **kwargs,
        )


class PolicyPage(ReadPage):
    """`?version=N` reads an older version."""

    permission = Permission.GOVERNANCE_POLICY_READ
    nav = "policies"

    def get_template_names(self) -> list[str]:
        return ["governance/policy_set.html" if self.is_set else "governance/policy.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        policy = policy_named(kwargs.pop("name"))
        version = version_of(policy, self.request.GET.get("version", ""))
        document = read(version.source)
        self.is_set = isinstance(document, PolicySet)
        draft = PolicyDraft.objects.filter(version=version).select_related("author").first()
        context = {
            "policy": policy,
            "version": version,
            "read": document,
            "overdue": _overdue(document),
            "number": str(version.number),
            "versions": policy.versions.select_related("author").order_by("-number"),
            "draft": draft,
            "approvals": draft.approvals.filter(digest=draft.digest).select_related("person") if draft else (),
            "open_drafts": drafts_for(self.actor, state="open").filter(policy_name__iexact=policy.name),
            "may_draft": can(self.actor, Permission.GOVERNANCE_POLICY_DRAFT),
        }
        more = self._set(document) if isinstance(document, PolicySet) else self._policy(document)
        return super().get_context_data(**context, **more, **kwargs)

    @staticmethod
    def _policy(document: ParsedPolicy) -> dict[str, Any]:
        tests = [
            {
                "name": one.case.name,
                "passed": not one.problem,
                "said": one.problem or f"expected and got: {one.verdict}",
            }
            for one in run_cases(document)
        ]
        sets = [row for row in in_force() if row.policy.kind == PolicyKind.SET]
        settled = [
            {"set": row.policy.name, "entry": entry}
            for row in sets
            for entry in parsed_set(row.source).entries
            if entry.policy == document.name
        ]
        controls = [control(one) for one in sorted({name for rule in document.rules for name in rule.controls})]
        return {"tests": tests, "settled": settled, "controls": controls}

    @staticmethod
    def _set(document: PolicySet) -> dict[str, Any]:
        known = {row.policy.name: row for row in in_force() if row.policy.kind == PolicyKind.POLICY}
        return {"entries": [{"entry": one, "version": known.get(one.policy)} for one in document.entries]}


class PolicySource(Page):
    """The text of a version as it was published: the bytes whose digest the page names."""

    permission = Permission.GOVERNANCE_POLICY_READ

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        policy = policy_named(name)
        version = version_of(policy, request.GET.get("version", ""))
        response = HttpResponse(version.source, content_type="application/yaml; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{policy.name}-{version.number}.yaml"'
        return response
