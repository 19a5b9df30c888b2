"""Puts together what the page of a release shows; the templates only draw it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from governance import selectors
from governance.choices import WITHDRAWABLE, DecisionChoice, ReleaseState, Verdict
from governance.models import Release
from governance.pages import banner, extensions, gatelist, measures
from governance.pages.forms import DecisionForm
from governance.pages.lifeline import lifeline
from governance.pages.seat_panel import seat_context
from governance.policies import condition_owners
from governance.pulse import pulse
from portal.access import Permission, can
from portal.accounts.choices import Role
from portal.accounts.models import User
from portal.errors import DomainError
from portal.ledger.selectors import entries_about


def decision_form(release: Release, options: selectors.Options, data: Any = None) -> DecisionForm | None:
    """The form for this reader, or None when there is nothing to decide here."""
    if not options.may or release.decision is None:
        return None
    people = list(condition_owners(release))
    return DecisionForm(data, roles=options.roles, people=people, initial={"decision_digest": release.decision.digest})


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
    # Before anything else is read: what changes from here on shows at the page's next question.
    etag = pulse(actor, release.pk)
    review = selectors.review_of(release, actor=actor)
    options = selectors.decide_options(release, actor)
    return {
        "release": release,
        "etag": etag,
        "review": review,
        "options": options,
        "decision": release.decision,
        "banner": banner.banner(release, review, options),
        "refused": refused,
        "typed": typed,
        "conditions": review.conditions,
        "findings": selectors.findings_of(release),
        "lifeline": lifeline(release, review, actor),
        "filled": sum(seat.state == "filled" for seat in review.seats),
        "past": review.approvals,
        "may_withdraw": _may_withdraw(release, actor),
        "extensions": extensions.extensions(request, release),
        "evidence": review.evidence,
        "entries": entries_about("release", release.pk),
        "job": review.job,
        **measures.measured(release, review),
        **_gates(release),
        **seat_context(release, review, options, actor),
        **_deciding(release, review, options, form or decision_form(release, options)),
    }


def _may_withdraw(release: Release, actor: User) -> bool:
    team = release.version.model.team_id
    return release.state in WITHDRAWABLE and can(actor, Permission.GOVERNANCE_RELEASE_WITHDRAW, team)


def _gates(release: Release) -> dict[str, Any]:
    rules = release.decision.result["rules"] if release.decision else []
    passing = [rule for rule in rules if rule["verdict"] == Verdict.PASS]
    return {
        "gates": gatelist.rows(rules, release.version, release.endpoint.name),
        "gate_counts": gatelist.counts(rules),
        "passing": [gatelist.passing(rule) for rule in passing],
        "pass_word": "1 rule passes" if len(passing) == 1 else f"{len(passing)} rules pass",
    }


def _deciding(
    release: Release,
    review: selectors.Review,
    options: selectors.Options,
    form: DecisionForm | None,
) -> dict[str, Any]:
    """The words around the form: what each choice does, who decides after, what happens if nobody acts."""
    role = options.roles[0] if options.roles else ""
    left = [seat for seat in review.seats if seat.state != "filled"]
    mine = next((seat for seat in left if seat.role == role), None)
    others = list(dict.fromkeys(seat.role for seat in left if seat is not mine))
    live = getattr(release, "live_version", None)
    stays = f"{live} stays live at {release.endpoint.name}" if live else f"{release.endpoint.name} stays empty"
    is_live = release.state == ReleaseState.LIVE
    return {
        "form": form,
        "role_label": str(Role(role).label) if role else "",
        "others": banner.role_words(others),
        "is_live": is_live,
        "if_nothing": f"{stays}." if not is_live else "it stays live, and the approval stays marked as stale.",
        "choice_words": _choices(release, others, stays, live),
    }


def _choices(release: Release, others: list[str], stays: str, live: str | None) -> list[dict[str, str]]:
    if release.state == ReleaseState.LIVE:
        approve = "Renews the approval for the facts that hold now. Nothing else changes."
        turn = "Is recorded and stays visible; the version stays live until another release replaces it."
        texts = (approve, f"{approve} The conditions are tracked.", turn, turn)
    else:
        if others:
            approve = f"Fills your seat; {banner.role_words(others)} must still approve."
        else:
            replaces = f" and replaces {live}" if live else ""
            approve = f"{release.version} goes live at {release.endpoint.name} at once{replaces}."
        texts = (
            approve,
            f"{approve} The conditions are tracked until they are closed.",
            f"The requester is told. {stays}.",
            f"This release is over. {stays}.",
        )
    labels = ("Approve", "Approve with conditions", "Ask for changes", "Reject")
    return [
        {"key": str(choice), "label": label, "then": text}
        for choice, label, text in zip(DecisionChoice, labels, texts, strict=True)
    ]
