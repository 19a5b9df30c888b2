"""`gatehouse policy test`: the tests of every policy below a folder, what they leave out and what they miss."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from governance.gates.cases import Outcome, publish_problems, run_cases
from governance.gates.cli_common import ERROR, caret, clean, in_file, told, without_review
from governance.gates.coverage import BRANCHES, Branch, coverage, unreached
from governance.gates.errors import GateError
from governance.gates.folder import File, read_folder
from governance.gates.formats import junit_case, junit_text
from governance.gates.mutation import Mutant, mutants
from governance.gates.policy import Policy
from governance.gates.sets import PolicySet, set_problems


@dataclass
class Tested:
    """What became of one file. problems: failing and missing cases. warnings: what else refuses its publication."""

    file: File
    outcomes: list[Outcome] = field(default_factory=list)
    problems: Sequence[GateError] = ()
    branches: list[Branch] = field(default_factory=list)
    uncovered: Sequence[GateError] = ()
    mutants: list[Mutant] = field(default_factory=list)
    warnings: Sequence[GateError] = ()

    @property
    def unnoticed(self) -> list[Mutant]:
        return [one for one in self.mutants if not one.noticed]


def run(options: argparse.Namespace) -> int:
    """Exit 0 where all is well, 1 where a test fails or is missing, 4 where a file is wrong or none is found."""
    files = read_folder(options.folder)
    if not files:
        raise GateError(f"There is no policy below {options.folder}.", how="Policies are files ending in .yaml.")
    policies = [one.document for one in files if isinstance(one.document, Policy)]
    tested = [_test(one, policies, mutation=options.mutation) for one in files]
    broken = [one for one in tested if one.file.error is not None]
    bad = [one for one in tested if one.problems or one.unnoticed or (options.require_coverage and one.uncovered)]
    if options.junit is not None:
        _write_junit(options.junit, tested, require_coverage=options.require_coverage)
    if options.json:
        print(json.dumps(_told(tested), ensure_ascii=False))
    else:
        _print(tested, require_coverage=options.require_coverage)
    return ERROR if broken else 1 if bad else 0


def _test(file: File, policies: Sequence[Policy], *, mutation: bool) -> Tested:
    document = file.document
    if isinstance(document, PolicySet):
        problems = [in_file(one, file.path) for one in set_problems(document, policies)]
        return Tested(file, problems=problems, warnings=without_review(document, file.path))
    if document is None:
        return Tested(file)
    outcomes = run_cases(document)
    return Tested(
        file,
        outcomes,
        [in_file(one, file.path) for one in publish_problems(document, outcomes)],
        coverage(document, outcomes),
        [in_file(one, file.path) for one in unreached(document, outcomes)],
        mutants(document) if mutation else [],
        without_review(document, file.path),
    )


def _print(tested: Sequence[Tested], *, require_coverage: bool) -> None:
    for one in tested:
        if one.file.error is not None:
            print(clean(caret(one.file.error)))
            continue
        for problem in one.problems:
            print(clean(caret(problem)))
        for warning in one.warnings:
            print(f"warning: {clean(caret(warning))}")
        if one.uncovered:
            print(f"{one.file.path}: {'error' if require_coverage else 'warning'}: no case reaches every branch")
            _table(one.branches)
        for mutant in one.unnoticed:
            print(f"{one.file.path}:{mutant.line}:{mutant.column}: no case notices {mutant.text}")
    passed = sum(not case.problem for one in tested for case in one.outcomes)
    failed = sum(len(one.problems) + (one.file.error is not None) for one in tested)
    changes = [mutant for one in tested for mutant in one.mutants]
    if changes:
        print(f"{sum(one.noticed for one in changes)} of {len(changes)} changes noticed")
    print(f"{passed} passed, {failed} failed")


def _table(branches: Sequence[Branch]) -> None:
    rules = list(dict.fromkeys(one.rule for one in branches))
    width = max(len(rule) for rule in rules)
    print(f"  {'':<{width}}  {'  '.join(f'{branch:>7}' for branch in BRANCHES)}")
    for rule in rules:
        found = {one.branch: len(one.reached_by) or "none" for one in branches if one.rule == rule}
        print(f"  {rule:<{width}}  {'  '.join(f'{found.get(branch, chr(8211)):>7}' for branch in BRANCHES)}")


def _told(tested: Sequence[Tested]) -> dict[str, Any]:
    return {
        "policies": [_row(one) for one in tested],
        "passed": sum(not case.problem for one in tested for case in one.outcomes),
        "failed": sum(len(one.problems) + (one.file.error is not None) for one in tested),
    }


def _row(one: Tested) -> dict[str, Any]:
    kind, name = one.file.key or (None, None)
    return {
        "file": str(one.file.path),
        "kind": kind,
        "name": name,
        "error": told(one.file.error) if one.file.error is not None else None,
        "cases": [
            {"name": case.case.name, "line": case.case.line, "passed": not case.problem, "problem": case.problem}
            for case in one.outcomes
        ],
        "problems": [told(problem) for problem in one.problems],
        "warnings": [told(warning) for warning in one.warnings],
        "coverage": [asdict(branch) for branch in one.branches],
        "mutants": [asdict(mutant) | {"noticed": mutant.noticed} for mutant in one.mutants],
    }


def _write_junit(path: Path, tested: Sequence[Tested], *, require_coverage: bool) -> None:
    suites = {str(one.file.path): _junit(one, require_coverage=require_coverage) for one in tested}
    try:
        path.write_text(junit_text("gatehouse policy test", suites), encoding="utf-8")
    except OSError as error:
        raise GateError(f"{path} cannot be written: {error}", how="Name a file that can be.") from error


def _junit(one: Tested, *, require_coverage: bool) -> list[Any]:
    suite = one.file.key[1] if one.file.key is not None else one.file.path.name
    if one.file.error is not None:
        return [junit_case(suite, "the file can be read", tag="error", kind="policy", message=caret(one.file.error))]
    found = [
        junit_case(suite, case.case.name, tag="failure" if case.problem else "", kind="case", message=case.problem)
        for case in one.outcomes
    ]
    failing = {case.case.line for case in one.outcomes if case.problem}
    said = [problem for problem in one.problems if getattr(problem, "line", None) not in failing]
    said += list(one.uncovered) if require_coverage else []
    found.append(_summary(suite, "it may be published", [caret(problem) for problem in said]))
    if one.mutants:
        lines = [f"{mutant.line}:{mutant.column}: {mutant.text}" for mutant in one.unnoticed]
        found.append(_summary(suite, "its cases notice every change", lines))
    return found


def _summary(suite: str, name: str, lines: Sequence[str]) -> Any:
    return junit_case(suite, name, tag="failure" if lines else "", kind="policy", message="\n".join(lines))
