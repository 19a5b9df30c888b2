"""Attach a rollout plan to a release, and give leave for more real traffic than the release's approvals reach."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from catalog.selectors import live_deployment
from catalog.services.endpoints import lock_endpoint
from governance import policies
from governance.canary.eprocess import alternatives
from governance.choices import OPEN_STATES, UNDER_WAY, ReleaseState
from governance.models import Release, Rollout, RolloutStep, ShareApproval
from governance.services.lifecycle import lock_release
from portal.access import Permission, require, roles_of
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.encoding import instant
from portal.ledger.services import record
from portal.notices import outgoing

MAX_STEPS, MAX_METRICS = 12, 12
MAX_MINUTES, MAX_REQUESTS = 60 * 24 * 30, 10**9
MEASURES = ("rate", "above", "below")
LIMITS = ("uses", "regions", "populations", "highest_volume", "valid_until")
STEPS: tuple[dict[str, int], ...] = (
    {"share": 0, "least_minutes": 30, "least_requests": 1000},
    {"share": 5, "least_minutes": 30, "least_requests": 1000},
    {"share": 25, "least_minutes": 60, "least_requests": 5000},
    {"share": 100, "least_minutes": 60, "least_requests": 5000},
)


def _odd(message: str, field: str, how: str = "", code: str = "plan-odd") -> InvalidInput:
    return InvalidInput(message, code=code, field=field, how=how)


@transaction.atomic
def plan_rollout(
    release: Release,
    *,
    actor: User,
    metrics: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, int]] = STEPS,
    alpha: float = 0.01,
    silence_minutes: int = 10,
    burn_in_minutes: int = 60,
    burn_in_requests: int = 1000,
    approval_share: int = 100,
    limits: Mapping[str, Any] | None = None,
    webhook_url: str = "",
) -> Rollout:
    """Attach the plan; the same plan again changes nothing.

    A plan is made before anybody decides and stays what it is: people approve it with the release. Raises Conflict
    where the release has another plan, is past its review or was decided on; InvalidInput naming the field.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_REQUEST, release.version.model.team_id)
    lock_endpoint(release.endpoint_id)
    release = lock_release(release.pk)
    plan: dict[str, Any] = {
        "metrics": _metrics(metrics),
        "alpha": alpha,
        "silence_minutes": silence_minutes,
        "burn_in_minutes": burn_in_minutes,
        "burn_in_requests": burn_in_requests,
        "approval_share": approval_share,
        "limits": _limits(limits or {}),
        "webhook_url": webhook_url,
    }
    rows = _steps(steps)
    _check_numbers(plan)
    _check_baseline(release, plan["metrics"], rows)
    digest = sha256_hex(canonical_bytes({**plan, "steps": rows}))
    known = Rollout.objects.filter(release=release).first()
    if known is not None and known.digest == digest:
        return known
    _check_open(release, known)
    now = timezone.now()
    rollout = Rollout.objects.create(release=release, digest=digest, made_by=actor, made_at=now, **plan)
    for number, row in enumerate(rows, start=1):
        step = RolloutStep.objects.create(rollout=rollout, number=number, **row)
        record(actor=actor, event="governance:rollout_step:planned", subject=step, body=row, now=now)
    body = {"release": release.public_id, "plan": digest, "approval_share": approval_share}
    record(actor=actor, event="governance:rollout:planned", subject=rollout, body=body, now=now)
    return rollout


def _check_open(release: Release, known: Rollout | None) -> None:
    if known is not None:
        raise Conflict(
            f"{release} has another plan already.",
            code="plan-exists",
            how="A plan stays what was decided on. Withdraw the release and ask anew with the new plan.",
            details={"plan": known.digest},
        )
    if release.state not in (ReleaseState.DRAFT, *OPEN_STATES):
        raise Conflict(
            f"{release} is {str(release.get_state_display()).lower()}: a plan is made before that.",
            code="wrong-state",
            how="Ask for a new release.",
        )
    if release.approvals.filter(decision=release.decision).exists() and release.decision is not None:
        raise Conflict(
            "Somebody decided on this release without the plan.",
            code="decided-already",
            how="Withdraw the release and ask anew with the plan.",
        )


def _steps(steps: Sequence[Mapping[str, int]]) -> list[dict[str, int]]:
    rows = [{key: one.get(key, 0) for key in ("share", "least_minutes", "least_requests")} for one in steps]
    shares = [row["share"] for row in rows]
    if not 1 <= len(rows) <= MAX_STEPS or shares != sorted(set(shares)) or shares[-1] != 100 or shares[0] < 0:
        how = f"At most {MAX_STEPS} rising shares from 0 (shadow) that end with 100."
        raise _odd("The steps are no way to all traffic.", "steps", how)
    for index, row in enumerate(rows):
        if not 0 <= row["least_minutes"] <= MAX_MINUTES or not 1 <= row["least_requests"] <= MAX_REQUESTS:
            how = f"0 to {MAX_MINUTES:,} minutes, 1 to {MAX_REQUESTS:,} requests."
            raise _odd("A step needs a least time and a least sample.", f"steps[{index}]", how)
    return rows


def _metrics(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise _odd(f"Name 1 to {MAX_METRICS} metrics.", "metrics", "Errors and latency at least.")
    rows = [_metric(one, f"metrics[{index}]") for index, one in enumerate(metrics)]
    keys = [(row["name"], row["measure"], row["edge"]) for row in rows]
    if len(set(keys)) != len(keys):
        raise _odd("A metric is named twice.", "metrics", "Once per signal, measure and edge.")
    return rows


def _metric(one: Mapping[str, Any], field: str) -> dict[str, Any]:
    row = {
        "name": str(one.get("name", "")).strip(),
        "measure": one.get("measure", "rate"),
        "edge": one.get("edge"),
        "tolerance": float(one.get("tolerance", 1.25)),
        "effect": float(one.get("effect", 2.0)),
        "limit": one.get("limit"),
    }
    if not row["name"] or len(row["name"]) > 60:
        raise _odd("A metric names its signal.", f"{field}.name", "At most 60 characters, such as errors.")
    if row["measure"] not in MEASURES:
        raise _odd(f"{row['measure']!r} is no measure.", f"{field}.measure", f"One of: {', '.join(MEASURES)}.")
    if (row["measure"] == "rate") != (row["edge"] is None):
        raise _odd("An edge goes with above and below.", f"{field}.edge", "Bins need one, counts have none.")
    if row["edge"] is not None:
        row["edge"] = float(row["edge"])
    if not 1 < row["tolerance"] <= 10:
        raise _odd("The tolerance lies above 1 and up to 10.", f"{field}.tolerance", "1.25 tolerates a quarter more.")
    if not math.isfinite(row["effect"]) or row["effect"] <= alternatives(row["tolerance"])[0] * 0.999:
        how = "Name the ratio of bad rates that must be found soon, at least 1.5 and 1.2 times the tolerance."
        raise _odd("The effect lies too near the tolerance.", f"{field}.effect", how)
    if row["limit"] is not None and not 0 < row["limit"] <= 1:
        raise _odd("A limit is a share of requests.", f"{field}.limit", "Above 0 and up to 1, such as 0.02.")
    return row


def _check_numbers(plan: Mapping[str, Any]) -> None:
    if not 0.0001 <= plan["alpha"] <= 0.1:
        raise _odd("α lies between 0.0001 and 0.1.", "alpha", "0.01: one false rollback in a hundred rollouts.")
    for name in ("silence_minutes", "burn_in_minutes", "burn_in_requests"):
        low = 0 if name == "burn_in_minutes" else 1
        if not low <= plan[name] <= (MAX_MINUTES if name.endswith("minutes") else MAX_REQUESTS):
            raise _odd(f"{name} is out of range.", name, f"At least {low}.")
    if not 1 <= plan["approval_share"] <= 100:
        raise _odd("The approvals reach from 1 to 100 %.", "approval_share", "A percentage of real traffic.")
    if plan["webhook_url"]:
        try:
            outgoing.parse(plan["webhook_url"])
        except outgoing.Refused as error:
            raise _odd(str(error), "webhook_url") from error


def _check_baseline(release: Release, metrics: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, int]]) -> None:
    """Something must be there to compare with at every step: a baseline, or a limit."""
    limited = all(one["limit"] is not None for one in metrics)
    if live_deployment(release.endpoint) is None:
        if any(0 < row["share"] < 100 for row in steps):
            how = "Plan shadow traffic and 100 %."
            raise _odd("Nothing answers at the endpoint to share the traffic with.", "steps", how, "no-predecessor")
        if not limited:
            how = "Give each metric a limit: the bad rate that it is held against."
            raise _odd("There is no baseline to compare with.", "metrics", how, "no-baseline")
    elif len(steps) == 1 and not limited:
        how = "Add a step before it, or give each metric a limit."
        raise _odd("At 100 % no baseline is left to compare with.", "steps", how, "no-baseline")


def _limits(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The use limits in their one form. Raises InvalidInput for what a gateway could not hold."""
    if odd := sorted(set(limits) - set(LIMITS)):
        raise _odd(f"There is no limit {odd[0]!r:.60}.", "limits", f"Known: {', '.join(LIMITS)}.")
    found: dict[str, Any] = {}
    for name in ("uses", "regions", "populations"):
        if (given := limits.get(name)) is not None:
            if not isinstance(given, list) or not all(isinstance(one, str) and 0 < len(one) <= 80 for one in given):
                raise _odd(f"{name} is a list of words.", f"limits.{name}", "At most 80 characters each.")
            found[name] = sorted(set(given))
    if (volume := limits.get("highest_volume")) is not None:
        is_count = isinstance(volume, int) and not isinstance(volume, bool)
        if not is_count or not 0 < volume <= MAX_REQUESTS:
            raise _odd("highest_volume is a number of requests a day.", "limits.highest_volume", "From 1.")
        found["highest_volume"] = volume
    if (until := limits.get("valid_until")) is not None:
        found["valid_until"] = _moment(until)
    return found


def _moment(until: Any) -> str:
    how = "Such as 2026-12-31T00:00:00Z."
    try:
        at = until if isinstance(until, datetime) else parse_datetime(str(until))
    except ValueError as error:
        raise _odd("valid_until is no time.", "limits.valid_until", how) from error
    if at is None or at.tzinfo is None:
        raise _odd("valid_until is a time with its zone.", "limits.valid_until", how)
    return instant(at)


@transaction.atomic
def approve_share(rollout: Rollout, *, actor: User, role: str, share: int, reason: str) -> ShareApproval:
    """Let the release get up to this share of real traffic, beyond what its approvals reach.

    A person of a deciding role who had no part in the release. Bound to the plan and to the decision that stands.
    """
    release = rollout.release
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    lock_endpoint(release.endpoint_id)
    release = lock_release(release.pk)
    rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if why := policies.conflict_of(actor, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    if not roles_of(actor, release.version.model.team_id, [role]):
        raise PermissionRefused(f"You do not hold the role {role} for this model.", code="role-not-held", field="role")
    if not 1 <= share <= 100:
        raise InvalidInput("A share lies between 1 and 100 %.", code="share-odd", field="share")
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    if release.decision is None or release.state not in (ReleaseState.APPROVED, *UNDER_WAY) or rollout.is_over:
        how = "The release is approved first; this widens what its approvals reach."
        raise Conflict(f"{release} is not rolling out.", code="wrong-state", how=how)
    now = timezone.now()
    row = ShareApproval.objects.create(
        rollout=rollout,
        share=share,
        plan_digest=rollout.digest,
        decision_digest=release.decision.digest,
        person=actor,
        role=role,
        reason=reason.strip(),
        decided_at=now,
    )
    body = {"release": release.public_id, "share": share, "plan": row.plan_digest, "decision": row.decision_digest}
    record(
        actor=actor,
        event="governance:share_approval:given",
        subject=row,
        body=body,
        personal={"reason": row.reason},
        now=now,
    )
    return row


def approved_share(rollout: Rollout) -> int:
    """Percent of real traffic that people approved: 0 before the release is approved.

    An approval of more counts for the decision and plan that it was given for, and for no other.
    """
    release = rollout.release
    state = release.held_from if release.state == ReleaseState.HELD else release.state
    if state not in (ReleaseState.APPROVED, *UNDER_WAY, ReleaseState.LIVE) or release.decision is None:
        return 0
    more = rollout.share_approvals.filter(plan_digest=rollout.digest, decision_digest=release.decision.digest)
    return max([rollout.approval_share, *more.values_list("share", flat=True)])
