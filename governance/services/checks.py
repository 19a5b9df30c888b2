"""What a text is worth while it is written: mistakes with their places, its tests, what they do not reach."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from governance.gates.cases import Outcome, publish_problems, run_cases
from governance.gates.coverage import coverage
from governance.gates.errors import PolicyError
from governance.gates.mutation import Mutant, by_place, mutants_one_by_one
from governance.gates.policy import Policy as ParsedPolicy
from governance.gates.sets import PolicySet
from governance.services import policies
from portal.errors import InvalidInput

MUTATION_SECONDS = 5.0


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
    outcomes: list[Outcome] | None = None
    if isinstance(found.document, ParsedPolicy):
        if dear := policies.tests_problem(found.document):
            found.problems.append(_place(dear))
            return found
        outcomes = _run(found, found.document)
    try:
        policies.check_text(source, outcomes)
    except InvalidInput as error:
        place = {"line": error.details.get("line", 1), "column": error.details.get("column", 1)}
        said = {"message": error.message, "how": error.how, "caret": error.details.get("caret", "")}
        if error.code != "policy-invalid":
            found.problems.append(place | said)
    return found


def _run(found: Check, policy: ParsedPolicy) -> list[Outcome]:
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
    found.not_covered = [f"{one.rule}: {one.branch}" for one in coverage(policy, outcomes) if not one.reached_by]
    if found.not_covered:
        found.warnings.append(f"No test reaches {len(found.not_covered)} of the rules' branches.")
    return outcomes


def _place(error: PolicyError) -> dict[str, Any]:
    return {
        "line": error.line,
        "column": error.column,
        "message": error.message,
        "how": error.how,
        "caret": error.caret_text,
    }


def mutants_of(source: str) -> list[Mutant]:
    """Each comparison, connective and limit of the text turned, and the test that notices.

    Raises InvalidInput for a text with a mistake, and for one whose tests take too long for a web request.
    """
    document = policies.read_or_refuse(source)
    if not isinstance(document, ParsedPolicy):
        return []
    if dear := policies.tests_problem(document):
        raise policies.refused(dear)
    limit = time.monotonic() + MUTATION_SECONDS
    found = []
    for one in mutants_one_by_one(document):
        found.append(one)
        if time.monotonic() > limit:
            how = "Run ./gatehouse policy test --mutation on its file."
            raise InvalidInput("There are too many changes to try here.", code="too-many-mutants", how=how)
    return by_place(found)
