"""The policy and the set that the documentation shows are ones that load, and the tests hold."""

from __future__ import annotations

import re

from governance.gates.cases import run_cases
from governance.gates.policy import load_policy
from governance.gates.sets import load_any
from tests.governance.gates.test_verdicts import ROOT


def test_policy_of_the_documentation_works() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(), re.DOTALL)
    sets = [block for block in shown if "kind: PolicySet" in block]
    # A policy is shown in parts; what is of another kind stands alone.
    parts = [block for block in shown if "kind: Policy\n" in block or "kind:" not in block]
    policy = load_policy("".join(parts), filename="docs/policies.md")
    assert [load_any(block).name for block in sets] == ["lending-high-risk"]
    assert [one.problem for one in run_cases(policy)] == ["", ""]
