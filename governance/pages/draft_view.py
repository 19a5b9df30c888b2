"""What the page of a draft shows."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from catalog.models import ModelVersion
from governance.choices import DraftState
from governance.gates.library import entry_of
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.rego import RegoPolicy
from governance.models import Backtest, PolicyDraft, Release
from governance.selectors_policies import seats_for
from governance.services import backtests, drafts, policies
from governance.services.checks import Check, check_source
from portal.access import Permission, can
from portal.accounts.choices import Role
from portal.accounts.models import User

FLIPS_SHOWN = 25
CELLS = 120
STALE_AFTER_HOURS = 24
# Lines of the one text times those of the other: a policy of the library has some three hundred.
MAX_COMPARED = 4_000_000
MAX_LINES = 2_000
STEPS = 20
# The tone of a decision in the row of cells, by the verdict of the draft.
TONES = {"fail": "fail", "unknown": "fail", "ask": "warn", "pass": "idle", "not_applicable": "idle"}


def draft_context(draft: PolicyDraft, actor: User, *, source: str | None = None) -> dict[str, Any]:
    """Everything that the page needs. source: what was typed, where it could not be saved."""
    text = draft.source if source is None else source
    check = check_source(text)
    base = draft.base
    newer = drafts.active_version(draft.policy_name)
    is_author = draft.author_id == actor.pk and can(actor, Permission.GOVERNANCE_POLICY_DRAFT)
    # The job first: one that ends between the two reads has left its back-test.
    job = backtests.open_backtests(draft).order_by("-created_at").first()
    test = latest_backtest(draft, actor)
    todo = list(steps(draft, check, test))
    waits = next((words for done, words in todo[:4] if not done), "")
    return {
        "draft": draft,
        "source": text,
        "check": check,
        "read": check.document,
        "is_policy": isinstance(check.document, ParsedPolicy),
        "base": base,
        "newer": newer if newer and newer.pk != draft.base_id else None,
        "diff": list(diff_rows(base.source if base else "", text)),
        "may_edit": is_author and draft.state == DraftState.EDITING,
        "may_take_back": is_author and draft.state == DraftState.PROPOSED,
        "is_author": is_author,
        "seats": [(role, Role(role).label) for role in seats_for(actor, draft)],
        "params": list(sliders(check, base.source if base else None)),
        "backtest": test,
        "job": job,
        "steps": todo,
        "ready": not waits,
        "not_ready": f"First: {waits}." if waits else "",
        "base_number": str(base.number) if base else "",
        "missing": [Role(role).label for role in drafts.owners_missing_now(draft)],
        "approvals": draft.approvals.select_related("person").order_by("-pk"),
        "shadow": shadow_summary(draft, actor),
    }


def diff_rows(old: str, new: str) -> Iterator[dict[str, Any]]:
    """Lines of both texts side by side: {kind: same|added|removed, old, new, text}.

    Very long texts are not compared, which could take minutes: the beginning of the new one is shown.
    """
    before, after = old.split("\n"), new.split("\n")
    if max(len(before), 1_000) * len(after) > MAX_COMPARED:
        for n, text in enumerate(after[:MAX_LINES], 1):
            yield {"kind": "added", "old": "", "new": n, "text": text}
        if len(after) > MAX_LINES:
            yield {"kind": "added", "old": "", "new": "", "text": f"… {len(after) - MAX_LINES:,} more lines"}
        return
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            for n in range(i_end - i):
                yield {"kind": "same", "old": i + n + 1, "new": j + n + 1, "text": before[i + n]}
            continue
        for n in range(i, i_end):
            yield {"kind": "removed", "old": n + 1, "new": "", "text": before[n]}
        for n in range(j, j_end):
            yield {"kind": "added", "old": "", "new": n + 1, "text": after[n]}


def sliders(check: Check, base: str | None) -> Iterator[dict[str, Any]]:
    """The parameters of the text with what they were, and a range to slide over."""
    if not isinstance(check.document, ParsedPolicy) or not check.document.params:
        return
    old = policies.read(base) if base else None
    before = old.params if isinstance(old, ParsedPolicy) else {}
    said = {one.name: one.description for one in entry_of(check.document.source).params}
    for param in check.document.params.values():
        was = before.get(param.name)
        yield {
            "name": param.name,
            "type": param.type,
            "description": said.get(param.name, ""),
            "value": param.default,
            "was": was.default if was is not None and was.default != param.default else None,
            "is_new": base is not None and was is None,
            **_range(param.type, param.default),
        }


def _range(kind: str, value: Any) -> dict[str, Any]:
    """Bounds for a slider: a share goes from 0 to 1, another number from 0 to twice its value."""
    if kind not in ("double", "int") or value < 0:
        return {"slides": False}
    if kind == "int":
        return {"slides": True, "low": 0, "high": max(2 * value, STEPS), "step": max(1, value // STEPS)}
    high = 1.0 if value <= 1 else 2 * value
    return {"slides": True, "low": 0, "high": high, "step": 0.01 if high <= 1 else round(high / 100, 3)}


def latest_backtest(draft: PolicyDraft, actor: User) -> dict[str, Any] | None:
    """The newest back-test of the draft, and whether it still speaks of its text."""
    row = draft.backtests.order_by("-pk").first()
    if row is None:
        return None
    age = (timezone.now() - row.made_at).total_seconds() / 3600
    return reading(row, actor) | {"row": row, "same": row.digest == draft.digest, "old": age > STALE_AFTER_HOURS}


def reading(row: Backtest, actor: User) -> dict[str, Any]:
    """A back-test in numbers for a person, and the changed releases that this person may see."""
    return summary(row.total, row.counts, row.flips, actor)


def summary(total: int, counts: dict[str, int], flips: list[dict[str, Any]], actor: User) -> dict[str, Any]:
    """What came out: how many are newly blocked, newly asked, released, and the changed ones by name."""
    pairs = {tuple(name.split(">")): n for name, n in counts.items()}
    blocked = sum(n for (a, b), n in pairs.items() if b in ("fail", "unknown") and a not in ("fail", "unknown"))
    asked = sum(n for (a, b), n in pairs.items() if b == "ask" and a != "ask")
    freed = sum(n for (a, b), n in pairs.items() if a in ("fail", "unknown") and b not in ("fail", "unknown"))
    shown = flips[:FLIPS_SHOWN]
    versions = ModelVersion.objects.visible_to(actor).select_related("model").in_bulk([one["version"] for one in shown])
    ids = [one["release"] for one in shown if one.get("release")]
    releases = Release.objects.visible_to(actor).select_related("endpoint").in_bulk(ids)
    rows = [
        one | {"version": versions[one["version"]], "release": releases.get(one.get("release"))}
        for one in shown
        if one["version"] in versions
    ]
    cells = [
        (TONES[after], f"{before} to {after}" if before != after else f"{after}, unchanged", before != after)
        for (before, after), n in sorted(pairs.items())
        for _ in range(min(n, CELLS + 1))
    ]
    changed = sum(n for (a, b), n in pairs.items() if a != b)
    return {
        "total": total,
        "blocked": blocked,
        "asked": asked,
        "freed": freed,
        "changed": changed,
        "flips": rows,
        "hidden": changed - len(rows),
        "cells": cells if len(cells) <= CELLS else [],
    }


def steps(draft: PolicyDraft, check: Check, test: dict[str, Any] | None) -> Iterator[tuple[bool, str]]:
    """What must be so before the text takes effect: (done?, words)."""
    yield check.document is not None, "the text is read without a mistake"
    yield check.document is not None and not check.failing, "all of its tests pass"
    yield check.ok, "it may be proposed: tests for pass, fail and unknown, a review date, roles that somebody holds"
    if isinstance(check.document, RegoPolicy):
        yield True, "its server is asked for the case that it must deny when it is proposed"
    else:
        yield bool(test and test["same"] and not test["row"].params), "tried on all stored decisions"
    yield draft.state in (DraftState.PROPOSED, DraftState.ACTIVE), "proposed with a reason"
    done = draft.state == DraftState.ACTIVE
    yield done, "approved by its owners, none of them its author"


def shadow_summary(draft: PolicyDraft, actor: User) -> dict[str, Any]:
    """How the draft has done beside the live decisions that this person may see."""
    rows = backtests.shadow_results(draft, actor=actor).filter(digest=draft.digest)
    total = rows.count()
    differ = [row for row in rows.select_related("decision").order_by("-pk")[:200] if row.before != row.after]
    return {"total": total, "differ": len(differ), "rows": differ[:10]}
