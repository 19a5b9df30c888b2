"""The first line of a release's page: its state in words, for this reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.choices import ReleaseState, Verdict
from governance.models import Release
from governance.pages import gatelist
from governance.selectors import Options, Review
from portal.accounts.choices import Role

S = ReleaseState


@dataclass(frozen=True)
class Banner:
    """tone: pass, warn (default look), fail or idle; title: the answer; text: why; to_decide: show the way there."""

    tone: str
    icon: str
    title: str
    text: str
    to_decide: bool = False


def banner(release: Release, review: Review, options: Options) -> Banner:
    """What the reader is asked, or what became of it."""
    if release.state == S.IN_REVIEW:
        return _in_review(release, review, options)
    if release.state == S.BLOCKED:
        return _blocked(release)
    if release.state == S.LIVE:
        return _live(release, review, options)
    return _plain(release, review)


def role_words(roles: Sequence[str]) -> str:
    """ "the fairness reviewer", "the validator and the risk reviewer"."""
    return join([f"the {str(Role(role).label).lower()}" for role in roles])


def join(words: Sequence[str], last: str = "and") -> str:
    items = [str(word) for word in words]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def counted(n: int, one: str, many: str = "") -> str:
    return f"one {one}" if n == 1 else f"{n} {many or one + 's'}"


def _rules(release: Release, verdict: str) -> list[Any]:
    return gatelist.blocking(release.decision.result["rules"], verdict) if release.decision else []


def _asked(release: Release) -> str:
    asks = _rules(release, Verdict.ASK)
    text = "No gate blocks this release."
    if asks:
        text += f" {counted(len(asks), 'rule').capitalize()} {'asks' if len(asks) == 1 else 'ask'} for a person: "
        text += asks[0]["message"]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _open_roles(review: Review) -> list[str]:
    return [seat.role for seat in review.seats if seat.state != "filled"]


def _in_review(release: Release, review: Review, options: Options) -> Banner:
    waiting = _open_roles(review)
    if options.may:
        left = [role for role in waiting if role not in list(options.roles)[:1]]
        after = f"After you, {role_words(left)} must still decide." if left else "Your approval makes it live."
        title = f"Waiting for you, {role_words(list(options.roles)[:1])}"
        return Banner("warn", "user-check", title, f"{_asked(release)} {after}", to_decide=True)
    who = f"Waiting for {role_words(waiting)}" if waiting else "Waiting"
    return Banner("warn", "hourglass", who, f"{_asked(release)} {options.why_not}".strip())


def _blocked(release: Release) -> Banner:
    fails, unknown = (len(_rules(release, verdict)) for verdict in (Verdict.FAIL, Verdict.UNKNOWN))
    parts = []
    if fails:
        parts.append(f"{counted(fails, 'rule').capitalize()} {'fails' if fails == 1 else 'fail'}.")
    if unknown:
        parts.append(f"{counted(unknown, 'rule').capitalize()} cannot conclude, because a fact is missing.")
    parts.append("Nobody can approve it in this state. The gates run again by themselves when a fact changes.")
    return Banner("fail", "octagon-x", "Refused by a gate", " ".join(parts))


def _live(release: Release, review: Review, options: Options) -> Banner:
    stale = [seat for seat in review.seats if seat.state == "stale"]
    fails = len(_rules(release, Verdict.FAIL))
    if fails:
        text = f"{counted(fails, 'rule').capitalize()} {'fails' if fails == 1 else 'fail'} on what holds now. "
        text += "It stays live until somebody acts."
        return Banner("fail", "octagon-x", "Live, but a gate refuses it now", text, to_decide=options.may)
    if stale:
        roles = role_words([seat.role for seat in stale]).capitalize()
        text = f"{roles} approved another decision than the one that holds now. It stays live until somebody acts."
        return Banner("warn", "rotate-ccw", "Live, on an approval that no longer counts", text, to_decide=options.may)
    title = f"Live at {release.endpoint.name}"
    if waiting := [seat.role for seat in review.seats if seat.state != "filled"]:
        text = f"{role_words(waiting).capitalize()} did not approve it before it went live."
        return Banner("warn", "shield-alert", title, text, to_decide=options.may)
    return Banner("pass", "circle-play", title, "Every approval is for the facts that hold now.")


def _plain(release: Release, review: Review) -> Banner:
    last = review.approvals[0] if review.approvals else None
    by = f" by {last.person}, {str(Role(last.role).label).lower()}" if last else ""
    return {
        S.CHECKING: Banner(
            "idle", "loader", "Gates are being checked", "A fact is still being computed. The page follows by itself."
        ),
        S.CHANGES_ASKED: Banner(
            "warn", "pen-line", f"Changes asked{by}", "It waits for new facts. When one changes, the gates run again."
        ),
        S.REJECTED: Banner("fail", "octagon-x", f"Rejected{by}", "It is over. Another version needs another release."),
        S.WITHDRAWN: Banner("idle", "undo-2", "Withdrawn", "It was taken back before a decision. Nothing went live."),
        S.DRAFT: Banner(
            "idle", "pen-line", "A draft", "Nobody has asked for it yet. The gates run when somebody does."
        ),
        S.APPROVED: Banner("pass", "circle-check", "Approved", "Every seat is filled. It goes on by itself."),
        S.ROLLING_OUT: Banner("warn", "layers", "Rolling out", "It answers a part of the traffic, as its plan says."),
        S.BURN_IN: Banner("warn", "eye", "Burn-in", "It answers all traffic and is watched before it counts as live."),
        S.HELD: Banner("warn", "pause", "Held", "Nothing moves on until the second line resumes it."),
        S.SUSPENDED: Banner("fail", "ban", "Suspended", f"It does not answer at {release.endpoint.name}."),
        S.ROLLED_BACK: Banner("fail", "undo-2", "Rolled back", "It is over. Another version needs another release."),
        S.EXPIRED: Banner(
            "idle", "calendar-clock", "Expired", "It was not live in time. Nothing went live; ask again."
        ),
        S.SUPERSEDED: Banner(
            "idle", "history", "Superseded", f"Another release answers at {release.endpoint.name} since it ended."
        ),
    }.get(S(release.state), Banner("idle", "info", str(release.get_state_display()), ""))
