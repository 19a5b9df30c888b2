"""What a text is worth while it is written: mistakes with their places, its tests, what they do not reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from governance.gates.cases import publish_problems, run_cases
from governance.gates.coverage import coverage
from governance.gates.errors import PolicyError
from governance.gates.mutation import Mutant, mutants
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.sets import PolicySet
from governance.services import policies
from portal.errors import InvalidInput


@dataclass
class Check:
    """problems: {line, column, message, how, caret} that stand against proposing it; warnings do not."""

    document: ParsedPolicy | PolicySet | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    not_covered: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def verdict_words(self) -> str:
        """How the tests ended, in words."""
        n = len(self.tests)
        return f"{self.failing} of {n} fails" if self.failing else f"{n} of {n} pass"

    @property
    def passing(self) -> int:
        return len(self.tests) - self.failing

    @property
    def failing(self) -> int:
        return sum(not one["passed"] for one in self.tests)


def check_source(source: str) -> Check:
    """Read the text and run its tests; nothing is stored. Never raises for a bad text."""
    found = Check()
    try:
        found.document = policies.read(source)
    except PolicyError as error:
        found.problems.append(_place(error))
        return found
    if isinstance(found.document, ParsedPolicy):
        _run(found, found.document)
    try:
        policies.check_text(source)
    except InvalidInput as error:
        place = {"line": error.details.get("line", 1), "column": error.details.get("column", 1)}
        said = {"message": error.message, "how": error.how, "caret": error.details.get("caret", "")}
        if error.code != "policy-invalid":
            found.problems.append(place | said)
    return found


def _run(found: Check, policy: ParsedPolicy) -> None:
    outcomes = run_cases(policy)
    found.problems += [_place(problem) for problem in publish_problems(policy, outcomes)]
    found.tests = [
        {
            "name": one.case.name,
            "passed": not one.problem,
            "said": one.problem or f"expected and got: {one.verdict}",
            "line": one.case.line,
        }
        for one in outcomes
    ]
    found.not_covered = [f"{one.rule}: {one.branch}" for one in coverage(policy) if not one.reached_by]
    if found.not_covered:
        found.warnings.append(f"No test reaches {len(found.not_covered)} of the rules' branches.")


def _place(error: PolicyError) -> dict[str, Any]:
    return {
        "line": error.line,
        "column": error.column,
        "message": error.message,
        "how": error.how,
        "caret": error.caret_text,
    }


def mutants_of(source: str) -> list[Mutant]:
    """Each comparison, connective and limit of the text turned, and the test that notices. Raises InvalidInput."""
    document = policies.read_or_refuse(source)
    return list(mutants(document)) if isinstance(document, ParsedPolicy) else []
