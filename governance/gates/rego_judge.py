"""What the rules of a policy that an OPA server answers say in a decision: judged from the recorded answers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.gates.document import Rule
from governance.gates.judge import MAX_MESSAGE, Plan, Said, before_the_rules
from governance.gates.reads import Reads
from governance.gates.rego import OddAnswer, RegoPolicy, read_reply, verdicts_of

# The rule that stands for the whole where there is no answer to judge.
ANSWER = "server-answer"


def to_ask(plans: Sequence[Plan]) -> list[RegoPolicy]:
    """The policies whose servers must be asked: those that apply, so far as their settings can be told."""
    return [one.policy for one in plans if isinstance(one.policy, RegoPolicy) and before_the_rules(one) is None]


def recorded(policy: RegoPolicy, record: object, facts_digest: str) -> dict[str, Any]:
    """What a decision keeps of the questions to the server, in its one form.

    record: {facts_digest, policy_digest, must_deny, answer}, each of the last two {result, revision} or {problem}.
    Whatever does not hold, in a record from outside too, becomes a problem: it never becomes an answer.
    """
    found: dict[str, Any] = {
        "server": policy.opa.server,
        "path": policy.opa.path,
        "policy_digest": policy.digest,
        "facts_digest": facts_digest,
    }
    if not isinstance(record, Mapping):
        return found | {"problem": f"The policy needs the OPA server {policy.opa.server}, which was not asked."}
    if isinstance(record.get("problem"), str) and record["problem"]:
        return found | {"problem": record["problem"][:MAX_MESSAGE]}
    if record.get("policy_digest") != policy.digest:
        return found | {"problem": f"The OPA server {policy.opa.server} was asked for another text of the policy."}
    if record.get("facts_digest") != facts_digest:
        return found | {"problem": f"The OPA server {policy.opa.server} was asked about other facts."}
    found["must_deny"] = _reply(record.get("must_deny"))
    if "answer" in record:
        found["answer"] = _reply(record["answer"])
    return found


def _reply(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {"problem": "is not there"}
    if isinstance(value.get("problem"), str) and value["problem"]:
        return {"problem": value["problem"][:MAX_MESSAGE]}
    try:
        return read_reply(value.get("result"), value.get("revision")).document()
    except OddAnswer as error:
        return {"problem": str(error)}


def rules_of(plan: Plan, record: Mapping[str, Any]) -> Iterator[tuple[Rule, Said]]:
    """Each rule that the server checked with what it says; one rule that is unknown where there is no good answer."""
    policy = plan.policy
    assert isinstance(policy, RegoPolicy)
    same = before_the_rules(plan)
    problem = "" if same is not None else problem_of(policy, record)
    if same is not None or problem:
        yield _rule(ANSWER, "The OPA server answers"), same or Said("unknown", problem[:MAX_MESSAGE])
        return
    for one in verdicts_of(record["answer"]["result"]):
        rule = _rule(one.rule, one.rule.replace("-", " ").capitalize())
        yield rule, Said(one.verdict, one.message[:MAX_MESSAGE] or rule.title, one.role)


def problem_of(policy: RegoPolicy, record: Mapping[str, Any]) -> str:
    """Why the recorded answers cannot be relied on; empty where they can."""
    if "problem" in record:
        return str(record["problem"])
    server, case = policy.opa.server, record["must_deny"]
    if problem := must_deny_problem(server, case):
        return problem
    answer = record.get("answer", {"problem": "is not there"})
    if "problem" in answer:
        return f"The OPA server {server} has no answer that counts: it {answer['problem']}."
    if answer["revision"] != case["revision"]:
        return f"The OPA server {server} took another bundle between the must-deny case and the question."
    return ""


def must_deny_problem(server: str, reply: Mapping[str, Any]) -> str:
    """Why the answer to the must-deny case does not show that the server denies; empty where it does."""
    if "problem" in reply:
        return f"The OPA server {server} has no answer to the must-deny case that counts: it {reply['problem']}."
    if not any(one.verdict == "fail" for one in verdicts_of(reply["result"])):
        return f"The OPA server {server} does not deny the case that it must deny: its answers do not count."
    return ""


def revisions(external: Mapping[str, Any]) -> dict[str, Any]:
    """By policy, the bundles that answered; None where there is no answer."""
    return {name: one.get("answer", {}).get("revision") for name, one in external.items()}


def _rule(name: str, title: str) -> Rule:
    return Rule(name, title, "", "", None, (), "", "", Reads())
