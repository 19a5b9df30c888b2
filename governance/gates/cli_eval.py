"""`gatehouse policy eval`: policies over one facts document."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from governance.gates.cases import publish_problems, run_cases
from governance.gates.cli_common import caret, clean, in_file, load, one_line, told, without_review
from governance.gates.coverage import unreached
from governance.gates.document import Param
from governance.gates.errors import GateError, PolicyError
from governance.gates.evaluate import Result, evaluate, worst
from governance.gates.facts import MAX_BYTES, Facts, parse_facts
from governance.gates.formats import as_junit, as_markdown, as_sarif
from governance.gates.placed import layout
from governance.gates.policy import Policy
from governance.gates.sets import PolicySet, set_problems
from governance.gates.trace import Step, trace

EXIT = {"pass": 0, "fail": 1, "ask": 2, "unknown": 3, "not_applicable": 5}


def run(options: argparse.Namespace) -> int:
    """Exit 0 pass, 1 fail, 2 ask, 3 unknown, 4 a policy or facts error, 5 not applicable."""
    policies = [_policy(path) for path in options.policy]
    if len({policy.name for policy in policies}) != len(policies):
        raise GateError("Two of the policies have the same name.", how="Give each once.")
    sets = [_set(path) for path in options.sets]
    facts = _facts(options.facts)
    params = _params(options.params, policies)
    # `enforcement` says what a gate does with the verdict; here the verdict itself is asked for.
    asked = [replace(policy, enforcement="block", from_date=None) for policy in policies]
    result = evaluate(asked, facts, sets=sets, params=params)
    verdict = worst([one.verdict for one in result.policies])
    warnings = list(_warnings(zip(policies, options.policy, strict=True), zip(sets, options.sets, strict=True)))
    steps = _trace(options.trace, policies, facts, result) if options.trace else None
    document = {**result.document(), "verdict": verdict}
    if options.format == "json":
        print(json.dumps(_told(result, verdict, policies, warnings, steps), ensure_ascii=False))
    elif options.format == "junit":
        print(as_junit(document, "gatehouse policy eval"), end="")
    elif options.format == "sarif":
        print(json.dumps(as_sarif(document, places=_places(policies, options.policy)), ensure_ascii=False, indent=2))
    elif options.format == "markdown":
        print(as_markdown(document), end="")
    else:
        _print(result, verdict, steps)
    if options.format != "json":
        for warning in warnings:
            print(f"warning: {clean(caret(warning))}", file=sys.stderr)
    return EXIT[verdict]


def _policy(path: Path) -> Policy:
    found = load(path)
    if not isinstance(found, Policy):
        raise GateError(f"{path} is a policy set.", how="Name it with --set, and the policies with --policy.")
    return found


def _set(path: Path) -> PolicySet:
    found = load(path)
    if not isinstance(found, PolicySet):
        raise GateError(f"{path} is a policy.", how="Name it with --policy, and sets with --set.")
    return found


def _facts(path: Path) -> Facts:
    if str(path) != "-":
        try:
            data = path.read_bytes() if path.stat().st_size <= 4 * MAX_BYTES else b" " * (4 * MAX_BYTES + 1)
        except OSError as error:
            raise GateError(f"{path} cannot be read: {error}", how="Give a JSON file.") from error
        return parse_facts(data, partial=True)
    return parse_facts(sys.stdin.buffer.read(4 * MAX_BYTES + 1), partial=True)


def _params(given: Iterable[str], policies: Sequence[Policy]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        left, sign, value = text.partition("=")
        prefix, colon, name = left.rpartition(":")
        meant = [policy for policy in policies if (policy.name == prefix if colon else name in policy.params)]
        if not sign or len(meant) != 1 or name not in meant[0].params:
            known = ", ".join(f"{policy.name}:{param}" for policy in policies for param in policy.params) or "none"
            raise GateError(f"--params {text!r} names no parameter.", how=f"Write NAME=VALUE. There are: {known}.")
        found.setdefault(meant[0].name, {})[name] = _value(meant[0].params[name], value)
    return found


def _value(param: Param, text: str) -> Any:
    try:
        if param.type == "int":
            return int(text)
        if param.type == "double":
            number = float(text)
            if math.isfinite(number):
                return number
        if param.type == "bool" and text in ("true", "false"):
            return text == "true"
        if param.type == "string":
            return text
    except ValueError:
        pass
    raise GateError(f"The parameter {param.name!r} is {text!r}, which is no {param.type}.", how=f"Give a {param.type}.")


def _warnings(policies: Iterable[tuple[Policy, Path]], sets: Iterable[tuple[PolicySet, Path]]) -> Iterator[PolicyError]:
    """What would refuse publication, and what the tests leave out; none of it counts here."""
    known = []
    for policy, path in policies:
        known.append(policy)
        if policy.tests:
            outcomes = run_cases(policy)
            found = [*publish_problems(policy, outcomes), *unreached(policy, outcomes)]
        else:
            how = "Evaluating needs none; publishing needs cases that pass, fail and are unknown."
            found = [PolicyError("The policy has no tests.", line=1, column=1, filename=policy.name, how=how)]
        yield from (*(in_file(one, path) for one in found), *without_review(policy, path))
    for one_set, path in sets:
        yield from (in_file(one, path) for one in set_problems(one_set, known))
        yield from without_review(one_set, path)


def _trace(rule: str, policies: Sequence[Policy], facts: Facts, result: Result) -> list[tuple[str, Step]]:
    """(part, step) of the rule's require, and of its otherwise where that was asked."""
    prefix, slash, name = rule.rpartition("/")
    meant = [
        (policy, one)
        for policy in policies
        for one in policy.rules
        if one.id == name and (not slash or policy.name == prefix)
    ]
    if len(meant) != 1:
        known = ", ".join(f"{policy.name}/{one.id}" for policy in policies for one in policy.rules)
        raise GateError(f"{rule!r} names no rule.", how=f"One of: {known}.")
    policy, found = meant[0]
    parts = ["require", *(["otherwise"] if found.otherwise is not None else [])]
    params = result.params.get(policy.name)
    return [(part, step) for part in parts for step in trace(policy, name, facts, params, part=part)]


def _told(
    result: Result,
    verdict: str,
    policies: Sequence[Policy],
    warnings: Sequence[PolicyError],
    steps: Sequence[tuple[str, Step]] | None,
) -> dict[str, Any]:
    several = len(policies) > 1
    rules: list[dict[str, Any]] = [
        ({"policy": one.policy} if several else {})
        | dict[str, Any](id=one.id, verdict=one.verdict, message=one.message, role=one.role or None)
        for one in result.rules
    ]
    found: dict[str, Any] = {"verdict": verdict, "rules": rules, "facts_digest": result.facts_digest}
    if several:
        verdicts = {one.name: one.verdict for one in result.policies}
        found["policies"] = [
            {"name": one.name, "verdict": verdicts.get(one.name, "not_applicable"), "policy_digest": one.digest}
            for one in policies
        ]
    else:
        found["policy_digest"] = policies[0].digest
    found["warnings"] = [told(one) for one in warnings]
    if steps is not None:
        found["trace"] = [{"part": part, **asdict(step)} for part, step in steps]
    return found


def _print(result: Result, verdict: str, steps: Sequence[tuple[str, Step]] | None) -> None:
    verdicts = [(one.name, one.verdict) for one in result.policies] or [("No policy applies", verdict)]
    for name, said in verdicts:
        print(f"{name}: {said}")
        for rule in result.rules:
            if rule.policy == name:
                print(f"  {rule.verdict:<14} {rule.id}: {one_line(rule.message)}")
    for part, step in steps or []:
        shown = json.dumps(step.value, ensure_ascii=False)[:200] if step.known else f"not known: {step.value}"
        row = f"  [{one_line(step.row)}]" if step.row else ""
        print(f"  {part:<9} {'  ' * step.depth}{one_line(step.text)}  →  {one_line(shown)}{row}")


def _places(policies: Sequence[Policy], paths: Sequence[Path]) -> dict[str, tuple[str, int]]:
    """Where each rule stands: a relative path stays relative, as the readers of SARIF want it."""
    found: dict[str, tuple[str, int]] = {}
    for policy, path in zip(policies, paths, strict=True):
        uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
        place = layout(policy)
        for rule in policy.rules:
            found[f"{policy.name}/{rule.id}"] = (uri, place.rule(rule.id).line)
    return found
