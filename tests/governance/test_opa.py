"""Policies that an OPA server answers: whatever the server does, only a good answer passes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from governance.gates.evaluate import evaluate
from governance.gates.facts import parse_facts, read_facts
from governance.gates.rego import RegoPolicy
from governance.gates.sets import load_any
from governance.services import opa, opa_http
from portal.errors import Conflict, InvalidInput
from tests.governance.opa_stub import Question, Stub, http, residency, said, serving

TEXT = """apiVersion: gatehouse/v1
kind: RegoPolicy
metadata: {name: rego-residency, owner: compliance, description: Training stays in the region., reviewBy: "2099-01-01"}
approvals: [compliance]
opa: {server: main, path: gatehouse/release/answer}
mustDeny: {training: {region: us-east-1}}
"""
FACTS = read_facts(
    {
        "schema": "gatehouse.facts/1",
        "evaluated_at": "2026-11-25T08:00:00Z",
        "subject": {"model": "m", "version": "1.0.0", "target": "production", "endpoint": "e"},
        "training": {"run": "r", "region": "eu-central-1"},
    }
)
TOKEN = "a-secret-of-the-house"
SHORT_LIMIT = 0.4
Raw = Callable[[Question], Any]


@pytest.fixture
def stub(settings: Any) -> Iterator[Stub]:
    with serving() as found:
        settings.OPA_SERVERS = {"main": {"url": found.url, "token": TOKEN}}
        opa._quiet.clear()
        yield found


def policy(text: str = TEXT) -> RegoPolicy:
    found = load_any(text)
    assert isinstance(found, RegoPolicy)
    return found


def decide(*policies: RegoPolicy, facts: Any = FACTS) -> Any:
    asked = policies or (policy(),)
    return evaluate(asked, facts, external=opa.consult(asked, (), facts))


# ------------------------------------------------------------------ good ways
def test_question_is_that_of_the_rest_api(stub: Stub) -> None:
    assert decide().verdict == "pass"
    case, question = stub.questions
    assert question.line == "POST /v1/data/gatehouse/release/answer?provenance=true HTTP/1.1"
    assert question.headers["content-type"] == "application/json"
    assert question.headers["authorization"] == f"Bearer {TOKEN}"
    assert case.body == {"input": {"training": {"region": "us-east-1"}}}
    assert question.body == {"input": dict(FACTS)}


def test_denied_fails_with_the_message_of_the_server(stub: Stub) -> None:
    facts = read_facts({**FACTS, "training": {"run": "r", "region": "us-east-1"}})
    found = decide(facts=facts)
    assert found.verdict == "fail"
    assert [(one.id, one.verdict, one.message) for one in found.rules] == [
        ("card", "pass", "Card"),
        ("region", "fail", "Trained in us-east-1."),
    ]


def test_asked_asks_the_role(stub: Stub) -> None:
    found = decide(facts=read_facts({**FACTS, "card": {"complete": False}}))
    assert (found.verdict, found.rules[0].role) == ("ask", "fairness")


def test_chunks_odd_spaces_and_a_base_path_are_good_http(stub: Stub, settings: Any) -> None:
    def chunked(question: Question) -> bytes:
        body = said(residency(question.body["input"])).partition(b"\r\n\r\n")[2]
        parts = [body[:7], body[7:]]
        head = (
            b"HTTP/1.1 200 OK\r\ncontent-type:   Application/JSON ; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    stub.raw = chunked
    settings.OPA_SERVERS = {"main": {"url": f"{stub.url}/opa/"}}
    assert decide().verdict == "pass"
    assert stub.questions[0].line.startswith("POST /opa/v1/data/gatehouse/release/answer?")
    assert "authorization" not in stub.questions[0].headers


def test_revision_of_the_bundle_is_recorded(stub: Stub) -> None:
    stub.raw = lambda question: said(residency(question.body["input"]), revision="2026-11-25.3")
    kept = decide().document()["external"]["rego-residency"]
    assert kept["answer"]["revision"] == {"gatehouse": "2026-11-25.3"}


# ------------------------------------------------------------------ bad ways
def _fixed(answer: bytes) -> Raw:
    return lambda _question: answer


def _result(result: Any) -> Raw:
    return _fixed(said(result))


def _drip(answer: bytes) -> Raw:
    return lambda _question: ((0.05, bytes([one])) for one in answer)


PASS = {"checked": ["region"], "deny": []}
PASS_BODY = said(PASS).partition(b"\r\n\r\n")[2]
DENY = {"checked": ["region"], "deny": [{"rule": "region", "message": "No."}]}
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BAD: dict[str, tuple[Raw, str]] = {
    "closes at once": (_fixed(b""), "did not come"),
    "garbage": (_fixed(b"\x00\xff\x17 garbage\r\n\r\n"), "did not come"),
    "server error": (_fixed(http(PASS_BODY, status="500 Internal Server Error")), "status 500"),
    "not authorised": (_fixed(http(PASS_BODY, status="401 Unauthorized")), "status 401"),
    "no such path": (_fixed(http(b"{}", status="404 Not Found")), "status 404"),
    "no content": (_fixed(http(b"", status="204 No Content")), "status 204"),
    "partial content": (_fixed(http(PASS_BODY, status="206 Partial Content")), "status 206"),
    "html": (_fixed(http(b"<html>login</html>", kind="text/html")), "application/json"),
    "json as text": (_fixed(http(PASS_BODY, kind="text/plain")), "application/json"),
    "no content type": (_fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "application/json"),
    "two content types": (_fixed(http(PASS_BODY, more="Content-Type: text/html\r\n")), "application/json"),
    "compressed": (_fixed(http(PASS_BODY, more="Content-Encoding: gzip\r\n")), "compressed"),
    "cut short": (_fixed(OK + b"Content-Length: 9999\r\n\r\n" + PASS_BODY), "cut short"),
    "half an answer": (_fixed(OK + b"\r\n" + PASS_BODY[:-9]), "not JSON"),
    "odd chunk": (_fixed(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + PASS_BODY), "did not come"),
    "cut chunk": (_fixed(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + PASS_BODY), "did not come"),
    "announced huge": (_fixed(OK + b"Content-Length: 99999999\r\n\r\n" + PASS_BODY), "larger than"),
    "huge": (_fixed(http(b" " * 1_100_000 + PASS_BODY)), "larger than"),
    "huge unannounced": (_fixed(OK + b"\r\n" + PASS_BODY + b" " * 1_100_000), "larger than"),
    "huge header": (_fixed(OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n" + PASS_BODY), "did not come"),
    "many headers": (_fixed(OK + b"X: x\r\n" * 200 + b"\r\n" + PASS_BODY), "did not come"),
    "not json": (_fixed(http(b"{")), "not JSON"),
    "two documents": (_fixed(http(PASS_BODY + PASS_BODY)), "not JSON"),
    "not utf-8": (_fixed(http(PASS_BODY.replace(b"r1", b"\xff"))), "not UTF-8"),
    "nan": (_fixed(http(PASS_BODY.replace(b'"deny": []', b'"deny": [NaN]'))), "NaN"),
    "a key twice": (_fixed(http(PASS_BODY.replace(b'"deny": []', b'"deny": ["x"], "deny": []'))), "key twice"),
    "undefined": (_fixed(http(b'{"provenance": {"version": "0.70.0"}}')), "no result"),
    "null": (_result(None), "is null"),
    "allow only": (_result({"allow": True}), "'allow'"),
    "checked is missing": (_result({"deny": []}), "rules that were checked"),
    "nothing checked": (_result({"checked": [], "deny": []}), "rules that were checked"),
    "deny is missing": (_result({"checked": ["region"]}), "no list 'deny'"),
    "denied under another name": (_result(PASS | {"denied": ["region"]}), "'denied'"),
    "denies what it did not check": (_result(PASS | {"deny": [{"rule": "x", "message": "m"}]}), "not name as checked"),
    "no provenance": (_fixed(http(json.dumps({"result": PASS}).encode())), "which bundle"),
    "a warning": (_fixed(said(PASS, warning={"code": "api_usage_warning"})), "warning"),
    "repeats the token": (_fixed(said(PASS | {"deny": [f"Bearer {TOKEN}"]})), "repeats the secret"),
}


@pytest.mark.parametrize("when", ["case", "question"])
@pytest.mark.parametrize("way", BAD)
def test_bad_answer_is_unknown(stub: Stub, way: str, when: str) -> None:
    raw, words = BAD[way]
    stub.raw = raw if when == "case" else _after_a_good_case(raw)
    found = decide()
    assert (found.verdict, [one.id for one in found.rules]) == ("unknown", ["server-answer"])
    assert words in found.rules[0].message
    assert ("must-deny case" in found.rules[0].message) == (when == "case")
    assert len(stub.questions) == (1 if when == "case" else 2)
    assert TOKEN not in found.canonical.decode()


def _after_a_good_case(raw: Raw) -> Raw:
    return lambda question: raw(question) if "schema" in question.body["input"] else said(DENY)


SLOW: dict[str, Raw] = {
    "hangs": lambda _question: [(5.0, b"")],
    "hangs after the head": lambda _question: [(0.0, OK), (5.0, b"")],
    "drips its head": _drip(OK + b"X: x\r\n" * 90),
    "drips its body": lambda _question: itertools.chain([(0.0, OK + b"\r\n")], ((0.05, b" ") for _ in range(200))),
    "drips chunks": lambda _question: itertools.chain(
        [(0.0, OK + b"Transfer-Encoding: chunked\r\n\r\n")], ((0.05, b"1\r\n \r\n") for _ in range(200))
    ),
    "says continue for ever": lambda _question: ((0.001, b"HTTP/1.1 100 Continue\r\n\r\n") for _ in range(9000)),
}


@pytest.mark.parametrize("when", ["case", "question"])
@pytest.mark.parametrize("way", SLOW)
def test_slow_answer_is_unknown_in_time(stub: Stub, monkeypatch: Any, way: str, when: str) -> None:
    monkeypatch.setattr(opa, "LIMIT", SHORT_LIMIT)
    stub.raw = SLOW[way] if when == "case" else _after_a_good_case(SLOW[way])
    began = time.monotonic()
    found = decide()
    assert time.monotonic() - began < SHORT_LIMIT + 0.3
    assert found.verdict == "unknown"
    assert "0.4 seconds" in found.rules[0].message


def test_limit_is_two_seconds_in_all() -> None:
    assert opa.LIMIT == 2.0


def test_many_policies_wait_together(stub: Stub, settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(opa, "LIMIT", SHORT_LIMIT)
    stub.raw = SLOW["hangs"]
    with serving() as good:
        settings.OPA_SERVERS = settings.OPA_SERVERS | {"good": {"url": good.url}}
        policies = [policy(TEXT.replace("rego-residency", f"rego-{n}")) for n in range(6)]
        policies.append(policy(TEXT.replace("rego-residency", "rego-good").replace("server: main", "server: good")))
        began = time.monotonic()
        found = decide(*policies)
    assert time.monotonic() - began < SHORT_LIMIT + 0.4
    assert [one.verdict for one in found.policies] == ["unknown"] * 6 + ["pass"]


def test_silent_server_rests_before_it_is_asked_again(stub: Stub, monkeypatch: Any) -> None:
    monkeypatch.setattr(opa, "LIMIT", SHORT_LIMIT)
    monkeypatch.setattr(opa, "QUIET", 0.5)
    stub.raw = SLOW["hangs"]
    decide()
    began = time.monotonic()
    found = decide()
    assert time.monotonic() - began < 0.2
    assert (found.verdict, len(stub.questions)) == ("unknown", 1)
    stub.raw = None
    time.sleep(0.6)
    assert decide().verdict == "pass"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 x", "308 x"])
def test_redirect_is_not_followed(stub: Stub, status: str) -> None:
    with serving(rego=lambda _given: PASS) as other:
        stub.raw = _fixed(http(b"", status=status, more=f"Location: {other.url}/v1/data/x\r\n"))
        found = decide()
        assert other.questions == []
    assert found.verdict == "unknown"
    assert "not followed" in found.rules[0].message


def test_liar_that_denies_nothing_is_unknown(stub: Stub) -> None:
    stub.rego = lambda _given: PASS
    found = decide()
    assert found.verdict == "unknown"
    assert "does not deny the case that it must deny" in found.rules[0].message
    assert len(stub.questions) == 1


def test_must_deny_is_asked_before_each_use(stub: Stub) -> None:
    assert decide().verdict == "pass"
    stub.rego = lambda given: DENY if "schema" in given else PASS
    assert decide().verdict == "unknown"


def test_bundle_that_changes_in_between_is_unknown(stub: Stub) -> None:
    numbers = itertools.count()
    stub.raw = lambda question: said(residency(question.body["input"]), revision=f"r{next(numbers)}")
    found = decide()
    assert found.verdict == "unknown"
    assert "another bundle" in found.rules[0].message


def test_dead_server_is_unknown(stub: Stub) -> None:
    stub.close()
    found = decide()
    assert found.verdict == "unknown"
    assert "did not come (ConnectionRefusedError)" in found.rules[0].message


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ({}, "No OPA server 'main' is configured"),
        ({"main": "http://127.0.0.1"}, "No OPA server 'main' is configured"),
        ([], "No OPA server 'main' is configured"),
        ({"main": {}}, "its url is not"),
        ({"main": {"url": "ftp://127.0.0.1"}}, "its url is not"),
        ({"main": {"url": "http://a:b@127.0.0.1"}}, "its url is not"),
        ({"main": {"url": "http://127.0.0.1:99999"}}, "not configured well"),
        ({"main": {"url": "http://opa.example"}}, "plain http is for this machine"),
        ({"main": {"url": "http://127.0.0.1/a b"}}, "cannot be sent"),
        ({"main": {"url": "http://127.0.0.1", "token": "x\r\nHost: y"}}, "its token is not"),
        ({"main": {"url": "http://127.0.0.1", "tokn": "x"}}, "no setting 'tokn'"),
    ],
)
def test_only_configured_servers_are_asked(settings: Any, servers: Any, words: str) -> None:
    settings.OPA_SERVERS = servers
    found = decide()
    assert found.verdict == "unknown"
    assert words in found.rules[0].message


def test_plain_http_elsewhere_must_be_said() -> None:
    assert opa_http.server_of("x", {"url": "http://opa.example", "allow_http": True}).host == "opa.example"


def test_token_is_not_shown_of_a_server(stub: Stub, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    assert TOKEN not in repr(opa.server_named("main"))
    stub.raw = BAD["garbage"][0]
    decide()
    assert TOKEN not in caplog.text
    assert "opa_no_answer" in caplog.text


def test_error_of_the_client_is_unknown_and_does_not_tell(stub: Stub, monkeypatch: Any) -> None:
    def broken(*_args: Any) -> bytes:
        raise RuntimeError(f"Bearer {TOKEN}")

    monkeypatch.setattr(opa, "post", broken)
    found = decide()
    assert found.verdict == "unknown"
    assert found.rules[0].message == "The OPA server main cannot be asked: RuntimeError."


def test_policy_that_does_not_apply_asks_nobody(stub: Stub) -> None:
    found = decide(policy(TEXT + "appliesTo: {target: [staging]}\n"))
    assert [one.verdict for one in found.rules] == ["not_applicable"]
    assert stub.questions == []


def test_check_of_the_must_deny_case(stub: Stub) -> None:
    opa.check_must_deny(policy())
    assert len(stub.questions) == 1
    stub.rego = lambda _given: PASS
    with pytest.raises(Conflict, match="does not deny"):
        opa.check_must_deny(policy())
    stub.close()
    with pytest.raises(Conflict, match="did not come"):
        opa.check_must_deny(policy())
    with pytest.raises(InvalidInput, match="No OPA server 'other'"):
        opa.check_must_deny(policy(TEXT.replace("server: main", "server: other")))


def test_facts_are_sent_as_the_decision_stores_them(stub: Stub) -> None:
    """What the server sees and what is replayed are one document, to the byte."""
    decide()
    text = json.dumps(stub.questions[1].body["input"])
    assert parse_facts(text).digest == FACTS.digest
