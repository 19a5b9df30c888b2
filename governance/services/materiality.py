"""How much a release differs from what is live: computed when its decision is made, lowered only by the second line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.services.endpoints import lock_endpoint
from governance import policies, seats
from governance.choices import OPEN_STATES, Materiality, ReleaseState
from governance.differences import comparable
from governance.gates.materiality import LEVELS, Classified, classify, compared
from governance.models import Decision, MaterialityClass, Release
from governance.services.facts import inputs_of
from governance.services.lifecycle import lock_release
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.services import record

MAX_REASONS = 100
CLASSED = (*OPEN_STATES, ReleaseState.APPROVED)


def live_release(release: Release) -> Release | None:
    """The other release that answers at the endpoint, or would if it were not stopped; None where nothing does."""
    stands = Q(state__in=[ReleaseState.LIVE, ReleaseState.SUSPENDED])
    stands |= Q(state=ReleaseState.HELD, held_from=ReleaseState.LIVE)
    rows = Release.objects.filter(stands, endpoint=release.endpoint_id, decision__isnull=False)
    return rows.exclude(pk=release.pk).select_related("decision").order_by("-pk").first()


def difference(old: Decision, new: Decision) -> Classified:
    """The class of what differs between the facts of two decisions."""
    before, after = (dict(seats.flat_facts(inputs_of(facts))) for facts in comparable(old, new))
    return classify(compared(before, after))


def note_class(release: Release, *, now: datetime) -> MaterialityClass | None:
    """Record the class of an open release's difference to what is live, when it is another than the last one.

    Part of the caller's transaction, which holds the release's lock. A class that a person set stays while the
    differences stay.
    """
    if release.state not in CLASSED or release.decision is None:
        return None
    live = live_release(release)
    if live is None or live.decision is None:
        return None
    found = difference(live.decision, release.decision)
    reasons = [[one.path, _plain(one.before), _plain(one.after), one.level, one.why] for one in found.differences]
    reasons = reasons[:MAX_REASONS]
    last = release.materialities.order_by("-pk").first()
    if last is not None and (last.computed, last.reasons) == (found.level, reasons):
        return last
    row = MaterialityClass.objects.create(
        release=release,
        decision=release.decision,
        live_decision=live.decision,
        level=found.level,
        computed=found.level,
        reasons=reasons,
        made_at=now,
    )
    body = {"release": release.public_id, "level": row.level, "against": live.decision.digest}
    record(actor=None, event="governance:materiality:computed", subject=row, body=body, now=now)
    return row


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def set_class(
    release: Release, *, actor: User, level: str, reason: str, substantial_modification: bool | None = None
) -> MaterialityClass:
    """Raise or lower the class of a release that is not decided, with a reason; the seats follow.

    substantial_modification: the answer to EU AI Act, article 3(23); it is needed to lower a substantial difference.
    Raises PermissionRefused for who is not of the second line or had a part in the release; Conflict when there is
    nothing live to compare with or the release is decided; InvalidInput for a level or reason that is none.
    """
    require(actor, Permission.GOVERNANCE_RELEASE_DECIDE, release.version.model.team_id)
    if level not in LEVELS:
        raise InvalidInput(f"{level!r} is no class.", code="level-unknown", field="level", how=f"{', '.join(LEVELS)}.")
    if not reason.strip():
        raise InvalidInput("A reason is needed.", code="reason-missing", field="reason", how="Say why in a sentence.")
    with transaction.atomic():
        lock_endpoint(release.endpoint_id)
        release = lock_release(release.pk)
        last = _settable(release, actor, level, substantial_modification)
        assert release.decision is not None
        row = MaterialityClass.objects.create(
            release=release,
            decision=release.decision,
            live_decision=last.live_decision,
            level=level,
            computed=last.computed,
            reasons=last.reasons,
            substantial_modification=substantial_modification,
            set_by=actor,
            reason=reason.strip(),
            made_at=timezone.now(),
        )
        body = {
            "release": release.public_id,
            "level": level,
            "computed": last.computed,
            "substantial_modification": substantial_modification,
        }
        personal = {"reason": row.reason}
        record(actor=actor, event="governance:materiality:set", subject=row, body=body, personal=personal)
    return row


def _settable(release: Release, actor: User, level: str, substantial: bool | None) -> MaterialityClass:
    if release.state not in CLASSED[:-1]:
        raise Conflict(
            f"{release} is {str(release.get_state_display()).lower()}: its class is settled.",
            code="not-in-review",
            how="Set the class before the release is decided.",
        )
    last = release.materialities.order_by("-pk").first()
    if last is None or release.decision is None:
        raise Conflict(
            "Nothing is live to compare this release with.", code="nothing-live", how="The risk tier sets its seats."
        )
    if why := policies.conflict_of(actor, release):
        raise PermissionRefused(why, code="separation-of-duties", how="Ask a person who had no part in it.")
    lowered = LEVELS.index(level) < LEVELS.index(last.computed)
    if last.computed == Materiality.SUBSTANTIAL and lowered and substantial is not False:
        raise InvalidInput(
            "A substantial difference is lowered only by who says that it is no substantial modification.",
            code="question-open",
            field="substantial_modification",
            how="Answer: is this a substantial modification (EU AI Act, articles 3(23) and 43(4))?",
        )
    if substantial and level != Materiality.SUBSTANTIAL:
        raise InvalidInput(
            "A substantial modification is classed as substantial.",
            code="level-too-low",
            field="level",
            how="Choose substantial, or answer no.",
        )
    return last
