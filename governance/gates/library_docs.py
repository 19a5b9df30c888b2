"""The library as a reference page in Markdown, made from its files: `python -m governance.gates.library_docs`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from governance.gates import library
from governance.gates.document import Policy, Rule
from governance.gates.library import Entry, Framework, Template

_HEAD = """# The policy library

Policies and policy sets to begin with. Each is a file below `governance/library`, with the tests that show each way
it can end. How a policy is written, and what each verdict means, is in [policies.md](policies.md); every fact is in
[facts.md](facts.md).

Install one on the page of the library, or copy its file into your Git folder. It becomes a draft of your house: set
its parameters, let its tests and the back-test run, and have its owner approve it. When a newer version of Gatehouse
brings another text of it, its page says in words what would change: rules, messages, controls, parameters, tests. Give
your values in a policy set rather than in the text of the policy; then an upgrade leaves them as they are.

Limits in the defaults are a beginning, not the law. Which of them your house chooses, and why, is for the owner of the
policy to say; put the reason into the set that gives the value.

What is not known blocks. So look at "how it comes to be known" before you set a policy to `block`: begin with
`advisory`, or with `{mode: block, from: "2027-01-01"}`, and see on the page of the facts what is missing.
"""
_CONTROLS = """## Controls

What rules name under `controls`. The words are ours and short; they are a map and not the text, and no legal advice.
Which of these bind your house, and from when, is for your house to say. The list is in `governance/gates/controls.yaml`
and was last looked through on {checked}.
"""
_TEMPLATES = """## Templates

A template is a policy set: it names policies of the library and gives them parameters. Install the policies it names,
then the set, and choose its scope: the organisation, a team or a model. Two sets of one level that give one parameter
different values are in conflict, and the policy is unknown until one of them is changed; so take one template for the
organisation and scope others to teams or models. What is locked cannot be changed by a narrower set.
"""


def library_markdown() -> str:
    """The whole page."""
    parts = [_HEAD, "## Policies", "", *_overview(library.entries()), ""]
    for entry in library.entries():
        parts += _policy(entry)
    parts += [
        _TEMPLATES,
        *_table(
            ("template", "what it is for"), ((f"[{t.title}](#{t.name})", t.description) for t in library.templates())
        ),
        "",
    ]
    for template in library.templates():
        parts += _template(template)
    parts += [_CONTROLS.format(checked=library.controls_checked())]
    for framework in library.frameworks():
        parts += _framework(framework)
    return "\n".join(parts).rstrip() + "\n"


def _overview(entries: Iterable[Entry]) -> list[str]:
    return _table(
        ("policy", "owner", "what it asks"),
        ((f"[{one.name}](#{one.name})", one.owner, one.description) for one in entries),
    )


def _policy(entry: Entry) -> Iterator[str]:
    policy = entry.policy
    yield from (f"### {entry.name}", "", f"**{entry.title}.** {entry.description}", "")
    yield f"For {_applies(policy)}. Owner: {entry.owner}. To be reviewed by {entry.review_by}.{_approvals(policy)}"
    if policy.freshness:
        limits = ", ".join(f"`{name}` {days} days" for name, days in policy.freshness.items())
        yield f"Older than this is not known: {limits}."
    yield from (
        "",
        *_table(("rule", "what must hold", "or else", "controls"), (_rule(one) for one in policy.rules)),
        "",
    )
    passes = [(one.id, one.empty_passes or one.unknown_passes) for one in policy.rules]
    for name, reason in passes:
        if reason:
            yield f"- `{name}` also passes over an empty list: {reason}"
    if any(reason for _, reason in passes):
        yield ""
    if entry.params:
        rows = ((f"`{one.name}`", one.type, f"`{_value(one.default)}`", one.description) for one in entry.params)
        yield from (*_table(("parameter", "type", "default", "meaning"), rows), "")
    needs = ((f"`{one.section}`", ", ".join(f"`{path}`" for path in one.paths), one.how) for one in entry.needs)
    yield from (*_table(("facts", "fields", "how they come to be known"), needs), "")


def _rule(rule: Rule) -> tuple[str, ...]:
    other = "fails"
    if rule.otherwise is not None:
        other = f"asks {rule.otherwise.role}"
        other += "" if rule.otherwise.when.strip() == "true" else ", or fails"
    return f"`{rule.id}`", rule.title, other, ", ".join(f"`{name}`" for name in rule.controls)


def _applies(policy: Policy) -> str:
    words = {"riskTier": "risk tier", "affectsLegalOrSafety": "affects rights or safety"}
    found = [f"{words.get(name, name)} {_or(values)}" for name, values in policy.applies_to.items()]
    return " and ".join(found) if found else "every release"


def _approvals(policy: Policy) -> str:
    return f" Always to be approved by: {'; '.join(map(str, policy.approvals))}." if policy.approvals else ""


def _or(values: Iterable[Any]) -> str:
    return " or ".join(str(value).lower() for value in values)


def _template(template: Template) -> Iterator[str]:
    found = template.set
    applies = "; ".join(f"{name} {_or(values)}" for name, values in found.applies_to.items())
    yield from (f"### {template.name}", "", f"**{template.title}.** {template.description}", "")
    yield f"For {applies}. Owner: {template.owner}. To be reviewed by {template.review_by}."
    yield ""
    rows = (
        (
            f"[{one.policy}](#{one.policy})",
            ", ".join(f"`{name}: {_value(value)}`" for name, value in one.params.items()),
            " ".join(filter(None, (one.mode, "locked" if one.locked else ""))),
            one.reason,
        )
        for one in found.entries
    )
    yield from (*_table(("policy", "parameters", "enforcement", "reason"), rows), "")


def _framework(framework: Framework) -> Iterator[str]:
    newer = next((one.name for one in library.frameworks() if one.id == framework.superseded_by), "")
    yield from (f"### {framework.name}", "", f"{framework.title}. Version {framework.version}, {framework.sort}.", "")
    if newer:
        yield from (f"Superseded by {newer}; kept for what was decided under it.", "")
    if framework.note:
        yield from (framework.note, "")
    rules = _rules_by_control()
    rows = ((f"`{one.id}`", one.clause, one.title, ", ".join(rules.get(one.id, ()))) for one in framework.controls)
    yield from (*_table(("control", "clause", "what it asks for", "policies that serve it"), rows), "")


def _rules_by_control() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in library.entries():
        for one in entry.controls:
            found.setdefault(one.id, []).append(entry.name)
    return found


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]


if __name__ == "__main__":
    sys.stdout.write(library_markdown())
