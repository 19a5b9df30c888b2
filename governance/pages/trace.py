"""Page: why a rule of a stored decision said what it said, part by part, computed on demand."""

from __future__ import annotations

from typing import Any

from catalog.selectors import missing
from governance import selectors
from governance.gates.errors import GateError
from governance.gates.facts import parse_facts
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.trace import Step, trace
from governance.models import Decision
from governance.services.decisions import replay_decision
from governance.services.policies import read
from portal.access import Permission
from portal.errors import InvalidInput
from portal.pages.base import ReadPage

DEPTH_SHOWN = 6


class TracePage(ReadPage):
    """`/decisions/D-1/why/POLICY/RULE/`."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/trace.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        decision = selectors.decision_numbered(self.actor, int(kwargs.pop("number")))
        policy, rule_id = self._policy(decision, kwargs.pop("policy")), kwargs.pop("rule")
        rule = next((one for one in policy.rules if one.id == rule_id), None)
        said = next(
            (one for one in decision.result["rules"] if (one["policy"], one["id"]) == (policy.name, rule_id)), None
        )
        if rule is None or said is None:
            raise missing("rule", f"{policy.name}/{rule_id}")
        parts = [("require", rule.require, "It holds when")]
        if rule.otherwise is not None and said["verdict"] in ("ask", "fail"):
            words = f"If not, the {rule.otherwise.role} reviewer is asked when"
            parts.append(("otherwise", rule.otherwise.when, words))
        return super().get_context_data(
            decision=decision,
            policy=policy,
            rule=rule,
            said=said,
            parts=[
                {"words": words, "text": text, "steps": self._steps(decision, policy, rule_id, part)}
                for part, text, words in parts
            ],
            **kwargs,
        )

    @staticmethod
    def _policy(decision: Decision, name: str) -> ParsedPolicy:
        for row in decision.bundle.select_related("policy_version__policy"):
            document = read(row.policy_version.source)
            if isinstance(document, ParsedPolicy) and document.name == name:
                return document
        raise missing("policy of this decision", name)

    @staticmethod
    def _steps(decision: Decision, policy: ParsedPolicy, rule_id: str, part: str) -> list[dict[str, Any]]:
        params = decision.result["params"].get(policy.name)
        try:
            found = trace(policy, rule_id, parse_facts(decision.facts_text), params, part=part)
        except GateError as error:
            raise InvalidInput(error.message, code="trace", how=error.how) from error
        return [_shown(step) for step in found]


def _shown(step: Step) -> dict[str, Any]:
    value = step.value
    tone = ("pass" if value else "fail") if isinstance(value, bool) else ""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        value = f"{len(value)} row{'' if len(value) == 1 else 's'}"
    return {"step": step, "depth": min(step.depth, DEPTH_SHOWN), "tone": tone, "value": value}


class ReplayPage(ReadPage):
    """Repeat the decision here and now, and say whether the bytes are the same."""

    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/replay.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        decision = selectors.decision_numbered(self.actor, int(kwargs.pop("number")))
        return super().get_context_data(decision=decision, found=replay_decision(decision), **kwargs)
