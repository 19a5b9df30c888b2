"""A small house for tests of pages and API: a team, people by role, a policy, an endpoint, versions with a metric."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from catalog.choices import Environment, Exposure, RiskTier
from catalog.models import Endpoint, ModelVersion, RegisteredModel
from catalog.services.endpoints import register_endpoint
from catalog.services.facts import record_metrics
from catalog.services.models import register_model
from catalog.services.versions import DeclaredArtifact, register_version
from governance.models import Release
from governance.services.releases import request_release
from portal.accounts.models import Team, User
from tests.factories import governance, people

POLICY = """apiVersion: gatehouse/v1
kind: Policy
metadata:
  name: accuracy-floor
  owner: validator
  description: Accuracy on the test split is high enough.
  reviewBy: "2099-01-01"
params: {floor: {type: double, default: 0.8}}
variables:
  - name: measured
    expression: "facts.metrics.filter(m, m.name == 'accuracy' && m.split == 'test')"
approvals: [validator]
rules:
  - id: floor
    title: Accuracy reaches the floor
    require: "variables.measured.all(m, m.value >= params.floor)"
    otherwise: {when: "variables.measured.all(m, m.value >= params.floor - 0.1)", verdict: ask, role: fairness}
    message: "'Accuracy is under %.2f.'.format([params.floor])"
    controls: [eu-ai-act/15.1]
enforcement: block
tests:
  - {name: good, facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.9}]}, expect: {floor: pass}}
  - {name: near, facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.75}]}, expect: {floor: ask}}
  - {name: bad, facts: {metrics: [{name: accuracy, split: test, segment: all, value: 0.5}]}, expect: {floor: fail}}
  - {name: none, facts: {metrics: []}, expect: {floor: unknown}}
"""
_numbers = itertools.count(1)


@dataclass
class House:
    """Everything a release needs. Each house has its own model and endpoint in the team "lending"."""

    team: Team = field(default_factory=lambda: people.team("lending"))

    def __post_init__(self) -> None:
        n = next(_numbers)
        roles = ("model_owner", "developer", "validator", "fairness", "viewer", "auditor", "admin", "compliance")
        self.people: dict[str, User] = {
            role: people.person(role, None if role in ("admin", "auditor", "compliance") else self.team)
            for role in roles
        }
        governance.publish(POLICY)
        owner = self["model_owner"]
        self.model: RegisteredModel = register_model(
            actor=owner,
            team=self.team,
            name=f"house-model-{n}",
            title="House model",
            description="A model of a test.",
            risk_tier=RiskTier.HIGH,
            intended_use=["testing"],
        )
        self.endpoint: Endpoint = register_endpoint(
            actor=owner,
            team=self.team,
            name=f"house-prod-{n}",
            title="House endpoint",
            environment=Environment.PRODUCTION,
            regions=["eu-central-1"],
            exposure=Exposure.CUSTOMERS,
        )

    def __getitem__(self, role: str) -> User:
        """A fresh copy of the person with that role, as a new request would load them."""
        return User.objects.get(pk=self.people[role].pk)

    def version(self, number: str = "1.0.0", accuracy: float | None = 0.9) -> ModelVersion:
        """A version registered by the developer, with its accuracy measured unless None."""
        artifact = DeclaredArtifact(name="model.bin", sha256="ab" * 32, size=10, format="bin")
        row = register_version(self.model, actor=self["developer"], version=number, artifacts=[artifact])
        if accuracy is not None:
            self.measure(row, accuracy)
        return row

    def measure(self, version: ModelVersion, accuracy: float) -> None:
        numbers = {"value": accuracy, "lower": accuracy - 0.02, "upper": accuracy + 0.02, "n": 1000}
        record_metrics(version, actor=self["developer"], metrics=[{"name": "accuracy", **numbers}])

    def release(self, number: str = "1.0.0", accuracy: float | None = 0.9, words: str = "Please.") -> Release:
        """A release of a new version, asked for by the model's owner."""
        version = self.version(number, accuracy)
        row = request_release(version, self.endpoint, actor=self["model_owner"], words=words)
        return Release.objects.select_related("decision").get(pk=row.pk)
