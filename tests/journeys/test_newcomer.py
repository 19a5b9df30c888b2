"""The path of a newcomer through the demo, in a real browser, on the whole stack. The tests build on each other."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import Stack
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("stack")]


def api(stack: Stack, token: str, path: str, body: object | None = None) -> tuple[int, dict[str, object]]:
    """One call of the API: (status, answer)."""
    request = urllib.request.Request(
        f"{stack.url}/api/v1{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, json.load(answer)


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return stack.gatehouse("manage", "token", "create", "journey-pipeline", "--role", "developer").stdout.strip()


def test_home_says_what_waits_and_the_refusal_ticks(visitor: Visitor) -> None:
    page = visitor.log_in("reviewer")
    expect(page.locator("h1")).to_have_text("What needs you")
    expect(page.get_by_text("Five steps through the demo")).to_be_visible()
    page.get_by_role("link", name="See the refusal").click()
    expect(page.locator("main")).to_contain_text("Refused by a gate")
    expect(page.locator("main")).to_contain_text("Amer-Indian-Eskimo from 0.384 to 0.234")
    visitor.go("/")
    expect(page.locator("section", has_text="Five steps").get_by_label("done")).to_have_count(1)


def test_requester_cannot_decide_and_sees_why(visitor: Visitor) -> None:
    page = visitor.log_in("owner")
    page.goto(f"{visitor.stack.url}/releases/R-3/")
    expect(page.locator("#decide")).to_contain_text("You requested this release")
    expect(page.locator("#decide input[type=radio]")).to_have_count(0)


def test_reviewer_approves_with_the_button_and_it_is_live(visitor: Visitor) -> None:
    page = visitor.log_in("reviewer")
    page.get_by_role("link", name=re.compile("income-model 1.2.0 to income-eligibility-prod")).first.click()
    expect(page.locator("main")).to_contain_text("Waiting for you")
    expect(page.locator("#decide input[type=radio]:checked")).to_have_count(0)
    page.locator("#decide input[value=approve]").check()
    page.locator("#decide textarea[name=reason]").fill("Women and men are selected alike; the gap is watched.")
    page.locator("#decide [data-submit]").click()
    read_back = page.locator("#confirm-decision")
    expect(read_back).to_contain_text("Women and men are selected alike")
    read_back.locator("[data-agree]").click()
    expect(page.locator("main")).to_contain_text("Live at income-eligibility-prod")
    visitor.go("/endpoints/income-eligibility-prod/")
    expect(page.locator("main")).to_contain_text("1.2.0")


def test_evidence_pdf_is_made_signed_and_whole(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.log_in("reviewer")
    visitor.go("/releases/R-3/")
    page.get_by_role("button", name="Make evidence pack").click()
    link = page.get_by_role("link", name="Download PDF")
    for _ in range(60):
        if link.count():
            break
        time.sleep(0.5)
        page.reload()
    with page.expect_download() as caught:
        link.first.click()
    report = tmp_path / "report.pdf"
    caught.value.save_as(report)
    authority = tmp_path / "ca.pem"
    authority.write_bytes(urllib.request.urlopen(f"{visitor.stack.url}/evidence-packs/ca.pem").read())
    database = f"sql:{tmp_path / 'nss'}"
    (tmp_path / "nss").mkdir()
    subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
    subprocess.run(["certutil", "-A", "-d", database, "-n", "ca", "-t", "C,C,C", "-i", str(authority)], check=True)
    said = subprocess.run(
        ["pdfsig", "-nssdir", database, str(report)], capture_output=True, text=True, check=False
    ).stdout
    assert "Signature is Valid" in said
    assert "Certificate is Trusted" in said
    assert "Total document signed" in said
    assert "Not total document signed" not in said


def test_browser_checks_a_proof_by_itself(visitor: Visitor) -> None:
    page = visitor.log_in("auditor")
    visitor.go("/audit-log/3/")
    expect(page.locator("#proof-verdict")).to_have_class(re.compile("pass"))
    page.locator("#tamper").check()
    expect(page.locator("#proof-verdict")).to_have_class(re.compile("fail"))


def test_posted_metric_makes_an_approval_stale(visitor: Visitor, token: str) -> None:
    metric = {"name": "recall", "value": 0.91, "lower": 0.87, "upper": 0.94, "n": 212}
    path = "/models/tumour-triage/versions/1.0.0/metrics"
    status, _ = api(visitor.stack, token, path, {"title": "Week 48", "metrics": [metric]})
    assert status == 201
    page = visitor.log_in("validator")
    for _ in range(40):
        visitor.go("/releases/R-4/")
        if "no longer counts" in page.locator("main").inner_text():
            break
        time.sleep(0.5)
    expect(page.locator("main")).to_contain_text("metrics[recall, test, all].value")


def test_three_calls_of_the_readme(visitor: Visitor, token: str) -> None:
    artifact = {
        "name": "decisions.csv.gz",
        "sha256": "b60dcfd56251ab53ac07bef88830f13e89a0142a8ccd9c3089ba106dc5b8cb7a",
        "size": 121166,
    }
    stack, version = visitor.stack, "/models/income-model/versions"
    assert api(stack, token, version, {"version": "1.3.0", "artifacts": [artifact]})[0] == 201
    sent = subprocess.run(
        [
            *("curl", "-sS", f"{stack.url}/api/v1{version}/1.3.0/predictions"),
            *("-H", f"Authorization: Bearer {token}", "-F", "protected=sex,race"),
            *("-F", "file=@demo/data/adult_predictions_mitigated.csv.gz"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "id" in json.loads(sent.stdout)
    for _ in range(80):
        status, answer = api(stack, token, f"{version}/1.3.0/gate-checks", {"endpoint": "income-eligibility-prod"})
        if status == 200:
            break
        time.sleep(0.5)
    assert answer["verdict"] in {"ask", "pass", "fail", "unknown"}
    assert answer["rules"]


def test_drills_tell_true_from_false(stack: Stack, tmp_path: Path) -> None:
    flipped = stack.gatehouse("demo", "flip", "--out", str(tmp_path))
    assert "the seal holds" in flipped.stdout
    assert len(list(tmp_path.glob("*.pdf"))) == 2
    tampered = stack.gatehouse("demo", "tamper").stdout
    assert "ledger verify: " in tampered
    assert "put back" in tampered
    assert stack.gatehouse("ledger", "verify", check=False).returncode == 0


def test_every_stored_decision_replays(stack: Stack) -> None:
    said = stack.gatehouse("manage", "replay_decision", "--all").stdout
    assert re.fullmatch(r"\d+ decisions replayed: identical\.\n", said), said
