"""The answers of the command palette."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from portal.access import Permission
from portal.pages.base import Page
from portal.shell import search


class SearchPage(Page):
    """`?q=` → {"results": [{label, url, kind}]}."""

    permission = Permission.PORTAL_HOME_READ
    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> JsonResponse:
        hits = search.find(self.actor, request.GET.get("q", ""))
        rows = [{"label": label, "url": url, "kind": kind} for label, url, kind in hits]
        return JsonResponse({"results": rows}, headers={"Cache-Control": "no-store"})
