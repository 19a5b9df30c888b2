"""Make a decision: facts and active policies in, a stored verdict out that anybody can compute again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import Facts, canonical_bytes
from governance.gates.replay import Replayed, replay
from governance.models import Decision, DecisionPolicy, PolicyVersion, Release
from governance.services.facts import build_facts, inputs_of
from governance.services.policies import active_policies, parsed
from portal.access import Permission, require
from portal.accounts.models import User
from portal.ledger.canonical import sha256_hex
from portal.ledger.services import record


def inputs_digest(facts: Facts) -> str:
    """SHA-256 of what an approval depends on: the facts without the moment they were read at."""
    return sha256_hex(canonical_bytes(inputs_of(facts)))


def preview(version: ModelVersion, endpoint: Endpoint, *, now: datetime | None = None) -> Result:
    """What the gates would say; nothing is stored."""
    facts = build_facts(version, endpoint, now=now or timezone.now())
    return evaluate([parsed(row.source) for row in active_policies()], facts)


@transaction.atomic
def make_decision(
    version: ModelVersion,
    endpoint: Endpoint,
    *,
    actor: User | None,
    now: datetime | None = None,
    release: Release | None = None,
) -> Decision:
    """The decision on this subject as things stand; the newest stored one when nothing has changed since.

    actor None is the portal itself, when facts changed.
    """
    if actor is not None:
        require(actor, Permission.GOVERNANCE_GATE_CHECK, version.model.team_id)
    facts = build_facts(version, endpoint, now=now or timezone.now(), release=release)
    policies = active_policies()
    inputs = inputs_digest(facts)
    known = (
        Decision.objects.filter(version=version, endpoint=endpoint, inputs_digest=inputs)
        .prefetch_related("bundle")
        .order_by("-pk")
        .first()
    )
    if known is not None and known.policies == [row.pk for row in policies]:
        return known
    return _store(version, endpoint, facts, inputs, policies, actor, now or timezone.now())


def _store(
    version: ModelVersion,
    endpoint: Endpoint,
    facts: Facts,
    inputs: str,
    policies: Sequence[PolicyVersion],
    actor: User | None,
    now: datetime,
) -> Decision:
    result = evaluate([parsed(row.source) for row in policies], facts)
    decision = Decision.objects.create(
        version=version,
        endpoint=endpoint,
        facts_text=canonical_bytes(facts).decode(),
        facts_digest=facts.digest,
        inputs_digest=inputs,
        result_text=result.canonical.decode(),
        digest=result.digest,
        verdict=result.verdict,
        made_by=actor,
        made_at=now,
    )
    DecisionPolicy.objects.bulk_create(
        [DecisionPolicy(decision=decision, policy_version=row, position=place) for place, row in enumerate(policies)]
    )
    body = {
        "version": version.pk,
        "endpoint": endpoint.name,
        "verdict": decision.verdict,
        "digest": decision.digest,
        "facts_digest": decision.facts_digest,
    }
    record(actor=actor, event="governance:decision:made", subject=decision, body=body, now=now)
    return decision


def replay_decision(decision: Decision) -> Replayed:
    """Repeat a stored decision from its own facts and the texts of its policies."""
    rows = decision.bundle.select_related("policy_version").order_by("position")
    return replay(decision.facts_text, [row.policy_version.source for row in rows], decision.result_text)
