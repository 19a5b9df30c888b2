"""The release page in a real browser: somebody else decides while one writes, and nothing that was written is lost."""

import os
import re

import pytest
from playwright.sync_api import expect

from tests.factories import governance, people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture(scope="module", autouse=True)
def loop_beside_the_database():
    """Playwright runs a loop in this thread for as long as its browser is open; Django would refuse to work there."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def log_in(page, live_server, user):
    page.goto(f"{live_server.url}/accounts/login/")
    page.fill("input[name=login]", user.username)
    page.fill("input[name=password]", people.PASSWORD)
    page.click("main button")
    expect(page).not_to_have_url(re.compile("login"))


def test_decision_of_another_appears_and_typed_text_stays(page, live_server):
    who = governance.cast()
    release = governance.release_in_review(who)
    log_in(page, live_server, who.reviewers["fairness"])
    answers = []
    page.on("response", lambda answer: answers.append(answer.status) if answer.url.endswith("/live/") else None)
    page.goto(f"{live_server.url}/releases/R-{release.pk}/")
    page.check("#id_choice_changes")
    page.fill("#id_reason", "I am in the middle of a sentence")
    page.wait_for_timeout(5500)
    assert answers == [304]
    expect(page.locator("#live-note")).to_be_hidden()
    governance.decide(release, who.reviewers["validator"], "validator", reason="Done with my part.")
    expect(page.locator("#live-seats")).to_contain_text("Done with my part.", timeout=15_000)
    expect(page.locator("#live-note")).to_be_visible()
    assert page.input_value("#id_reason") == "I am in the middle of a sentence"
    assert page.is_checked("#id_choice_changes")


def test_untouched_form_is_drawn_anew_and_works(page, live_server):
    who = governance.cast()
    release = governance.release_in_review(who)
    log_in(page, live_server, who.reviewers["fairness"])
    page.goto(f"{live_server.url}/releases/R-{release.pk}/")
    governance.decide(release, who.reviewers["validator"], "validator")
    expect(page.locator("#live-decide")).to_contain_text("After you, nobody", timeout=15_000)
    page.check("#id_choice_approve")
    # The words of the button follow the choice: the script knows the new form.
    expect(page.locator("[data-submit]")).to_have_text("Approve")
