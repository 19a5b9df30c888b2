"""Pages: every release of a model or endpoint as a time line, and what was live at an endpoint at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog.models import Endpoint, RegisteredModel
from catalog.pages.lists import MAX_EXPORT, as_csv, as_json
from catalog.selectors import endpoint_named, model_named, plain
from governance import selectors_history as reads
from governance.choices import ReleaseState
from portal.access import Permission, can
from portal.pages.base import Page, ReadPage

PAGE_SIZE = 50
FORMATS = {"csv": as_csv, "json": as_json}


class _History(Page):
    """`?state=&q=&from=&until=&after=`: the filter is in the address, and the files take the same."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    kind = ""

    def subject(self) -> RegisteredModel | Endpoint:
        named = model_named if self.kind == "model" else endpoint_named
        return named(self.actor, self.kwargs["name"])  # type: ignore[operator,no-any-return]

    def asked(self) -> dict[str, str]:
        names = ("state", "q", "from", "until")
        return {name: plain(self.request.GET.get(name, ""))[:80].strip() for name in names}

    def rows(self, subject: Any, asked: dict[str, str]) -> Any:
        since, until = (reads.moment_of(asked[name]) if asked[name] else None for name in ("from", "until"))
        about = {self.kind: subject}
        return reads.history(self.actor, state=asked["state"], q=asked["q"], since=since, until=until, **about)


class _HistoryPage(_History, ReadPage):
    template_name = "governance/history.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        subject, asked = self.subject(), self.asked()
        rows, after = self.rows(subject, asked), self.request.GET.get("after", "")
        if after.isascii() and after.isdigit() and len(after) < 18:
            rows = rows.filter(pk__lt=int(after))
        found = list(rows[: PAGE_SIZE + 1])
        kept = self.request.GET.copy()
        kept.pop("after", None)
        odd = [asked[name] for name in ("from", "until") if asked[name] and reads.moment_of(asked[name]) is None]
        return super().get_context_data(
            subject=subject,
            kind=self.kind,
            chapters=reads.chapters(found[:PAGE_SIZE]),
            next_after=found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None,
            asked={**asked, "since": asked["from"]},
            narrowed=any(asked.values()),
            odd=odd,
            states=ReleaseState.choices,
            query=kept.urlencode(),
            here=reverse(f"{self.kind}-history", kwargs={"name": subject.name}),
            **kwargs,
        )


class _HistoryFile(_History):
    def get(self, request: HttpRequest, name: str, form: str) -> HttpResponse:
        if form not in FORMATS:
            raise Http404("A history is had as csv or json.")
        subject = self.subject()
        found = list(self.rows(subject, self.asked())[:MAX_EXPORT])
        lines = (reads.row_of(one) for one in reads.chapters(found))
        return FORMATS[form](f"releases-{subject.name}", reads.HEADER, lines)


class ModelHistory(_HistoryPage):
    kind, nav = "model", "models"


class ModelHistoryFile(_HistoryFile):
    kind = "model"


class EndpointHistory(_HistoryPage):
    kind, nav = "endpoint", "endpoints"


class EndpointHistoryFile(_HistoryFile):
    kind = "endpoint"


class EndpointAt(ReadPage):
    """`?t=`: a moment in ISO 8601; without it, now."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "endpoints"
    template_name = "governance/endpoint_at.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        endpoint = endpoint_named(self.actor, self.kwargs["name"])
        asked, now = plain(self.request.GET.get("t", ""))[:60].strip(), timezone.now()
        moment = reads.moment_of(asked) if asked else now
        # What comes is not known: an open deployment would answer for every day to come.
        future = moment is not None and moment > now
        answer = None if moment is None or future else reads.answer_at(self.actor, endpoint, moment)
        return super().get_context_data(
            endpoint=endpoint, asked=asked, moment=moment, future=future, answer=answer, is_now=not asked, **kwargs
        )


def history_panel(request: HttpRequest, endpoint: Endpoint) -> tuple[str, Mapping[str, Any]] | None:
    """On an endpoint's page: the way to who approved what is live, and to every release."""
    if not can(request.user, Permission.GOVERNANCE_RELEASE_READ):  # type: ignore[arg-type]
        return None
    return "governance/parts/history_links.html", {}
