"""Make a decision: facts and active policies in, a stored verdict out that anybody can compute again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from governance.choices import Moment
from governance.gates.bounds import fits_web
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import Facts, canonical_bytes
from governance.gates.replay import Replayed, replay
from governance.models import Decision, DecisionPolicy, PolicyVersion, Release
from governance.seats import verdicts_of
from governance.services.facts import build_facts, inputs_of
from governance.services.policies import in_force, split
from portal.access import Permission, require
from portal.accounts.models import User
from portal.ledger.canonical import sha256_hex
from portal.ledger.services import record


class ForWorker(Exception):
    """The evaluation is bounded, but too long for a web process: let a worker do it."""


def inputs_digest(facts: Facts) -> str:
    """SHA-256 of what an approval depends on: the facts without the moment they were read at."""
    return sha256_hex(canonical_bytes(inputs_of(facts)))


def preview(version: ModelVersion, endpoint: Endpoint, *, now: datetime | None = None) -> Result:
    """What the gates would say; nothing is stored."""
    return decide(build_facts(version, endpoint, now=now or timezone.now()), in_force())


def decide(facts: Facts, rows: Sequence[PolicyVersion]) -> Result:
    """What these versions of policies and sets say on the facts; nothing is stored."""
    policies, sets = split(rows)
    return evaluate(policies, facts, sets=sets)


@transaction.atomic
def make_decision(
    version: ModelVersion,
    endpoint: Endpoint,
    *,
    actor: User | None,
    now: datetime | None = None,
    release: Release | None = None,
    in_web: bool = False,
) -> Decision:
    """The decision on this subject as things stand; the newest stored one when nothing has changed since.

    actor None is the portal itself, when facts changed. in_web: raise ForWorker where the policies over these facts
    could hold a web process too long.
    """
    if actor is not None:
        require(actor, Permission.GOVERNANCE_GATE_CHECK, version.model.team_id)
    now = now or timezone.now()
    facts = build_facts(version, endpoint, now=now, release=release)
    policies = in_force()
    if in_web and not fits_web(split(policies)[0], facts):
        raise ForWorker
    inputs, result = inputs_digest(facts), decide(facts, policies)
    ids, said = [row.pk for row in policies], verdicts_of(result.document())
    stored = Decision.objects.filter(version=version, endpoint=endpoint, inputs_digest=inputs)
    for known in stored.prefetch_related("bundle").order_by("-pk")[: len(Moment)]:
        # Time or moment alone can change a verdict (a policy's date or selector), so verdicts are compared too. The
        # newest of each moment is looked at, or a check on the side would make the next look at a release a new one.
        if known.policies == ids and verdicts_of(known.result) == said:
            return known
    return _store(
        Decision(version=version, endpoint=endpoint, inputs_digest=inputs), facts, result, policies, actor, now
    )


def _store(
    decision: Decision,
    facts: Facts,
    result: Result,
    policies: Sequence[PolicyVersion],
    actor: User | None,
    now: datetime,
) -> Decision:
    decision.facts_text, decision.facts_digest = canonical_bytes(facts).decode(), facts.digest
    decision.result_text, decision.digest = result.canonical.decode(), result.digest
    decision.verdict, decision.made_by, decision.made_at = result.verdict, actor, now
    decision.save()
    DecisionPolicy.objects.bulk_create(
        [DecisionPolicy(decision=decision, policy_version=row, position=place) for place, row in enumerate(policies)]
    )
    body = {
        "version": decision.version_id,
        "endpoint": decision.endpoint.name,
        "verdict": decision.verdict,
        "digest": decision.digest,
        "facts_digest": decision.facts_digest,
    }
    record(actor=actor, event="governance:decision:made", subject=decision, body=body, now=now)
    return decision


def replay_decision(decision: Decision) -> Replayed:
    """Repeat a stored decision from its own facts and the texts of its policies."""
    rows = sorted(decision.bundle.all(), key=lambda row: row.position)
    return replay(decision.facts_text, [row.policy_version.source for row in rows], decision.result_text)
