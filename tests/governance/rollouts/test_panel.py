"""The panel on the release's page, the page that closes a draft, and what people are told."""

import pytest

from governance.models import IncidentDraft
from governance.services.rollout_ends import look
from portal.ledger.models import LedgerEntry
from portal.notices.registry import translators_of


@pytest.fixture
def page(way, as_user):
    def text(role="validator"):
        answer = as_user(way.house[role]).get(f"/releases/{way.release.public_id}/")
        assert answer.status_code == 200
        return " ".join(answer.content.decode().split())

    return text


def test_no_plan_no_panel(page):
    assert 'id="rollout"' not in page()


def test_planned_then_too_little_evidence_then_ready(way, page):
    way.plan(limits={"uses": ["credit"], "highest_volume": 5000})
    found = page()
    assert "Planned: the deployer has not asked for the first step." in found
    assert "<dd>5,000</dd>" in found
    way.ask(0)
    way.reached(0)
    way.traffic(3, n=100)
    found = page()
    assert "Shadow traffic only: it waits." in found
    assert "Not enough evidence: 1.00 × the baseline" in found
    assert "more requests to pass" in found
    way.traffic(12)
    found = page()
    assert "every metric is below its tolerance, it may go on" in found
    assert found.count("Below the tolerance") == 2


def test_breach_shows_its_numbers_and_its_draft_is_closed(way, page, as_user):
    way.plan()
    way.approve()
    way.go(0)
    way.ask(5)
    way.reached(5)
    way.traffic(2, errors=0.05)
    look(way.fresh())
    found = page()
    assert "Rolled back by itself: errors is 5.00 times the baseline" in found
    draft = IncidentDraft.objects.get()
    assert f"Incident draft {draft.public_id}" in found
    url = f"/incident-drafts/{draft.pk}/close/"
    assert url in found
    assert url not in page("developer")
    reader = as_user(way.house["validator"])
    assert "What was it?" in reader.get(url).content.decode()
    assert reader.post(url, {"outcome": ""}).status_code == 422
    assert reader.post(url, {"outcome": "A bad tokenizer file."}).status_code == 303
    assert "A bad tokenizer file." in page()
    assert reader.post(url, {"outcome": "Again."}).status_code == 409
    assert reader.get("/incident-drafts/99999/close/").status_code == 404


def test_people_are_told_of_a_breach(way):
    way.plan()
    way.approve()
    way.go(0)
    way.ask(5)
    way.reached(5)
    way.traffic(2, errors=0.05)
    look(way.fresh())
    entry = LedgerEntry.objects.get(event="governance:rollout:breached")
    (told,) = [draft for one in translators_of(entry.event) for draft in one(entry)]
    assert told.type == "rollout.breach"
    assert "errors is 5.00 times the baseline" in told.text
    assert {way.house["model_owner"].pk, way.house["validator"].pk} <= set(told.people)
    assert told.data["metrics"] == ["errors"]
