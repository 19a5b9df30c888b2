"""Which branches no case reaches."""

from __future__ import annotations

from governance.gates.coverage import Branch, coverage, unreached
from governance.gates.policy import load_policy
from tests.governance.gates.test_bad_policies import rule

ASKING = "    otherwise: {when: 'facts.card.approved', verdict: ask, role: legal}\n"
CASES = """tests:
  - {name: good, facts: {card: {complete: true}}, expect: pass}
  - {name: bad, facts: {card: {complete: false, approved: false}}, expect: fail}
"""


def test_each_branch_names_the_cases_that_reach_it() -> None:
    policy = load_policy(rule('"facts.card.complete"', more=ASKING + CASES))
    assert coverage(policy) == [
        Branch("one", "pass", ("good",)),
        Branch("one", "fail", ("bad",)),
        Branch("one", "ask", ()),
        Branch("one", "unknown", ()),
    ]
    (found,) = unreached(policy)
    assert (found.message, found.line, found.column) == ("No test reaches ask or unknown of rule 'one'.", 5, 9)
    assert "^" in found.caret_text


def test_what_cannot_be_reached_is_no_branch() -> None:
    always = load_policy(rule('"facts.card.complete"', more=ASKING.replace("facts.card.approved", "true")))
    assert [one.branch for one in coverage(always)] == ["pass", "ask", "unknown"]
    constant = load_policy(rule('"true"'))
    assert [one.branch for one in coverage(constant)] == ["pass", "fail"]
    waived = load_policy(rule('"!has(facts.card.complete)"', more="    unknownPasses: No card is needed here.\n"))
    assert [one.branch for one in coverage(waived)] == ["pass", "fail"]


def test_policy_whose_cases_reach_all_has_no_warning() -> None:
    more = CASES + "  - {name: nothing, facts: {}, expect: unknown}\n"
    assert unreached(load_policy(rule('"facts.card.complete"', more=more))) == []
