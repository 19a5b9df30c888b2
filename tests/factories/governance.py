"""Published policies and releases for tests, made by the services that make them in the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from catalog.choices import DatasetRole
from catalog.models import Endpoint, ModelVersion
from catalog.services.versions import DeclaredRun
from governance.models import Approval, Decision, PolicyVersion, Release
from governance.services import approvals, backtests, drafts, library, releases
from portal.accounts.choices import Role
from portal.accounts.models import Membership, Team, User
from tests.factories import catalog, people

STARTERS = ("disparate-impact", "evaluation-thresholds", "residency")
# Nobody may propose a policy that asks a role which nobody holds.
ROLES_OF_STARTERS = (Role.VALIDATOR, Role.FAIRNESS, Role.COMPLIANCE, Role.RISK, Role.LEGAL)
SECOND = """
apiVersion: gatehouse/v1
kind: Policy
metadata:
  name: second-look
  owner: compliance
  description: Compliance looks at every release.
  reviewBy: "2099-01-01"
params: {floor: {type: double, default: FLOOR}}
approvals: [compliance]
rules:
  - id: accurate
    title: Accuracy reaches the floor
    require: "facts.metrics.exists(m, m.name == 'accuracy' && m.value >= params.floor)"
    message: "'Too low.'"
enforcement: block
tests:
  - name: high
    facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.95}]}
    expect: {accurate: pass, policy: pass}
  - name: low
    facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.1}]}
    expect: {accurate: fail, policy: fail}
  - name: not measured
    facts: {}
    expect: {accurate: unknown, policy: unknown}
"""


@dataclass
class Cast:
    """Who takes part. `second`: another holder of each deciding role."""

    team: Team
    owner: User
    developer: User
    compliance: User
    reviewers: dict[str, User] = field(default_factory=dict)
    second: dict[str, User] = field(default_factory=dict)


def cast(team: Team | None = None) -> Cast:
    """A team with everybody that a release needs; validator and fairness reviewer twice."""
    team = team or people.team("lending")
    roles = (Role.VALIDATOR, Role.FAIRNESS)
    return Cast(
        team=team,
        owner=people.person("model_owner", team),
        developer=people.person("developer", team),
        compliance=people.person("compliance"),
        reviewers={str(role): people.person(role, team) for role in roles},
        second={str(role): people.person(role, team) for role in roles},
    )


def publish(source: str, *, author: User | None = None) -> PolicyVersion:
    """Bring a text into force as the product does: drafted by one person, approved by a holder of each owning role."""
    author = author or people.person("risk")
    for role in ROLES_OF_STARTERS:
        if not Membership.objects.filter(role=role, ended_at=None).exists():
            people.person(role)
    draft = drafts.begin_draft(source, actor=author)
    if Decision.objects.exists():
        backtests.run_backtest(draft, actor=author)
    draft = drafts.propose_draft(draft, actor=author, reason="For a test.")
    for role in drafts.missing_owners(draft):
        drafts.decide_draft(draft, actor=people.person(role), role=role, choice="approve", digest=draft.digest)
    draft.refresh_from_db()
    assert draft.version is not None
    return draft.version


def published(author: User | None = None) -> list[PolicyVersion]:
    """The three policies that the factories' facts are made for, in force."""
    return [publish(library.source_of(name), author=author) for name in STARTERS]


def second_look(author: User | None = None, *, floor: float = 0.5) -> PolicyVersion:
    """One more policy, which asks for a seat of compliance."""
    return publish(SECOND.replace("FLOOR", str(floor)), author=author)


def run(job_id: str, trained_by: User | None = None) -> DeclaredRun:
    """A training run in the region that the starter policies want."""
    extra = {"region": "eu-central-1"}
    return DeclaredRun(job_id, "0a1b2c3", parameters={"seed": 1}, trained_by=trained_by, extra=extra)


def fair_measures() -> list[dict[str, Any]]:
    """A bias test on sex and race in which every group reaches four fifths."""
    row = catalog.measure
    return [
        row("sex", "Male", "Male", n=600, selected=300, ratio=1.0),
        row("sex", "Female", "Male", n=400, selected=190, ratio=0.95),
        row("race", "White", "White", n=700, selected=350, ratio=1.0),
        row("race", "Black", "White", n=300, selected=140, ratio=0.93),
    ]


def ready_version(who: Cast, *, accuracy: float = 0.85, **kw: Any) -> ModelVersion:
    """A version about which everything is known that the starter policies read, and which they let pass."""
    model = kw.pop("model", None) or catalog.model(owner=who.owner, team=who.team)
    snapshot = catalog.snapshot(catalog.dataset(owner=who.owner, team=who.team), actor=who.developer)
    kw = {"run": run(f"run-{ModelVersion.objects.count()}"), "datasets": [(snapshot, DatasetRole.TRAIN)]} | kw
    version = catalog.version(model=model, actor=who.developer, **kw)
    catalog.metrics(version, accuracy=accuracy)
    catalog.bias(version, measures=fair_measures())
    return version


def release_in_review(
    who: Cast | None = None, *, version: ModelVersion | None = None, endpoint: Endpoint | None = None, **kw: Any
) -> Release:
    """A release that the starter policies let pass: it waits for validator and fairness reviewer."""
    who = who or cast()
    if not PolicyVersion.objects.filter(retired_at=None).exists():
        published()
    version = version or ready_version(who)
    endpoint = endpoint or catalog.endpoint(owner=who.owner, team=who.team)
    return releases.request_release(version, endpoint, actor=who.owner, **kw)


def decide(release: Release, actor: User, role: str, choice: str = "approve", **kw: Any) -> Approval:
    """Decide on what the release says now."""
    release.refresh_from_db()
    assert release.decision is not None
    kw = {"reason": "" if choice == "approve" else "Because."} | kw
    kw = {"decision_digest": release.decision.digest} | kw
    return approvals.decide_release(release, actor=actor, role=role, choice=choice, **kw)


def live_release(who: Cast, **kw: Any) -> Release:
    """A release that validator and fairness reviewer approved, so it is live."""
    release = release_in_review(who, **kw)
    for role, person in who.reviewers.items():
        decide(release, person, role)
    release.refresh_from_db()
    return release
