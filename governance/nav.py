"""Menu entries and home panels of this app; importing this module registers them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from catalog.pages import extensions as catalog_pages
from governance import selectors
from governance.choices import ReleaseState
from governance.models import Condition, Emergency, Finding, PolicyDraft, Release
from governance.pages.history import history_panel
from governance.pages.model_panel import releases_panel
from governance.selectors_policies import drafts_waiting_for
from portal.access import Permission, can
from portal.accounts.models import User
from portal.shell import home, nav
from portal.shell.home import Panel

PANEL_ROWS = 8
RETURNED = (ReleaseState.BLOCKED, ReleaseState.CHANGES_ASKED)
_WAITING = "_waiting_releases"
_DRAFTS = "_waiting_drafts"


def _waiting(actor: User) -> list[Release]:
    """What waits for this person, worked out once for the menu and the home page of one request."""
    if not hasattr(actor, _WAITING):
        found = selectors.waiting_for(actor) if can(actor, Permission.GOVERNANCE_RELEASE_DECIDE) else []
        setattr(actor, _WAITING, list(found))
    return getattr(actor, _WAITING)  # type: ignore[no-any-return]


def waiting_count(actor: User) -> int:
    return len(_waiting(actor))


def _waiting_drafts(actor: User) -> list[PolicyDraft]:
    """Policy drafts that wait for this person, worked out once for the menu and the home page of one request."""
    if not hasattr(actor, _DRAFTS):
        setattr(actor, _DRAFTS, drafts_waiting_for(actor))
    return getattr(actor, _DRAFTS)  # type: ignore[no-any-return]


def waiting_drafts_count(actor: User) -> int:
    return len(_waiting_drafts(actor))


def drafts_panel(request: HttpRequest) -> Panel | None:
    """Policy drafts that need the reader's approval as an owner."""
    actor: User = request.user  # type: ignore[assignment]
    rows = _waiting_drafts(actor)
    if not rows:
        return None
    says = f"{_number(len(rows))} policy {'draft waits' if len(rows) == 1 else 'drafts wait'} for you."
    return Panel("governance/parts/home_drafts.html", {"drafts": rows[:PANEL_ROWS], "total": len(rows)}, "main", says)


def decide_panel(request: HttpRequest) -> Panel | None:
    """Releases that need the reader's decision, most urgent first. Shown to deciders also when it is empty."""
    actor: User = request.user  # type: ignore[assignment]
    if not can(actor, Permission.GOVERNANCE_RELEASE_DECIDE):
        return None
    rows = _waiting(actor)
    says = f"{_number(len(rows))} {'decision waits' if len(rows) == 1 else 'decisions wait'} for you." if rows else ""
    context = {"releases": rows[:PANEL_ROWS], "total": len(rows)}
    return Panel("governance/parts/home_decide.html", context, "main", says)


def renew_panel(request: HttpRequest) -> Panel | None:
    """What the reader must fix or renew: open conditions, live releases on stale approvals, refused requests."""
    actor: User = request.user  # type: ignore[assignment]
    if not can(actor, Permission.GOVERNANCE_RELEASE_READ):
        return None
    conditions = list(selectors.open_conditions_of(actor))
    findings = list(selectors.open_findings_of(actor))
    late = list(selectors.emergencies_to_review(actor))
    stale = list(selectors.stale_live_releases(actor))
    returned = selectors.releases_for(actor).filter(requested_by=actor, state__in=RETURNED)
    refused = list(returned.order_by("-pk")[:PANEL_ROWS])
    rows = [
        *map(_emergency_row, late),
        *map(_condition_row, conditions),
        *map(_finding_row, findings),
        *map(_stale_row, stale),
        *map(_returned_row, refused),
    ]
    total = len(rows)
    if not total:
        return None
    context = {"rows": rows[: 2 * PANEL_ROWS], "total": total}
    says = f"{_number(total)} {'thing' if total == 1 else 'things'} to fix or renew."
    return Panel("governance/parts/home_renew.html", context, "main", says)


def _row(tone: str, icon: str, url: str, title: str, text: str, act: str, **more: Any) -> dict[str, Any]:
    return {"tone": tone, "icon": icon, "url": url, "title": title, "text": text, "act": act, **more}


def _condition_row(row: Condition) -> dict[str, Any]:
    url = reverse("condition-close", kwargs={"pk": row.pk})
    text = f"A condition on {row.release.version}, {row.release.public_id}, to be met by {row.owner}."
    return _row(
        "fail" if row.is_overdue else "warn", "list-checks", url, row.text[:120], text, "Open", due_on=row.due_on
    )


def _finding_row(row: Finding) -> dict[str, Any]:
    url = reverse("finding-close", kwargs={"pk": row.pk})
    text = f"A {str(row.get_severity_display()).lower()} finding on {row.version}, to be mended by {row.owner}."
    tone = "fail" if row.is_overdue else "warn"
    return _row(tone, "search", url, row.text[:120], text, "Open", due_on=row.due_on)


def _emergency_row(row: Emergency) -> dict[str, Any]:
    url = reverse("release-emergency-review", kwargs={"number": row.release_id})
    title = f"{row.release.version} went live at {row.release.endpoint.name} as an emergency"
    text = f"{row.declared_by} declared it; the second line must say whether that was right."
    return _row("fail", "shield-alert", url, title, text, "Review", due_on=row.review_due_at)


def _stale_row(row: Release) -> dict[str, Any]:
    title = f"{row.version} is live on an approval that no longer counts"
    text = f"Facts or policies changed after it was approved for {row.endpoint.name}."
    return _row("warn", "rotate-ccw", _release_url(row), title, text, "Open", number=row.public_id)


def _returned_row(row: Release) -> dict[str, Any]:
    title = f"{row.version} to {row.endpoint.name}"
    if row.state == ReleaseState.BLOCKED:
        text = "A gate refuses your release. The page says which fact would change that."
        return _row("fail", "octagon-x", _release_url(row), title, text, "See why", number=row.public_id)
    text = "A reviewer asks you for changes."
    return _row("warn", "pen-line", _release_url(row), title, text, "See what", number=row.public_id)


def _release_url(row: Release) -> str:
    return reverse("release", kwargs={"number": row.pk})


def refused_panel(request: HttpRequest) -> Panel | None:
    """What the gates refuse now, of all that the reader sees."""
    actor: User = request.user  # type: ignore[assignment]
    if not can(actor, Permission.GOVERNANCE_RELEASE_READ):
        return None
    refused = selectors.releases_for(actor).filter(state=ReleaseState.BLOCKED)
    rows = list(refused.order_by("-pk")[: PANEL_ROWS + 1])
    if not rows:
        return None
    context = {"releases": rows[:PANEL_ROWS], "more": len(rows) > PANEL_ROWS}
    return Panel("governance/parts/home_refused.html", context, "side")


def _number(n: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
    return words[n] if n < len(words) else str(n)


nav.register(
    "Work",
    "Releases",
    "releases",
    "rocket",
    "g r",
    Permission.GOVERNANCE_RELEASE_READ,
    count=waiting_count,
    urgent=True,
)
nav.register(
    "Governance",
    "Policies",
    "policies",
    "gavel",
    "g p",
    Permission.GOVERNANCE_POLICY_READ,
    count=waiting_drafts_count,
    urgent=True,
)
home.register(decide_panel, order=10)
home.register(drafts_panel, order=15)
home.register(renew_panel, order=20)
home.register(refused_panel, order=30)
catalog_pages.register(releases_panel, "model")
catalog_pages.register(history_panel, "endpoint")
