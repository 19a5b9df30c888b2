"""`gatehouse policy …`: evaluate, test and describe policies offline, without a server or a database."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from governance.gates.cases import publish_problems, run_cases
from governance.gates.errors import FactsError, GateError, PolicyError
from governance.gates.evaluate import evaluate
from governance.gates.facts import parse_facts
from governance.gates.facts_docs import facts_reference_markdown, json_schema
from governance.gates.policy import Policy, load_policy

EXIT = {"pass": 0, "fail": 1, "ask": 2, "unknown": 3, "not_applicable": 5}
ERROR = 4


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gatehouse policy", description="Policies without a server.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("eval", help="a policy over a facts document")
    one.add_argument("--policy", required=True, type=Path)
    one.add_argument("--facts", required=True, type=Path, help="a JSON file")
    one.add_argument("--json", action="store_true", help="print JSON")
    test = verbs.add_parser("test", help="run the tests of every policy below a folder")
    test.add_argument("folder", type=Path)
    schema = verbs.add_parser("schema", help="the facts that a policy can read")
    schema.add_argument("--markdown", action="store_true")
    return parser


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GateError(f"{path} cannot be read: {error}", how="Give a UTF-8 file.") from error


def _load(path: Path) -> Policy:
    return load_policy(_read(path), filename=str(path))


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one verb. Exit codes of eval: 0 pass, 1 fail, 2 ask, 3 unknown, 4 error, 5 not applicable."""
    options = _parser().parse_args(argv)
    if options.verb == "schema":
        sys.stdout.write(facts_reference_markdown() if options.markdown else json.dumps(json_schema(), indent=2) + "\n")
        return 0
    if options.verb == "test":
        return _test(options.folder)
    try:
        return _eval(options.policy, options.facts, as_json=options.json)
    except GateError as error:
        text = error.caret_text if isinstance(error, PolicyError) else error.diagnostics()
        if options.json:
            print(json.dumps({"error": error.message, "how": error.how, **_place(error)}))
        print(text, file=sys.stderr)
        return ERROR


def _place(error: GateError) -> dict[str, object]:
    if isinstance(error, PolicyError):
        return {"line": error.line, "column": error.column}
    return {"path": error.path} if isinstance(error, FactsError) else {}


def _eval(policy_file: Path, facts_file: Path, *, as_json: bool) -> int:
    # `enforcement` says what a gate does with the verdict; here the verdict itself is asked for.
    policy = replace(_load(policy_file), enforcement="block", from_date=None)
    facts = parse_facts(_read(facts_file), partial=True)
    result = evaluate([policy], facts)
    verdict = result.policies[0].verdict if result.policies else "not_applicable"
    if as_json:
        rules = [{"id": r.id, "verdict": r.verdict, "message": r.message, "role": r.role or None} for r in result.rules]
        digests = {"facts_digest": facts.digest, "policy_digest": policy.digest}
        print(json.dumps({"verdict": verdict, "rules": rules, **digests}, ensure_ascii=False))
    else:
        print(f"{policy.name}: {verdict}")
        for rule in result.rules:
            print(f"  {rule.verdict:<14} {rule.id}: {rule.message}")
    return EXIT[verdict]


def _test(folder: Path) -> int:
    files = sorted(path for pattern in ("*.yaml", "*.yml") for path in folder.rglob(pattern))
    passed = failed = 0
    for path in files:
        try:
            policy = _load(path)
        except GateError as error:
            print(error.caret_text if isinstance(error, PolicyError) else error.diagnostics())
            failed += 1
            continue
        passed += sum(not one.problem for one in run_cases(policy))
        for problem in publish_problems(policy):
            print(problem.caret_text)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
