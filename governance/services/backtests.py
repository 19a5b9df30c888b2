"""The time machine: what a draft would have said on stored decisions, and what it says beside new ones."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from governance.choices import OPEN_DRAFTS
from governance.gates.errors import GateError
from governance.gates.evaluate import evaluate, worst
from governance.gates.facts import parse_facts
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.rego import RegoPolicy
from governance.gates.sets import PolicySet
from governance.gates.stored import Verdicts, evaluate_stored
from governance.models import Backtest, Decision, PolicyDraft, Release, ShadowResult
from governance.services import opa, policies
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.ledger.services import record

KIND = "governance:backtest"
SHADOW_KIND = "governance:shadow"
CHUNK = 500
MAX_FLIPS = 500
PREVIEW_SECONDS = 1.0
SELECTORS = ("model", "endpoint", "since")
_FIELDS = ("pk", "facts_text", "facts_digest", "result_text", "version_id", "endpoint_id", "made_at")


@dataclass
class Tally:
    """What was counted so far. counts: "verdict in force>verdict of the draft" → decisions."""

    total: int = 0
    last: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    flips: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = True

    @property
    def changed(self) -> int:
        """Decisions whose verdict would be another."""
        return sum(n for name, n in self.counts.items() if len(set(name.split(">"))) == 2)


@dataclass(frozen=True)
class Trial:
    """A draft's document against what is in force, ready to judge many facts documents.

    Only what the draft can change is evaluated: itself and its base, or the policies that a set settles. What the
    other policies said is taken from the stored decision.
    """

    before: tuple[list[ParsedPolicy], list[PolicySet]]
    after: tuple[list[ParsedPolicy], list[PolicySet]]
    names: frozenset[str]
    params: Mapping[str, Mapping[str, Any]]
    # The draft is answered by a server.
    asks: bool = False

    def judge(
        self, facts_text: str, digest: str, stored: Mapping[str, Any], answers: Mapping[str, Any] | None = None
    ) -> tuple[str, str, list[dict[str, Any]]]:
        """(verdict with what is in force, verdict with the draft, rules that differ where the verdicts do).

        What servers said is taken from the stored decision; answers: what they say to the draft.
        """
        said = stored.get("external", {})
        new_said = {**said, **(answers or {})}
        others = [
            one["verdict"]
            for one in stored["policies"]
            if one["enforcement"] == "block" and one["name"] not in self.names
        ]
        old = evaluate_stored(self.before[0], facts_text, digest, sets=self.before[1], external=said)
        new = evaluate_stored(
            self.after[0], facts_text, digest, sets=self.after[1], params=self.params, external=new_said
        )
        was, now = (worst([*others, *_counted(one)]) for one in (old, new))
        return was, now, self._reasons(facts_text, old, new, new_said) if was != now else []

    def _reasons(
        self, facts_text: str, old: Verdicts, new: Verdicts, external: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The rules that say otherwise, with the message of the draft's."""
        facts = parse_facts(facts_text)
        said = evaluate(self.after[0], facts, sets=self.after[1], params=self.params, external=external)
        messages = {(one.policy, one.id): one.message for one in said.rules}
        keys = [*new.rules, *(key for key in old.rules if key not in new.rules)]
        return [
            {
                "policy": key[0],
                "id": key[1],
                "before": old.rules.get(key, ""),
                "after": new.rules.get(key, ""),
                "message": messages.get(key, "The rule is gone."),
            }
            for key in keys
            if old.rules.get(key) != new.rules.get(key)
        ]


def _counted(verdicts: Verdicts) -> list[str]:
    return [said for name, said in verdicts.policies.items() if verdicts.enforcement[name] == "block"]


def trial_of(source: str, params: Mapping[str, Any] | None = None) -> Trial:
    """The trial of a text. params: values instead of the defaults of a policy's text.

    Raises InvalidInput for a text with a mistake, a parameter that it does not have, or a policy that a server
    answers: what it would have said then cannot be computed.
    """
    document = policies.read_or_refuse(source)
    if isinstance(document, RegoPolicy):
        message = f"{document.name} asks a server, which cannot say what it would have said then."
        how = "Run it in shadow mode: it judges each new decision beside what is in force."
        raise InvalidInput(message, code="backtest-asks-server", field="source", how=how)
    return _trial(document, params)


def _trial(document: ParsedPolicy | PolicySet, params: Mapping[str, Any] | None = None) -> Trial:
    rows = policies.in_force()
    now, sets = policies.split(rows)
    given = {document.name: dict(params)} if params else {}
    if isinstance(document, PolicySet):
        old = next((one for one in sets if one.name == document.name), None)
        names = {entry.policy for one in (document, old) if one for entry in one.entries}
        concerned = [one for one in now if one.name in names]
        others = [one for one in sets if one.name != document.name]
        after_sets = sorted([*others, document], key=lambda one: one.name)
        return Trial((concerned, sets), (concerned, after_sets), frozenset(names), {})
    try:
        document.values(given.get(document.name))
    except GateError as error:
        raise InvalidInput(error.message, code="parameter", field="params", how=error.how) from error
    before = [one for one in now if one.name == document.name]
    # A date from which it blocks lies after most of what was decided: it is tried as if it had come.
    document = replace(document, from_date=None)
    # Sets that settle other policies decide nothing here.
    near = [one for one in sets if any(entry.policy == document.name for entry in one.entries)]
    asks = isinstance(document, RegoPolicy)
    return Trial((before, near), ([document], near), frozenset({document.name}), given, asks)


def decisions_for(selection: Mapping[str, Any], *, actor: User | None = None) -> QuerySet[Decision]:
    """The stored decisions of a selection {model, endpoint, since}, in the order they were made.

    actor: only what that person may see. Raises InvalidInput for a selector or date that is not known.
    """
    rows = Decision.objects.all() if actor is None else Decision.objects.visible_to(actor)
    for name, value in selection.items():
        if name not in SELECTORS:
            how = f"Known: {', '.join(SELECTORS)}."
            raise InvalidInput(f"{name!r} selects no decisions.", code="selection", field="selection", how=how)
        if name == "since":
            rows = rows.filter(made_at__date__gte=_day(value))
        else:
            path = "version__model__name" if name == "model" else "endpoint__name"
            rows = rows.filter(**{f"{path}__iexact": str(value)})
    return rows.order_by("pk")


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        how = "Write it as 2026-01-31."
        raise InvalidInput(f"{value!r} is no date.", code="selection", field="since", how=how) from error


def _chunks(rows: QuerySet[Decision]) -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    while chunk := list(rows.filter(pk__gt=last).values_list(*_FIELDS)[:CHUNK]):
        yield chunk
        last = chunk[-1][0]


def try_decision(trial: Trial, row: tuple[Any, ...], tally: Tally) -> None:
    """Judge one stored decision and count what comes out."""
    pk, facts_text, digest, result_text, version, endpoint, made_at = row
    was, now, rules = trial.judge(facts_text, digest, json.loads(result_text))
    tally.total, tally.last = tally.total + 1, pk
    tally.counts[f"{was}>{now}"] += 1
    if was != now and len(tally.flips) < MAX_FLIPS:
        flip = {"decision": pk, "version": version, "endpoint": endpoint, "at": made_at.isoformat()}
        tally.flips.append(flip | {"before": was, "after": now, "rules": rules[:20]})


def preview_draft(
    source: str, *, actor: User, params: Mapping[str, Any] | None = None, selection: Mapping[str, Any] | None = None
) -> Tally:
    """Try a text on the newest decisions that the person may see, for about a second: what a slider shows.

    `complete` says whether that reached all of them. Nothing is stored.
    """
    require(actor, Permission.GOVERNANCE_POLICY_READ)
    trial, tally = trial_of(source, params), Tally()
    limit = time.monotonic() + PREVIEW_SECONDS
    rows = decisions_for(selection or {}, actor=actor).order_by("-pk").values_list(*_FIELDS)
    for row in rows.iterator(chunk_size=50):
        if time.monotonic() > limit:
            tally.complete = False
            break
        try_decision(trial, row, tally)
    return tally


@transaction.atomic
def start_backtest(
    draft: PolicyDraft,
    *,
    actor: User,
    params: Mapping[str, Any] | None = None,
    selection: Mapping[str, Any] | None = None,
) -> Job:
    """Queue the back-test of the draft's saved text; the waiting or running one of the same question if any."""
    require(actor, Permission.GOVERNANCE_POLICY_DRAFT)
    if draft.state not in OPEN_DRAFTS:
        raise Conflict(f"{draft.public_id} is closed.", code="draft-state", how="Begin a new draft.")
    trial_of(draft.source, params)
    decisions_for(selection or {}, actor=actor)
    payload = {
        "draft": draft.pk,
        "digest": draft.digest,
        "params": dict(params or {}),
        "selection": dict(selection or {}),
    }
    waiting = open_backtests(draft).filter(payload=payload).first()
    return waiting or enqueue(KIND, payload=payload, actor=actor, subject=draft)


def open_backtests(draft: PolicyDraft) -> QuerySet[Job]:
    """Jobs that still test the draft."""
    return Job.objects.filter(kind=KIND, subject_id=str(draft.pk), finished_at=None)


def run_backtest(
    draft: PolicyDraft,
    *,
    actor: User | None,
    params: Mapping[str, Any] | None = None,
    selection: Mapping[str, Any] | None = None,
    report: Callable[[int, str], None] = lambda percent, step: None,
) -> Backtest:
    """Try the draft's text on every stored decision, in bounded memory, and keep what came out.

    selection: of those that the person may see only, since it would count the facts of one model else.
    """
    source, digest = draft.source, draft.digest
    trial, tally = trial_of(source, params), Tally()
    rows = decisions_for(selection, actor=actor) if selection else decisions_for({})
    expected = rows.count()
    for chunk in _chunks(rows):
        for row in chunk:
            try_decision(trial, row, tally)
        report(min(99, 100 * tally.total // max(1, expected)), f"{tally.total:,} of {expected:,} decisions")
    return _keep(draft, digest, tally, actor=actor, params=params, selection=selection)


@transaction.atomic
def _keep(
    draft: PolicyDraft,
    digest: str,
    tally: Tally,
    *,
    actor: User | None,
    params: Mapping[str, Any] | None,
    selection: Mapping[str, Any] | None,
) -> Backtest:
    now = timezone.now()
    made = Backtest.objects.create(
        draft=draft,
        digest=digest,
        params=dict(params or {}),
        selection=dict(selection or {}),
        last_decision=tally.last,
        total=tally.total,
        counts=dict(sorted(tally.counts.items())),
        flips=named(tally.flips),
        made_by=actor,
        made_at=now,
    )
    body = {"draft": draft.public_id, "digest": digest, "total": made.total, "counts": made.counts}
    record(actor=actor, event="governance:policy-backtest:made", subject=made, body=body, now=now)
    return made


def named(flips: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The flips with the release that each decision belongs to: the newest of its version and endpoint."""
    pairs = {(one["version"], one["endpoint"]) for one in flips}
    rows = Release.objects.filter(
        version__in={version for version, _ in pairs}, endpoint__in={endpoint for _, endpoint in pairs}
    )
    releases = {(row.version_id, row.endpoint_id): row.pk for row in rows.order_by("pk")}
    return [one | {"release": releases.get((one["version"], one["endpoint"]))} for one in flips]


# ------------------------------------------------------------------ shadow mode
def shadow_drafts() -> QuerySet[PolicyDraft]:
    """Drafts that run beside what is in force."""
    return PolicyDraft.objects.filter(shadow=True, state__in=OPEN_DRAFTS).order_by("pk")


@transaction.atomic
def enqueue_shadow(decision_id: int) -> Job | None:
    """Queue the shadow run of a new decision, where a draft is in shadow mode."""
    if not shadow_drafts().exists():
        return None
    return enqueue(SHADOW_KIND, payload={"decision": decision_id}, actor=None)


def shadow_results(draft: PolicyDraft, *, actor: User) -> QuerySet[ShadowResult]:
    """What the draft said beside the decisions that the person may see."""
    return draft.shadow_results.filter(decision__in=Decision.objects.visible_to(actor))


def seen_flips(row: Backtest, *, actor: User) -> list[dict[str, Any]]:
    """The flips of a back-test on the decisions that the person may see."""
    seen = Decision.objects.visible_to(actor).filter(pk__in=[one["decision"] for one in row.flips])
    known = set(seen.values_list("pk", flat=True))
    return [one for one in row.flips if one["decision"] in known]


def run_shadow(decision: Decision) -> list[ShadowResult]:
    """What each draft in shadow mode says beside this decision; a draft whose text is broken says nothing."""
    found = []
    for draft in shadow_drafts():
        try:
            trial = _trial(policies.read_or_refuse(draft.source))
        except InvalidInput:
            continue
        answers = opa.consult(*trial.after, parse_facts(decision.facts_text)) if trial.asks else {}
        was, now, rules = trial.judge(decision.facts_text, decision.facts_digest, decision.result, answers)
        made, _ = ShadowResult.objects.get_or_create(
            draft=draft, digest=draft.digest, decision=decision, defaults={"before": was, "after": now, "rules": rules}
        )
        found.append(made)
    return found
