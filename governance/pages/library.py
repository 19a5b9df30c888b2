"""Pages: the library of starter policies and templates, and what an upgrade from it would change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from catalog.selectors import missing
from governance.choices import OPEN_DRAFTS
from governance.gates import library as shelf
from governance.models import PolicyDraft, PolicyVersion
from governance.pages.params import typed_params
from governance.services import library
from portal.access import Permission, can
from portal.errors import InvalidInput
from portal.pages.base import Page, ReadPage

P = Permission


def _states() -> dict[str, dict[str, Any]]:
    """By name: the version in force, or the open draft."""
    found: dict[str, dict[str, Any]] = {}
    for draft in PolicyDraft.objects.filter(state__in=OPEN_DRAFTS).order_by("pk"):
        found[draft.policy_name] = {"draft": draft}
    for version in PolicyVersion.objects.filter(retired_at=None).select_related("policy"):
        found.setdefault(version.policy.name, {})["version"] = version
    return found


class LibraryPage(ReadPage):
    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"
    template_name = "governance/library.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        states = _states()
        return super().get_context_data(
            entries=[{"entry": one, **states.get(one.name, {})} for one in shelf.entries()],
            templates=[{"entry": one, **states.get(one.name, {})} for one in shelf.templates()],
            **kwargs,
        )


class LibraryEntryPage(Page):
    """One policy or template. A post begins the drafts."""

    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"

    def get(self, request: HttpRequest, name: str) -> HttpResponseBase:
        return LibraryEntryView.as_view()(request, name=name)

    def post(self, request: HttpRequest, name: str) -> HttpResponseBase:
        entry, is_demo = _find(name), self.actor.is_demo
        try:
            if isinstance(entry, shelf.Template):
                made = library.install_template(name, actor=self.actor, is_demo=is_demo)
            else:
                values = typed_params(entry.policy.params.values(), request.POST)
                made = [library.install(name, actor=self.actor, params=values, is_demo=is_demo)]
        except InvalidInput as error:
            messages.error(request, error.diagnostics())
            response = LibraryEntryView.as_view()(request, name=name)
            response.status_code = error.status
            return response
        words = "The draft is" if len(made) == 1 else f"{len(made)} drafts are"
        messages.success(request, f"{words} begun. Nothing is in force before the owners approve.")
        return redirect("policy-draft", number=made[-1].pk) if len(made) == 1 else redirect("policy-drafts")


class LibraryEntryView(ReadPage):
    http_method_names = ["get", "post"]
    permission = P.GOVERNANCE_POLICY_READ
    nav = "policies"
    template_name = "governance/library_entry.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The same page with what was typed, after a value that cannot be taken."""
        return self.get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry = _find(kwargs.pop("name"))
        states = _states()
        state = states.get(entry.name, {})
        version = state.get("version")
        upgrade = shelf.upgrade_diff(version.source, entry.source) if version else []
        members = [
            {"name": one.policy, "params": one.params, **states.get(one.policy, {})}
            for one in getattr(getattr(entry, "set", None), "entries", ())
        ]
        return super().get_context_data(
            entry=entry,
            members=members,
            upgrade=upgrade,
            may_draft=can(self.actor, P.GOVERNANCE_POLICY_DRAFT),
            **state,
            **kwargs,
        )


def _find(name: str) -> Any:
    found = next((one for one in (*shelf.entries(), *shelf.templates()) if one.name == name), None)
    if found is None:
        raise missing("library policy", name)
    return found
