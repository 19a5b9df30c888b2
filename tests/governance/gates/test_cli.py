"""`gatehouse policy` as a person or a pipeline runs it: what it prints, and the exit code."""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from governance.gates.cli import main
from governance.gates.diff import differences
from governance.gates.evaluate import evaluate
from governance.gates.facts import canonical_bytes, read_facts
from governance.gates.policy import load_policy
from governance.gates.sets import load_set
from tests.governance.gates.test_bad_policies import HEAD, rule

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]

RATIO = rule(
    '"facts.bias.all(b, b.ratio >= params.floor)"',
    more="params: {floor: {type: double, default: 0.8}, n: {type: int, default: 3}, on: {type: bool, default: true}}\n",
)
CASES = """tests:
  - {name: good, facts: {bias: [{ratio: 0.8}]}, expect: pass}
  - {name: bad, facts: {bias: [{ratio: 0.795}, {ratio: 0.9}]}, expect: fail}
  - {name: unknown, facts: {bias: []}, expect: unknown}
"""
TESTED = rule(
    '"facts.bias.all(b, b.ratio >= params.floor)"', more="params: {floor: {type: double, default: 0.8}}\n" + CASES
)
TESTED = TESTED.replace("A policy.}", 'A policy., reviewBy: "2099-01-01"}')
TWO = rule('"facts.card.complete"').replace("name: p,", "name: q,")
FACTS = {"bias": [{"attribute": "sex", "group": "F", "ratio": 0.82}]}
SET = """apiVersion: gatehouse/v1
kind: PolicySet
metadata: {name: strict, owner: risk, description: A set., reviewBy: "2027-06-30"}
scope: {organisation: true}
policies:
  - {policy: p, params: {floor: 0.9}, reason: The house is strict.}
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def carry_out(*arguments: object) -> tuple[int, str, str]:
        code = main([str(one) for one in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return carry_out


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(RATIO)
    (tmp_path / "f.json").write_text(json.dumps(FACTS))
    (tmp_path / "set.yaml").write_text(SET)
    return tmp_path


# ---------------------------------------------------------------------- eval
def test_eval_prints_the_shape_that_pipelines_read(run: Run, place: Path) -> None:
    code, out, err = run("eval", "--policy", place / "p.yaml", "--facts", place / "f.json", "--json")
    said = json.loads(out)
    assert (code, said["verdict"], err) == (0, "pass", "")
    assert said["rules"] == [{"id": "one", "verdict": "pass", "message": "One", "role": None}]
    assert said["policy_digest"] == load_policy(RATIO).digest
    assert said["facts_digest"] == read_facts(FACTS, partial=True).digest
    assert [one["message"] for one in said["warnings"]] == ["The policy has no tests.", "It has no review date."]


def test_eval_warns_of_what_would_refuse_publication(run: Run, place: Path) -> None:
    more = "tests:\n  - {name: t, facts: {bias: [{ratio: 0.9}]}, expect: fail}\n"
    (place / "p.yaml").write_text(RATIO + more)
    code, out, err = run("eval", "--policy", place / "p.yaml", "--facts", place / "f.json")
    assert (code, out.split("\n")[0]) == (0, "p: pass")
    assert f"warning: {place / 'p.yaml'}:10:1: Test 't': policy is pass, not fail." in err
    assert f"{place / 'p.yaml'}:5:9: No test reaches fail or unknown of rule 'one'." in err


@pytest.mark.parametrize(("given", "code"), [("floor=0.83", 1), ("p:floor=0.83", 1), ("floor=0.82", 0), ("n=4", 0)])
def test_eval_takes_parameters(run: Run, place: Path, given: str, code: int) -> None:
    assert run("eval", "--policy", place / "p.yaml", "--facts", place / "f.json", "--params", given)[0] == code


@pytest.mark.parametrize("given", ["floor", "floors=1", "q:floor=1", "floor=nan", "floor=x", "n=1.5", "on=yes", "=1"])
def test_eval_refuses_a_wrong_parameter(run: Run, place: Path, given: str) -> None:
    code, _, err = run("eval", "--policy", place / "p.yaml", "--facts", place / "f.json", "--params", given)
    assert code == 4
    assert "Traceback" not in err
    assert given.partition("=")[0].rpartition(":")[2] in err


def test_eval_with_a_set(run: Run, place: Path) -> None:
    given = ("eval", "--policy", place / "p.yaml", "--facts", place / "f.json")
    assert run(*given, "--set", place / "set.yaml")[0] == 1
    assert run(*given, "--set", place / "set.yaml", "--params", "floor=0.5")[0] == 0
    (place / "set.yaml").write_text(SET.replace("params: {floor: 0.9}", 'enforcement: {mode: "off"}'))
    assert run(*given, "--set", place / "set.yaml")[0] == 5
    code, _, err = run(*given, "--set", place / "p.yaml")
    assert (code, "is a policy" in err) == (4, True)
    code, _, err = run("eval", "--policy", place / "set.yaml", "--facts", place / "f.json")
    assert (code, "is a policy set" in err) == (4, True)


def test_eval_over_several_policies_names_each(run: Run, place: Path) -> None:
    (place / "q.yaml").write_text(rule('"facts.card.complete"').replace("name: p,", "name: q,"))
    both = ("--policy", place / "p.yaml", "--policy", place / "q.yaml", "--facts", place / "f.json")
    code, out, _ = run("eval", *both, "--json")
    said = json.loads(out)
    assert (code, said["verdict"]) == (3, "unknown")
    assert [(one["policy"], one["verdict"]) for one in said["rules"]] == [("p", "pass"), ("q", "unknown")]
    assert [(one["name"], one["verdict"]) for one in said["policies"]] == [("p", "pass"), ("q", "unknown")]
    twice = ("--policy", place / "p.yaml", "--policy", place / "p.yaml", "--facts", place / "f.json")
    assert run("eval", *twice)[0] == 4


def test_eval_traces_a_rule(run: Run, place: Path) -> None:
    given = ("eval", "--policy", place / "p.yaml", "--facts", place / "f.json")
    code, out, _ = run(*given, "--trace", "one")
    assert code == 0
    assert "b.ratio >= params.floor  →  true" in out
    said = json.loads(run(*given, "--trace", "p/one", "--json")[1])
    assert {"part", "start", "end", "text", "value", "known", "depth", "row"} == set(said["trace"][0])
    code, _, err = run(*given, "--trace", "two")
    assert (code, "One of: p/one." in err) == (4, True)


def test_what_a_terminal_or_a_pipeline_would_obey_is_shown(run: Run, place: Path) -> None:
    (place / "p.yaml").write_text(rule('"facts.card.complete"', message='"facts.model.risk_tier"'))
    hostile = "\x1b[2Jred\n::error::\u202egone"
    (place / "f.json").write_text(json.dumps({"card": {"complete": False}, "model": {"risk_tier": hostile}}))
    out = run("eval", "--policy", place / "p.yaml", "--facts", place / "f.json")[1]
    assert out == "p: fail\n  fail           one: \\x1b[2Jred ::error::\\x202egone\n"


def test_eval_in_every_format(run: Run, place: Path) -> None:
    given = ("eval", "--policy", place / "p.yaml", "--facts", place / "f.json", "--params", "floor=0.9", "--format")
    assert ET.fromstring(run(*given, "junit")[1]).get("failures") == "1"
    sarif = json.loads(run(*given, "sarif")[1])
    (result,) = sarif["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 5}
    assert "| **fail** | p/one | no |" in run(*given, "markdown")[1]
    assert run(*given, "text")[1].startswith("p: fail\n")


def test_eval_reads_facts_from_standard_input(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(FACTS).encode())))
    assert run("eval", "--policy", place / "p.yaml", "--facts", "-")[0] == 0


@pytest.mark.parametrize(
    ("policy", "facts", "says"),
    [
        (rule('"has(facts.card.complete)"'), b"{}", "6:15"),
        (rule('"facts.baias.all(b, true)"'), b"{}", "6:20"),
        (RATIO, b'{"bias": [{"ratio": "0.9"}]}', "bias[0].ratio"),
        (RATIO, b"\xff\xfe", "not UTF-8"),
        (RATIO, b" " * (5 * 1024 * 1024), "bytes"),
        (RATIO, None, "cannot be read"),
        (None, b"{}", "cannot be read"),
        (b"\xff", b"{}", "cannot be read"),
        ("x" * (2 * 1024 * 1024), b"{}", "larger than"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_eval_error_is_four_with_its_place(
    run: Run, tmp_path: Path, policy: Any, facts: bytes | None, says: str, form: str
) -> None:
    if policy is not None:
        (tmp_path / "p.yaml").write_bytes(policy.encode() if isinstance(policy, str) else policy)
    if facts is not None:
        (tmp_path / "f.json").write_bytes(facts)
    code, out, err = run("eval", "--policy", tmp_path / "p.yaml", "--facts", tmp_path / "f.json", "--format", form)
    assert code == 4
    assert says in err
    if form == "json":
        said = json.loads(out)
        assert said["error"]
        assert ":".join(str(said.get(key, "")) for key in ("line", "column")) == says or ":" not in says


# ---------------------------------------------------------------------- test
def test_test_reports_every_file_and_fails_on_the_bad_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TESTED)
    assert run("test", tmp_path)[:2] == (0, "3 passed, 0 failed\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.yml").write_text(
        TESTED.replace("name: p,", "name: q,").replace("expect: pass", "expect: fail")
    )
    code, out, _ = run("test", tmp_path)
    assert code == 1
    assert f"{tmp_path / 'deep' / 'b.yml'}:10:1: Test 'good': policy is pass, not fail." in out
    (tmp_path / "c.yaml").write_text("rules: [")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.yaml").write_text("rules: [")
    code, out, _ = run("test", tmp_path)
    assert (code, f"{tmp_path / 'c.yaml'}:1:" in out, ".git" in out) == (4, True, False)


def test_no_policy_found_is_an_error(run: Run, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        code, _, err = run("test", folder)
        assert (code, str(folder) in err) == (4, True)


def test_two_files_of_one_policy_are_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TESTED)
    (tmp_path / "b.yaml").write_text(TESTED)
    code, out, _ = run("test", tmp_path)
    assert (code, f"b.yaml:1:1: The policy p is also in {tmp_path / 'a.yaml'}." in out) == (4, True)


def test_set_is_checked_against_the_policies_beside_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TESTED)
    (tmp_path / "set.yaml").write_text(SET)
    assert run("test", tmp_path)[0] == 0
    (tmp_path / "set.yaml").write_text(SET.replace("floor", "flor"))
    code, out, _ = run("test", tmp_path)
    assert (code, f"{tmp_path / 'set.yaml'}:6:" in out) == (1, True)


def test_coverage_warns_unless_it_is_required(run: Run, tmp_path: Path) -> None:
    more = "    otherwise: {when: 'facts.card.approved', verdict: ask, role: legal}\n"
    text = rule('"facts.card.complete"', more=more)
    text += "tests:\n  - {name: a, facts: {card: {complete: true}}, expect: pass}\n"
    text += "  - {name: b, facts: {card: {complete: false, approved: false}}, expect: fail}\n"
    text += "  - {name: c, facts: {}, expect: unknown}\n"
    (tmp_path / "a.yaml").write_text(text)
    code, out, _ = run("test", tmp_path)
    assert code == 0
    assert "warning: no case reaches every branch" in out
    assert [line.split() for line in out.split("\n") if line.startswith("  one")] == [["one", "1", "1", "none", "1"]]
    code, out, _ = run("test", tmp_path, "--require-coverage", "--junit", tmp_path / "out.xml")
    assert (code, "error: no case reaches every branch" in out) == (1, True)
    failure = ET.parse(tmp_path / "out.xml").find(".//failure")
    assert failure is not None
    assert "No test reaches ask of rule 'one'." in str(failure.text)


def test_mutation_names_what_no_case_notices(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TESTED)
    code, out, _ = run("test", tmp_path, "--mutation", "--junit", tmp_path / "out.xml")
    assert (code, out) == (0, "5 of 5 changes noticed\n3 passed, 0 failed\n")
    assert ET.parse(tmp_path / "out.xml").getroot().get("tests") == "5"
    (tmp_path / "a.yaml").write_text(TESTED.replace("ratio: 0.8}", "ratio: 0.81}"))
    code, out, _ = run("test", tmp_path, "--mutation", "--json")
    said = json.loads(out)
    missed = [one for one in said["policies"][0]["mutants"] if not one["noticed"]]
    assert code == 1
    assert [(one["line"], one["column"], one["became"]) for one in missed] == [(6, 41, ">"), (8, 41, "0.808")]


def test_junit_of_a_broken_file_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rules: [")
    assert run("test", tmp_path, "--junit", tmp_path / "out.xml")[0] == 4
    assert ET.parse(tmp_path / "out.xml").getroot().get("errors") == "1"
    assert run("test", tmp_path, "--junit", tmp_path)[0] == 4


def test_tests_of_one_policy_take_less_than_a_fifth_of_a_second(run: Run, tmp_path: Path) -> None:
    shutil.copy(ROOT / "governance" / "library" / "disparate-impact.yaml", tmp_path)
    run("test", tmp_path)
    times = []
    for _ in range(5):
        # Of this process alone: what else the machine does is not the policy's.
        start = time.process_time()
        run("test", tmp_path)
        times.append(time.process_time() - start)
    assert min(times) < 0.2


# ---------------------------------------------------------------------- diff
def test_diff_says_in_words_what_changed(run: Run, tmp_path: Path) -> None:
    new = RATIO.replace("default: 0.8", "default: 0.85").replace("owner: risk", "owner: legal")
    new = new.replace("n: {type: int, default: 3}, ", "").replace("b.ratio >=", "b.ratio_lower >=")
    new += 'enforcement: {mode: block, from: "2027-01-01"}\nappliesTo: {riskTier: [high]}\n'
    new = new.replace("rules:\n", "rules:\n  - {id: two, require: 'true', message: \"'x'\", title: A new one}\n")
    (tmp_path / "a.yaml").write_text(RATIO)
    (tmp_path / "b.yaml").write_text(new)
    code, out, err = run("diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "Policy's owner: risk → legal.",
        "Applies to riskTier is new: high.",
        "Parameter floor: default: 0.8 → 0.85.",
        "Parameter n is gone: type int, default 3.",
        "Rule one: require: facts.bias.all(b, b.ratio >= params.floor) → "
        "facts.bias.all(b, b.ratio_lower >= params.floor).",
        "Rule two is new: A new one.",
        "Enforcement: block → block from 2027-01-01.",
    ]
    assert run("diff", tmp_path / "a.yaml", tmp_path / "a.yaml")[:2] == (0, "Nothing changed.\n")
    said = json.loads(run("diff", tmp_path / "a.yaml", tmp_path / "b.yaml", "--json")[1])
    first = {"policy": "", "kind": "changed", "what": "Policy's owner", "was": "risk", "became": "legal"}
    assert said["changes"][0] == first


def test_diff_of_folders(run: Run, tmp_path: Path) -> None:
    for name, files in (("old", {"a": RATIO, "set": SET}), ("new", {"b": RATIO.replace("0.8", "0.7"), "q": TWO})):
        (tmp_path / name).mkdir()
        for stem, text in files.items():
            (tmp_path / name / f"{stem}.yaml").write_text(text)
    code, out, _ = run("diff", tmp_path / "old", tmp_path / "new")
    assert code == 1
    assert out.splitlines() == [
        "policy p: Parameter floor: default: 0.8 → 0.7.",
        "policy q: The file is new.",
        "set strict: The file is gone.",
    ]
    assert run("diff", tmp_path / "old", tmp_path / "old")[0] == 0
    (tmp_path / "new" / "x.yaml").write_text("rules: [")
    assert run("diff", tmp_path / "old", tmp_path / "new")[0] == 4
    assert run("diff", tmp_path / "old", tmp_path / "new" / "q.yaml")[0] == 4


def test_diff_of_sets_and_of_order(run: Run, tmp_path: Path) -> None:
    harder = load_set(SET.replace("floor: 0.9}", "floor: 0.95}, locked: true"))
    assert [one.words for one in differences(load_set(SET), harder)] == [
        "Policy p: params: floor 0.9 → floor 0.95.",
        "Policy p: locked is new: true.",
    ]
    one, two = (f"  - {{id: {name}, require: 'true', message: \"'x'\"}}\n" for name in "ab")
    turned = differences(load_policy(f"{HEAD}rules:\n{one}{two}"), load_policy(f"{HEAD}rules:\n{two}{one}"))
    assert [found.words for found in turned] == ["Rules stand in another order."]
    commented = load_policy(RATIO.replace("rules:", "# Why.\nrules:"))
    assert differences(load_policy(RATIO), commented) == []


# ---------------------------------------------------------------------- replay
@pytest.fixture
def pack(tmp_path: Path) -> Path:
    facts = read_facts({"schema": "gatehouse.facts/1", **FACTS})
    other = rule('"facts.card.complete"').replace("name: p,", "name: a-off,")
    policies = [load_policy(RATIO), load_policy(other)]
    sets = [load_set(SET + '  - {policy: a-off, enforcement: {mode: "off"}}\n  - {policy: gone}\n')]
    result = evaluate(policies, facts, sets=sets)
    assert [one.name for one in result.policies] == ["p"]
    (tmp_path / "policies").mkdir()
    for one in (*policies, *sets):
        (tmp_path / "policies" / f"{one.name}.yaml").write_text(one.source)
    (tmp_path / "facts.json").write_bytes(canonical_bytes(facts))
    (tmp_path / "decision.json").write_bytes(result.canonical)
    return tmp_path


def test_replay_repeats_a_decision_from_its_files(run: Run, pack: Path) -> None:
    assert run("replay", pack / "decision.json")[:2] == (0, f"{pack / 'decision.json'}: identical\n")
    assert run("replay", "--pack", pack)[:2] == (0, f"{pack}: identical\n")


def test_replay_says_at_which_byte_it_differs(run: Run, pack: Path) -> None:
    stored = (pack / "decision.json").read_bytes()
    (pack / "decision.json").write_bytes(stored.replace(b'"message":"no"', b'"message":"No"'))
    code, out, _ = run("replay", pack / "decision.json")
    assert code == 1
    assert f"differs: byte {stored.index(b'no' + bytes([34]))}: " in out
    (pack / "decision.json").write_bytes(stored.replace(b"gatehouse-gates ", b"gatehouse-gates 0"))
    assert "verdict equal, engine differs" in run("replay", "--pack", pack)[1]
    assert run("replay", "--pack", pack)[0] == 0
    other = stored.replace(b"gatehouse-gates ", b"gatehouse-gates 0").replace(b'"fail"', b'"pass"')
    (pack / "decision.json").write_bytes(other)
    code, out, _ = run("replay", "--pack", pack, "--json")
    assert (code, json.loads(out)["decisions"][0]["outcome"]) == (1, "differs")


def test_replay_from_the_evidence_of_a_pack_and_from_the_api(run: Run, pack: Path, tmp_path: Path) -> None:
    stored, facts = (pack / "decision.json").read_text(), (pack / "facts.json").read_text()
    sources = [{"source": path.read_text()} for path in sorted((pack / "policies").iterdir(), reverse=True)]
    whole = {"decision": {"facts_text": facts, "result_text": stored}, "policies": sources}
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "evidence.json").write_text(json.dumps(whole))
    assert run("replay", "--pack", folder)[0] == 0
    (pack / "D-7.json").write_text(json.dumps({"facts": json.loads(facts), "result": json.loads(stored)}, indent=2))
    assert run("replay", pack / "D-7.json")[0] == 0


def test_replay_names_what_is_not_there(run: Run, pack: Path) -> None:
    assert run("replay")[0] == 4
    (pack / "policies" / "p.yaml").write_text(RATIO.replace("0.8", "0.9"))
    code, _, err = run("replay", pack / "decision.json")
    assert (code, "The policy p with the digest" in err) == (4, True)
    (pack / "facts.json").unlink()
    assert run("replay", "--pack", pack)[0] == 4
    for text in ("[]", "{", '{"policies": [{}]}', "[" * 200_000):
        (pack / "decision.json").write_text(text)
        assert run("replay", "--pack", pack)[0] == 4
    assert run("replay", "--pack", pack / "none")[0] == 4


def test_case_of_a_decision_is_added_to_the_policy(run: Run, pack: Path) -> None:
    policy = pack / "policies" / "p.yaml"
    code, out, _ = run("case", pack / "decision.json", "--policy", policy)
    assert (code, out.split("\n")[0]) == (0, "  - name: as decided in decision")
    assert run("case", pack / "decision.json", "--policy", policy, "--name", "D-7", "--write")[0] == 0
    (case,) = load_policy(policy.read_text()).tests
    # The set's parameter is part of the case.
    assert (case.name, dict(case.params), dict(case.expect)) == (
        "D-7",
        {"floor": 0.9},
        {"one": "fail", "policy": "fail"},
    )
    assert "Test 'D-7'" not in run("test", pack / "policies")[1]
    assert run("case", pack / "decision.json", "--policy", pack / "policies" / "strict.yaml")[0] == 4


def test_wrong_command_line_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["eval"], ["eval", "--policy"], ["nothing"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 4
    assert "Traceback" not in capsys.readouterr().err


def test_library_passes_its_own_tests(run: Run) -> None:
    code, out, _ = run("test", ROOT / "governance" / "library")
    assert (code, out.splitlines()[-1].endswith("0 failed")) == (0, True), out
