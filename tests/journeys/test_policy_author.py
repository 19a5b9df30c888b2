"""The way of a policy's author in a real browser: mistake with its place, tests, slider, approval, a refused release.

Runs on a model, endpoint and team of its own, so that it may stand before or after the newcomer's journey.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Stack
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("stack")]
NAME = "journey-robustness"
SOURCE = """apiVersion: gatehouse/v1
kind: Policy
metadata:
  name: journey-robustness
  owner: compliance
  description: A model of this team says how it does under noise.
  reviewBy: "2099-01-01"
appliesTo: {endpoint: [journey-endpoint]}
params:
  floor: {type: double, default: 0.7, description: Lowest accuracy under noise}
variables:
  - name: measured
    expression: "facts.metrics.filter(m, m.name == 'accuracy_noise')"
rules:
  - id: under-noise
    title: Accuracy under noise reaches the floor
    require: "variables.measured.all(m, m.value >= params.floor)"
    message: "'Under noise it is below %.2f.'.format([params.floor])"
enforcement: block
tests:
  - name: at the floor
    facts: {metrics: [{name: accuracy_noise, split: test, segment: all, value: 0.7}]}
    expect: {under-noise: pass}
  - name: below
    facts: {metrics: [{name: accuracy_noise, split: test, segment: all, value: 0.69}]}
    expect: {under-noise: fail}
  - name: not measured
    facts: {metrics: []}
    expect: {under-noise: unknown}
"""


def call(stack: Stack, token: str, path: str, body: object) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        f"{stack.url}/api/v1{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def write(page: Page, text: str) -> None:
    """Exchange the editor's whole text, as one who pastes it."""
    editor = page.locator("code-editor .cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    editor.evaluate(
        """(node, text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            node.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        text,
    )


def test_author_sees_the_mistake_where_it_is(visitor: Visitor) -> None:
    page = visitor.log_in("risk")
    visitor.go("/policy-drafts/new/")
    expect(page.locator("code-editor[data-ready]")).to_be_visible()
    write(page, SOURCE.replace("facts.metrics.filter", "facts.metrix.filter"))
    check = page.locator("#check")
    expect(check).to_contain_text("undefined field 'metrix'")
    expect(check.locator("pre")).to_contain_text("^")
    expect(page.locator("code-editor .cm-lintRange-error").first).to_be_visible()
    write(page, SOURCE.replace("value: 0.69", "value: 0.71"))
    expect(check).to_contain_text("1 of 3 fails")
    write(page, SOURCE)
    expect(check).to_contain_text("3 of 3 pass")
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.locator("h1")).to_have_text(NAME)


def test_author_asks_for_approval_after_the_backtest(visitor: Visitor) -> None:
    page = visitor.log_in("risk")
    visitor.go("/policy-drafts/")
    page.get_by_role("link", name=NAME).click()
    page.locator("#p-floor").fill("0.9")
    expect(page.locator("#preview")).to_contain_text("past decision")
    page.locator("#id_reason").fill("Models must hold under noise.")
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.locator(".errsum")).to_contain_text("not tried on the stored decisions")
    expect(page.locator("#id_reason")).to_have_value("Models must hold under noise.")
    page.locator("#backtest .panel-h button[value=backtest]").click()
    expect(page.locator("#backtest")).to_contain_text("It would change none of", timeout=30_000)
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.locator(".lede")).to_contain_text("It waits for Compliance")
    expect(page.locator("#decide")).to_have_count(0)


def test_another_person_approves_and_it_is_in_force(visitor: Visitor) -> None:
    page = visitor.log_in("compliance")
    page.get_by_role("link", name=NAME).first.click()
    expect(page.locator("#decide input[type=radio]:checked")).to_have_count(0)
    page.locator("#decide input[value=approve]").check()
    page.get_by_role("button", name="Record my decision").click()
    expect(page.locator(".lede")).to_contain_text("came into force as version 1")
    visitor.go(f"/policies/{NAME}/")
    expect(page.locator("main")).to_contain_text("Written by")


def test_a_release_is_refused_by_it_and_why(visitor: Visitor, stack: Stack) -> None:
    made = stack.gatehouse("manage", "token", "create", "journey-owner", "--role", "model_owner")
    token = made.stdout.strip()
    endpoint = {
        "name": "journey-endpoint",
        "team": "lending",
        "environment": "production",
        "exposure": "internal",
        "regions": ["eu-central-1"],
        "data_classes": ["personal"],
    }
    status, answer = call(stack, token, "/endpoints", endpoint)
    assert status == 201, answer
    asked = {"endpoint": "journey-endpoint"}
    status, verdict = call(stack, token, "/models/income-model/versions/1.0.0/gate-checks", asked)
    assert (status, verdict["verdict"]) == (200, "unknown"), verdict
    rule = next(one for one in verdict["rules"] if one["policy"] == NAME)
    assert rule["verdict"] == "unknown"
    wanted = {"model": "income-model", "version": "1.0.0", "endpoint": "journey-endpoint"}
    status, release = call(stack, token, "/releases", wanted)
    assert (status, release["state"]) == (201, "blocked"), release
    page = visitor.log_in("risk")
    visitor.go(f"/releases/{release['id']}/")
    expect(page.locator("main")).to_contain_text("Accuracy under noise reaches the floor")
    expect(page.locator("#decide input[type=radio]")).to_have_count(0)
    visitor.go(f"/decisions/{verdict['id']}/why/{NAME}/under-noise/")
    expect(page.locator("main")).to_contain_text("variables.measured")
    visitor.go(f"/decisions/{verdict['id']}/replay/")
    expect(page.locator("main")).to_contain_text("The same bytes came out")
