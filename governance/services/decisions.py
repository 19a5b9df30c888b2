"""Make a decision: facts and active policies in, a stored verdict out that anybody can compute again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from governance.choices import Moment
from governance.differences import verdicts_of
from governance.gates.bounds import fits_web
from governance.gates.evaluate import Result, evaluate
from governance.gates.facts import Facts, canonical_bytes
from governance.gates.rego import RegoPolicy
from governance.gates.rego_judge import revisions
from governance.gates.replay import Replayed, replay
from governance.models import Decision, DecisionPolicy, PolicyVersion, Release
from governance.services.facts import build_facts, inputs_of
from governance.services.opa import consult
from governance.services.policies import in_force, split
from portal.access import Permission, require
from portal.accounts.models import User
from portal.ledger.canonical import sha256_hex
from portal.ledger.services import record


class ForWorker(Exception):
    """The evaluation is bounded, but too long for a web process: let a worker do it."""


@dataclass(frozen=True)
class Asked:
    """What servers said of facts before anything was locked; of nothing, where no policy in force needs a server.

    last: the facts are not waited for any longer: where they moved meanwhile, the answers do not count.
    """

    facts: Facts | None = None
    external: Mapping[str, Any] = field(default_factory=dict)
    last: bool = False


class FactsMoved(Exception):
    """The facts changed between the question to a server and the lock: ask again."""


def inputs_digest(facts: Facts) -> str:
    """SHA-256 of what an approval depends on: the facts without the moment they were read at."""
    return sha256_hex(canonical_bytes(inputs_of(facts)))


def preview(version: ModelVersion, endpoint: Endpoint, *, now: datetime | None = None) -> Result:
    """What the gates would say; nothing is stored."""
    return decide(build_facts(version, endpoint, now=now or timezone.now()), in_force())


def decide(facts: Facts, rows: Sequence[PolicyVersion]) -> Result:
    """What these versions of policies and sets say on the facts; nothing is stored."""
    policies, sets = split(rows)
    return evaluate(policies, facts, sets=sets, external=consult(policies, sets, facts))


def needs_servers() -> bool:
    """Whether a policy in force is answered by a server."""
    return any(isinstance(one, RegoPolicy) for one in split(in_force())[0])


def ask_ahead(
    version: ModelVersion, endpoint: Endpoint, *, release: Release | None = None, last: bool = False
) -> Asked:
    """Ask the servers that the policies in force need, for an act that is about to lock rows."""
    policies, sets = split(in_force())
    if not any(isinstance(one, RegoPolicy) for one in policies):
        return Asked()
    facts = build_facts(version, endpoint, now=timezone.now(), release=release)
    return Asked(facts, consult(policies, sets, facts), last)


def make_decision(
    version: ModelVersion,
    endpoint: Endpoint,
    *,
    actor: User | None,
    now: datetime | None = None,
    release: Release | None = None,
    in_web: bool = False,
    asked: Asked | None = None,
) -> Decision:
    """The decision on this subject as things stand; the newest stored one when nothing has changed since.

    actor None is the portal itself, when facts changed. in_web: raise ForWorker where the policies over these facts
    could hold a web process too long. asked: what servers said; a caller that holds locks must give it, as without it
    they are asked here. Raises FactsMoved where it speaks of other facts and is not the last try.
    """
    if actor is not None:
        require(actor, Permission.GOVERNANCE_GATE_CHECK, version.model.team_id)
    now = now or timezone.now()
    facts = build_facts(version, endpoint, now=now, release=release)
    rows = in_force()
    if in_web and not fits_web(split(rows)[0], facts):
        raise ForWorker
    facts, result = _judge(facts, rows, asked)
    inputs = inputs_digest(facts)
    ids, said = [row.pk for row in rows], verdicts_of(result.document())
    stored = Decision.objects.filter(version=version, endpoint=endpoint, inputs_digest=inputs)
    for known in stored.prefetch_related("bundle").order_by("-pk")[: len(Moment)]:
        # Time or moment alone can change a verdict (a policy's date or selector), so verdicts are compared too. The
        # newest of each moment is looked at, or a check on the side would make the next look at a release a new one.
        if known.policies == ids and verdicts_of(known.result) == said and _same_bundles(known.result, result):
            return known
    return _store(Decision(version=version, endpoint=endpoint, inputs_digest=inputs), facts, result, rows, actor, now)


def _judge(facts: Facts, rows: Sequence[PolicyVersion], asked: Asked | None) -> tuple[Facts, Result]:
    """The facts that count and what the policies say of them.

    Where servers were asked before and nothing but the time has moved since, the facts are those that they were asked
    about: an answer counts for the very document that was sent.
    """
    if asked is None:
        return facts, decide(facts, rows)
    if asked.facts is not None:
        if _timeless(asked.facts) == _timeless(facts):
            facts = asked.facts
        elif asked.external and not asked.last:
            raise FactsMoved
    policies, sets = split(rows)
    return facts, evaluate(policies, facts, sets=sets, external=asked.external)


def _timeless(facts: Facts) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in ("evaluated_at", "ledger_index")}


def _same_bundles(stored: Mapping[str, Any], now: Result) -> bool:
    return revisions(stored.get("external", {})) == revisions(now.external)


@transaction.atomic
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
