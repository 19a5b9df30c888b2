"""What the release's page shows of seats beside the approvals: what can be done about them, committees, materiality."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from governance import policies, seats, selectors, selectors_seats
from governance.choices import OPEN_STATES, ReleaseState
from governance.models import Release
from portal.access import Permission, can
from portal.accounts.models import User

STANDS = (*OPEN_STATES, ReleaseState.LIVE)


def seat_context(release: Release, review: selectors.Review, options: selectors.Options, actor: User) -> dict[str, Any]:
    """Links and facts for `seats.html`, `materiality.html` and the decision form."""
    may = can(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    apart = policies.conflict_of(actor, release) if may else "no"
    materiality = seats.seating_of(release).materiality
    return {
        "seat_links": _links(release, review, actor) if may and not apart else _committees(release, review),
        "materiality": materiality,
        "may_class": materiality is not None and may and not apart and release.state in OPEN_STATES,
        "asks_opinion": any(seat.opinion and seat.role in options.roles for seat in review.seats),
    }


def _links(release: Release, review: selectors.Review, actor: User) -> list[dict[str, str]]:
    found = _committees(release, review)
    if any(seat.quorum and seat.state != "filled" for seat in review.seats) and release.state in OPEN_STATES:
        found.append({"label": "Call the committee", "url": reverse("sitting-new", kwargs={"number": release.pk})})
    roles = {role for role, _ in actor.grants} | {row.role for row in policies.delegations_of(actor)}
    if release.state in STANDS and any(seat.role in roles for seat in review.seats):
        found.append({"label": "Stand back", "url": reverse("release-recuse", kwargs={"number": release.pk})})
        found.append({"label": "Name a deputy", "url": reverse("delegation-new")})
    return found


def _committees(release: Release, review: selectors.Review) -> list[dict[str, str]]:
    if not any(seat.quorum for seat in review.seats):
        return []
    return [
        {
            "label": f"{row.get_role_display()}: committee {'sat' if row.closed_at else 'sits'}",
            "url": reverse("sitting", kwargs={"pk": row.pk}),
        }
        for row in selectors_seats.sittings_of(release)
    ]
