"""What governance tells people and machines outside: words and numbers of the act, never what somebody typed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q
from django.urls import reverse

from governance import seats, selectors
from governance.choices import DECIDING_ROLES, DecisionChoice, ReleaseState
from governance.models import Approval, Condition, Finding, PolicyDraft, Release
from governance.selectors_policies import seats_for
from portal.accounts.choices import Kind, Role
from portal.accounts.models import User
from portal.ledger.models import LedgerEntry
from portal.notices.registry import Draft, register_kind, translate

S = ReleaseState
BAD = (S.HELD, S.SUSPENDED, S.ROLLING_BACK, S.ROLLED_BACK, S.EXPIRED, S.WITHDRAWN)
MOVED = (*BAD, S.APPROVED, S.ROLLING_OUT, S.BURN_IN)
APPROVED_ONCE = (S.APPROVED, S.ROLLING_OUT, S.BURN_IN, S.LIVE)
CHOICE_WORDS = {
    DecisionChoice.APPROVE: "approved it",
    DecisionChoice.CONDITIONS: "approved it with conditions",
    DecisionChoice.CHANGES: "asks for changes",
    DecisionChoice.REJECT: "rejected it",
}

register_kind("release.asked", "A release is asked for", "webhooks only")
register_kind("release.refused", "A gate refuses a release", "who asked for it")
register_kind("release.needs_you", "A release needs your decision", "who may fill an open seat")
register_kind("release.decided", "Somebody decided on a release", "who asked for it")
register_kind("release.live", "A release is live", "who asked for it and who approved it")
register_kind("release.moved", "A release is held, rolled back, withdrawn …", "who asked for it and who approved it")
register_kind("release.stale", "An approval no longer counts", "who gave it, and who asked for the release")
register_kind("condition.overdue", "A condition is overdue", "its owner and who set it")
register_kind("policy.waits", "A policy draft waits for you", "the owners of the policy")


def _body(entry: LedgerEntry) -> dict[str, Any]:
    return json.loads(bytes(entry.leaf))["body"]  # type: ignore[no-any-return]


def _release(pk: int) -> Release | None:
    rows = Release.objects.select_related("version__model__team", "endpoint__team", "requested_by", "decision")
    return rows.select_related("version__created_by", "version__training_run__trained_by").filter(pk=pk).first()


def _told(release: Release, type: str, says: str, *, text: str = "", people: Iterable[int] = (), **data: Any) -> Draft:
    facts = {
        "release": release.public_id,
        "state": str(release.state),
        "model": release.version.model.name,
        "version": release.version.version,
        "endpoint": release.endpoint.name,
        "environment": release.endpoint.environment,
        "team": release.version.model.team.slug,
    }
    return Draft(
        type=type,
        title=f"{release.public_id}, {release.version} to {release.endpoint.name}: {says}",
        text=text,
        path=reverse("release", kwargs={"number": release.pk}),
        data=facts | data,
        team=release.version.model.team_id,
        people=sorted(set(people)),
    )


def deciders_of(release: Release) -> list[int]:
    """Who could fill an open seat now, each judged as their own page would."""
    team = release.version.model.team_id
    rows = User.objects.filter(
        Q(memberships__team=team) | Q(memberships__team=None),
        memberships__role__in=DECIDING_ROLES,
        memberships__ended_at=None,
        is_active=True,
        kind=Kind.PERSON,
    )
    return [user.pk for user in rows.distinct() if selectors.decide_options(release, user).may]


def _approvers(release: Release) -> list[int]:
    return list(Approval.objects.filter(release=release).values_list("person_id", flat=True))


@translate("governance:release:*")
def on_release(entry: LedgerEntry) -> Iterator[Draft]:
    """What happened to a release. Where it went on meanwhile, its newest entry tells of that."""
    release = _release(int(entry.subject_id))
    act, body = entry.event.rpartition(":")[2], _body(entry)
    if release is None:
        return
    state, asked_by = body.get("state"), release.requested_by_id
    if act == "requested":
        yield _told(release, "release.asked", "asked for")
    elif state == S.BLOCKED:
        text = "The page names each rule that refuses it, and which fact would change that."
        yield _told(release, "release.refused", "refused by a gate", text=text, people=[asked_by])
    elif state == S.IN_REVIEW:
        yield from _needs_you(release)
    elif act == "assessed" and state in APPROVED_ONCE:
        yield from _stale(release)
    elif state == S.LIVE:
        people = [asked_by, *_approvers(release)]
        yield _told(release, "release.live", f"live at {release.endpoint.name}", people=people)
    elif state in MOVED and not (state == S.APPROVED and release.state != S.APPROVED):
        # What went live with the last approval is told as that alone.
        word = str(ReleaseState(state).label).lower()
        people = [asked_by, *(_approvers(release) if state in BAD else ())]
        yield _told(release, "release.moved", word, people=people, act=act, state=state)


def _needs_you(release: Release) -> Iterator[Draft]:
    if release.state != S.IN_REVIEW:
        return
    states = seats.seats_of(release, selectors.approvals_of(release))
    waiting = [str(state.role) for state in states if not state.is_filled]
    if not waiting:
        return
    words = ", ".join(str(Role(role).label).lower() for role in waiting)
    text = f"The gates let it pass to people. Open seats: {words}."
    due = {"due_at": release.due_at.isoformat()} if release.due_at else {}
    people = deciders_of(release)
    yield _told(release, "release.needs_you", "needs your decision", text=text, people=people, seats=waiting, **due)


def _stale(release: Release) -> Iterator[Draft]:
    lost = [one for one in seats.seats_of(release, selectors.approvals_of(release)) if not one.is_filled]
    given = [one.approval for one in lost if one.approval is not None]
    if not given:
        return
    changed = list(dict.fromkeys(change.path for one in lost for change in one.changed))[:20]
    text = "Facts changed after it was approved. The page says which, from what to what."
    people = [release.requested_by_id, *(row.person_id for row in given)]
    roles = [str(row.role) for row in given]
    yield _told(
        release, "release.stale", "an approval no longer counts", text=text, people=people, seats=roles, changed=changed
    )


@translate("governance:approval:given")
def on_approval(entry: LedgerEntry) -> Iterator[Draft]:
    row = Approval.objects.filter(pk=int(entry.subject_id)).first()
    release = _release(row.release_id) if row else None
    if row is None or release is None:
        return
    says = f"the {str(row.get_role_display()).lower()} {CHOICE_WORDS[DecisionChoice(row.choice)]}"
    data = {"role": str(row.role), "choice": str(row.choice)}
    yield _told(release, "release.decided", says, people=[release.requested_by_id], **data)


@translate("governance:condition:overdue", "governance:finding:overdue")
def on_overdue(entry: LedgerEntry) -> Iterator[Draft]:
    kind: Any = Condition if entry.subject_type == Condition.ledger_type else Finding
    row = kind.objects.filter(pk=int(entry.subject_id)).first()
    release = _release(row.release_id) if row is not None and row.release_id else None
    if row is None or release is None:
        return
    set_by = row.setter.pk if isinstance(row, Condition) else row.raised_by_id
    what = str(kind._meta.verbose_name)
    text = f"It was due on {row.due_on:%d %B %Y}. What must be done stands on the page."
    data = {"kind": what, "number": row.pk, "due_on": row.due_on.isoformat()}
    people = [row.owner_id, set_by]
    yield _told(release, "condition.overdue", f"a {what} is overdue", text=text, people=people, **data)


@translate("governance:policy-draft:proposed")
def on_proposed(entry: LedgerEntry) -> Iterator[Draft]:
    draft = PolicyDraft.objects.filter(pk=int(entry.subject_id)).select_related("author", "base__policy").first()
    if draft is None:
        return
    rows = User.objects.filter(
        memberships__role__in=DECIDING_ROLES, memberships__ended_at=None, is_active=True, kind=Kind.PERSON
    )
    yield Draft(
        type="policy.waits",
        title=f"{draft.public_id}: a draft of the policy {draft.policy_name} waits for its owners",
        text="It comes into force when its owners have approved this text.",
        path=reverse("policy-draft", kwargs={"number": draft.pk}),
        data={"draft": draft.public_id, "policy": draft.policy_name, "digest": draft.digest},
        people=[user.pk for user in rows.distinct() if seats_for(user, draft)],
    )
