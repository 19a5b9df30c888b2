"""A policy of the library with the house's own defaults, and a newer text that keeps what the house chose.

The text stays as it is, comments and all; only defaults change. A test that counted on a former default says so
afterwards under `params`, or every test at a limit would fail the moment the limit is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from governance.gates.document import Policy
from governance.gates.errors import GateError
from governance.gates.policy import load_policy
from governance.gates.sets import PolicySet, load_any

_Edit = tuple[int, int, str]


def with_params(source: str, values: Mapping[str, Any]) -> str:
    """The policy's text with these defaults. Raises PolicyError for the text, GateError for a value it cannot take."""
    policy = load_policy(source)
    typed = policy.values(values)
    changed = {name: typed[name] for name in values if typed[name] != policy.params[name].default}
    if not changed:
        return source
    text = source
    for start, end, new in sorted(_edits(policy, changed), reverse=True):
        text = text[:start] + new + text[end:]
    load_policy(text)
    return text


def upgraded(installed: str, newest: str) -> tuple[str, list[str]]:
    """The newest text with what the house chose in the installed one, and a sentence for each thing that is not kept.

    Of a policy its defaults are kept, of a set its scope. Raises PolicyError where one of the texts is neither.
    """
    old, new = load_any(installed), load_any(newest)
    if isinstance(old, PolicySet) and isinstance(new, PolicySet):
        return _with_scope(newest, old.scope), _entries_lost(old, new)
    if isinstance(old, PolicySet) or isinstance(new, PolicySet):
        return newest, [f"{old.name} was another kind of document; nothing of it is kept."]
    kept: dict[str, Any] = {}
    lost: list[str] = []
    for param in old.params.values():
        try:
            kept[param.name] = new.values({param.name: param.default})[param.name]
        except GateError as error:
            lost.append(f"{param.name} was {_written(param.default)} and is not kept: {error.message}")
    return with_params(newest, kept), lost


def _with_scope(source: str, scope: tuple[str, str]) -> str:
    kind, name = scope
    node = _of(yaml.compose(source, Loader=yaml.SafeLoader), "scope")
    value = _written(name) if name else "true"
    # A mapping in block style ends where the next line begins.
    end = "" if node.flow_style else "\n"
    text = f"{source[: node.start_mark.index]}{{{kind}: {value}}}{end}{source[node.end_mark.index :]}"
    return load_any(text).source


def _entries_lost(old: PolicySet, new: PolicySet) -> list[str]:
    there = {one.policy: one for one in new.entries}
    return [
        f"{one.policy} was set to {', '.join(f'{name} {_written(value)}' for name, value in one.params.items())}"
        f" and is not kept."
        for one in old.entries
        if one.params and dict(there[one.policy].params if one.policy in there else {}) != dict(one.params)
    ]


def _edits(policy: Policy, changed: Mapping[str, Any]) -> Iterator[_Edit]:
    root = yaml.compose(policy.source, Loader=yaml.SafeLoader)
    params = _of(root, "params")
    for name, value in changed.items():
        node = _of(_of(params, name), "default")
        yield node.start_mark.index, node.end_mark.index, _written(value)
    former = {name: policy.params[name].default for name in changed}
    tests = _of(root, "tests")
    for case in tests.value if tests is not None else []:
        yield from _in_case(case, former)


def _in_case(case: Any, former: Mapping[str, Any]) -> Iterator[_Edit]:
    """Say in the case what it counted on, unless it gives the parameter itself."""
    given = _of(case, "params")
    names = {key.value for key, _ in given.value} if given is not None else set()
    words = [f"{name}: {_written(value)}" for name, value in former.items() if name not in names]
    if not words:
        return
    if given is None:
        first = case.value[0][0].start_mark
        yield first.index, first.index, f"params: {{{', '.join(words)}}}{_after(case, first.column)}"
    elif given.flow_style:
        inside = given.start_mark.index + 1
        yield inside, inside, ", ".join(words) + (", " if given.value else "")
    else:
        first = given.value[0][0].start_mark
        yield first.index, first.index, "".join(f"{word}{_after(given, first.column)}" for word in words)


def _after(node: Any, column: int) -> str:
    return ", " if node.flow_style else "\n" + " " * column


def _of(node: Any, name: str) -> Any:
    if node is None:
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _written(value: Any) -> str:
    # A double written as 1e-07 is no plain decimal number to the reader of policies.
    if isinstance(value, float):
        return f"{value:.20f}".rstrip("0") + "0" if "e" in repr(value) else repr(value)
    return json.dumps(value, ensure_ascii=False)
