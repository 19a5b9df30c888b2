"""The way of a policy's author in a real browser: mistake with its place, tests, slider, back-test, approval.

The policy is for an endpoint that does not exist, so that it disturbs no other journey.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

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
