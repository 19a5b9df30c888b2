"""The policy that the documentation shows is one that loads, and its tests hold."""

from __future__ import annotations

import re

from governance.gates.cases import run_cases
from governance.gates.policy import load_policy
from tests.governance.gates.test_verdicts import ROOT


def test_policy_of_the_documentation_works() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(), re.DOTALL)
    policy = load_policy("".join(shown), filename="docs/policies.md")
    assert [one.problem for one in run_cases(policy)] == ["", ""]
