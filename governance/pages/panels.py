"""Puts together what the page of a release shows; the templates only draw it."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from governance import selectors
from governance.models import Release
from governance.pages import banner, extensions, reading, supply
from governance.pages.forms import DecisionForm
from portal.accounts.choices import Kind
from portal.accounts.models import User
from portal.errors import DomainError
from portal.ledger.selectors import entries_about


def condition_owners(release: Release) -> list[User]:
    """Who may be given a condition: active people with a role in the model's team or in the whole organisation."""
    team = release.version.model.team_id
    held = Q(memberships__ended_at=None) & (Q(memberships__team=team) | Q(memberships__team=None))
    rows = User.objects.filter(held, memberships__isnull=False, is_active=True, kind=Kind.PERSON)
    return list(rows.distinct().order_by("name", "username"))


def decision_form(release: Release, options: selectors.Options, digest: str, data: Any = None) -> DecisionForm | None:
    """The form for this reader, or None when there is nothing to decide here."""
    if not options.may:
        return None
    people = condition_owners(release)
    return DecisionForm(data, roles=options.roles, people=people, initial={"decision_digest": digest})


def release_context(
    request: HttpRequest,
    release: Release,
    *,
    form: DecisionForm | None = None,
    refused: DomainError | None = None,
    typed: str = "",
) -> dict[str, Any]:
    """All that `governance/release.html` draws. `refused`: why the act that was just tried did not happen."""
    actor: User = request.user  # type: ignore[assignment]
    review = selectors.review_of(release, actor=actor)
    options = selectors.decide_options(release, actor)
    decision = review.decision
    facts = decision.facts if decision else {}
    rows = reading.changes(facts)
    return {
        "release": release,
        "review": review,
        "options": options,
        "decision": decision,
        "banner": banner.banner(release, review, options),
        "changes": rows,
        "is_first": bool(decision) and not facts.get("baseline_metrics") and not rows,
        "worsened": reading.worsened(rows),
        "missing": {
            path: supply.supply(path, release.version, release.endpoint.name)
            for rule in review.cannot_conclude
            for path in rule.missing
        },
        "form": form or (decision_form(release, options, decision.digest) if decision else None),
        "refused": refused,
        "typed": typed,
        "next_roles": banner.role_words([seat.role for seat in review.seats if seat.state == "open"]),
        "extensions": extensions.extensions(request, release),
        "entries": entries_about("release", release.pk),
        "job": review.job,
    }
