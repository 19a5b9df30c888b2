"""The demo's story, told by the real services on the real data."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from demo import acts, people, removal, seed, story
from demo.names import INCOME
from governance.choices import ReleaseState
from governance.models import Decision, Release
from portal.errors import Conflict
from portal.ledger.models import LedgerEntry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> story.Story:
    monkeypatch.setattr(acts, "WORKER_GRACE", 0.0)
    seed.seed()
    found = story.find()
    assert found is not None
    return found


def test_story_holds_on_the_real_data(told: story.Story) -> None:
    assert told.refused.state == ReleaseState.BLOCKED
    assert told.waiting.state == ReleaseState.IN_REVIEW
    assert told.live_tumour.state == ReleaseState.LIVE
    live = Release.objects.get(version__model__name=INCOME, version__version="1.0.0")
    assert live.state == ReleaseState.LIVE
    failed = [rule for rule in told.refused.decision.result["rules"] if rule["verdict"] == "fail"]
    assert failed
    assert any("race" in rule["message"] or "Black" in rule["message"] for rule in failed)
    asked = {rule["role"] for rule in told.waiting.decision.result["rules"] if rule["verdict"] == "ask"}
    assert asked == {"fairness"}


def test_reviewer_logs_in_and_sees_what_waits(told: story.Story) -> None:
    client = Client()
    assert client.login(username="reviewer", password=people.password())
    page = client.get("/")
    assert page.status_code == 200
    text = page.content.decode()
    assert told.waiting.public_id in text
    assert "Five steps through the demo" in text


def test_refusal_ticks_itself(told: story.Story) -> None:
    client = Client()
    client.login(username="reviewer", password=people.password())
    assert not story.progress(told, client.session).saw_refusal
    assert client.get(f"/releases/{told.refused.public_id}/").status_code == 200
    assert story.progress(told, client.session).saw_refusal


def test_removal_needs_the_superuser(told: story.Story) -> None:
    before = Decision.objects.count()
    with pytest.raises(Conflict, match="superuser"):
        removal.remove()
    assert Decision.objects.count() == before


def test_seed_is_marked_in_the_ledger(told: story.Story) -> None:
    marks: list[Any] = list(LedgerEntry.objects.filter(event="demo:story:seeded"))
    assert len(marks) == 1
