"""Signing in a real Chromium, with a virtual authenticator: enrol, approve, refuse, lose the key and get another."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from audits.proof.signatures import check_signatures, key_history
from governance import selectors_signatures
from governance.models import Approval, Release
from governance.services.reassessment import reassess
from portal.accounts.choices import PasskeyState
from portal.accounts.models import User
from portal.ledger.models import LedgerEntry
from portal.ledger.services import sequence, sign_checkpoint
from tests.factories import catalog, governance, people

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Person:
    """Somebody at a browser of their own, with an authenticator in it."""

    def __init__(self, browser: Browser, url: str, user: User) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.url, self.user = url, user
        client = Client()
        client.force_login(user)
        name = "gatehouse_session"
        self.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.devtools = self.context.new_cdp_session(self.page)
        self.devtools.send("WebAuthn.enable")
        self.key = ""

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def gets_a_device(self, *, verifies: bool = True) -> None:
        if self.key:
            self.devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.key})
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options |= {"isUserVerified": verifies, "automaticPresenceSimulation": True}
        self.key = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def verifies(self, on: bool) -> None:
        told = {"authenticatorId": self.key, "isUserVerified": on}
        self.devtools.send("WebAuthn.setUserVerified", told)

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def enrols(self, label: str = "Work laptop") -> Page:
        page = self.go("/account/passkeys/")
        page.get_by_label("Name of the key").fill(label)
        page.get_by_label("Your password").fill(people.PASSWORD)
        page.get_by_role("button", name="Enrol a passkey").click()
        return page

    def decides(self, release: Release, *, reason: str = "I read it all.") -> Page:
        page = self.go(f"/releases/R-{release.pk}/")
        page.locator("#id_choice_approve").check()
        page.locator("#id_reason").fill(reason)
        page.locator("[data-submit]").click()
        return page


@pytest.fixture(scope="session", autouse=True)
def loop_beside_the_database() -> None:
    """Playwright runs a loop in this thread for as long as its browser is open; Django would refuse to work there."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture
def who(settings, live_server) -> governance.Cast:
    settings.PASSKEY_ORIGIN, settings.PASSKEY_RP_ID = live_server.url, "localhost"
    settings.PUBLIC_URL = live_server.url
    settings.PASSKEY_TIERS = ["high"]
    return governance.cast()


@pytest.fixture
def release(who) -> Release:
    found = governance.release_in_review(who)
    while sequence():
        pass
    sign_checkpoint()
    return found


@pytest.fixture
def arrive(browser, live_server) -> Iterator[Any]:
    there: list[Person] = []

    def come(user: User) -> Person:
        there.append(Person(browser, live_server.url, user))
        return there[-1]

    yield come
    for person in there:
        person.context.close()
    assert [one for person in there for one in person.complaints] == []


def sign(page: Page) -> None:
    page.get_by_role("button", name="Sign with my passkey").click()


def shown(page: Page, state: str) -> None:
    expect(page.locator(f'[data-state="{state}"]')).to_be_visible()


def test_enrol_read_what_is_signed_and_approve(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    page = validator.enrols()
    expect(page.get_by_text("Work laptop is enrolled")).to_be_visible()
    page = validator.decides(release)
    dialog = page.locator("dialog[data-sign-dialog]")
    expect(dialog.get_by_text("This is what you sign")).to_be_visible()
    expect(dialog.get_by_text("I read it all.")).to_be_visible()
    dialog.get_by_text("The exact text").click()
    expect(dialog.locator("[data-text]")).to_contain_text('"checkpoint"')
    sign(page)
    expect(page.get_by_text("Your approval is recorded")).to_be_visible()
    rows = selectors_signatures.signatures_of(release)
    assert [row.approval.reason for row in rows] == ["I read it all."]
    history = key_history(bytes(one.leaf).decode() for one in LedgerEntry.objects.order_by("pk"))
    assert check_signatures(selectors_signatures.documents(rows), history) == []


def test_key_that_does_not_verify_its_user_signs_nothing(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    expect(validator.enrols().get_by_text("is enrolled")).to_be_visible()
    validator.verifies(False)
    page = validator.decides(release)
    sign(page)
    shown(page, "refused")
    assert page.locator("#id_reason").input_value() == "I read it all."
    assert not Approval.objects.exists()
    validator.verifies(True)
    page.locator("[data-submit]").click()
    sign(page)
    expect(page.get_by_text("Your approval is recorded")).to_be_visible()


def test_device_without_verification_is_not_enrolled(who, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device(verifies=False)
    shown(validator.enrols(), "refused")
    assert not validator.user.passkeys.exists()


def test_lost_key_is_replaced_with_the_word_of_two_others(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    page = validator.enrols()
    page.get_by_text("End this key").click()
    page.get_by_role("button", name="Report Work laptop lost").click()
    expect(page.get_by_text("reported lost and signs nothing")).to_be_visible()
    page = validator.go(f"/releases/R-{release.pk}/")
    expect(page.get_by_text("You need a passkey to decide here")).to_be_visible()
    validator.gets_a_device()
    page = validator.enrols("New laptop")
    expect(page.get_by_text("New laptop waits for 2 other people")).to_be_visible()
    for user in (people.person("admin"), people.person("compliance")):
        other = arrive(user)
        there = other.go("/account/passkeys/waiting/")
        there.get_by_role("button", name=re.compile("I compared")).click()
        expect(there.locator(".messages .pass")).to_be_visible()
    assert validator.user.passkeys.get(label="New laptop").state == PasskeyState.ACTIVE
    page = validator.decides(release)
    sign(page)
    expect(page.get_by_text("Your approval is recorded")).to_be_visible()


def test_what_moved_on_while_reading_is_not_signed(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    expect(validator.enrols().get_by_text("is enrolled")).to_be_visible()
    page = validator.go(f"/releases/R-{release.pk}/")
    catalog.metrics(release.version, accuracy=0.86)
    release.refresh_from_db()
    before = release.decision_id
    reassess(release.pk)
    release.refresh_from_db()
    assert release.decision_id != before
    page.locator("#id_choice_approve").check()
    page.locator("[data-submit]").click()
    shown(page, "stale")
    assert not Approval.objects.exists()


def test_time_runs_out_and_back_leaves_all_as_it_was(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    expect(validator.enrols().get_by_text("is enrolled")).to_be_visible()
    validator.page.clock.install()
    page = validator.decides(release)
    dialog = page.locator("dialog[data-sign-dialog]")
    dialog.get_by_role("button", name="Go back").click()
    expect(dialog).to_be_hidden()
    page.locator("[data-submit]").click()
    expect(dialog).to_be_visible()
    page.clock.fast_forward("05:01")
    shown(page, "timeout")
    expect(dialog).to_be_hidden()
    assert not Approval.objects.exists()


def test_browser_without_passkeys_says_so(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    expect(validator.enrols().get_by_text("is enrolled")).to_be_visible()
    validator.page.add_init_script("delete window.PublicKeyCredential")
    page = validator.decides(release)
    expect(page.get_by_text("This browser knows no passkeys")).to_be_visible()


def test_key_that_this_device_does_not_have(who, release, arrive):
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    expect(validator.enrols().get_by_text("is enrolled")).to_be_visible()
    validator.gets_a_device()
    page = validator.decides(release)
    sign(page)
    shown(page, "refused")
    assert not Approval.objects.exists()


def test_where_it_is_offered_a_decision_may_stay_unsigned(who, release, arrive, settings):
    settings.PASSKEY_TIERS = []
    validator = arrive(who.reviewers["validator"])
    validator.gets_a_device()
    expect(validator.enrols().get_by_text("is enrolled")).to_be_visible()
    page = validator.decides(release)
    page.get_by_role("button", name="Record it unsigned").click()
    expect(page.get_by_text("Your approval is recorded")).to_be_visible()
    assert selectors_signatures.signatures_of(release) == []
