"""Acts that somebody with some right must still not be able to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Condition
from governance.services.approvals import ConditionDraft, decide_release
from governance.services.conditions import close_condition
from governance.services.policies import publish_policy
from portal.accounts.services import create_person, grant_role
from portal.errors import InvalidInput, PermissionRefused
from tests.factories import governance, people

pytestmark = pytest.mark.django_db


def test_role_in_one_team_does_not_publish_for_all() -> None:
    actor = people.person("compliance", people.team("lending"))
    with pytest.raises(PermissionRefused, match="whole organisation"):
        publish_policy(governance.SECOND.replace("FLOOR", "0.5"), actor=actor)


def test_administrator_of_a_team_does_not_exist() -> None:
    with pytest.raises(InvalidInput, match="whole organisation"):
        grant_role(people.person(), role="admin", team=people.team("lending"), actor=None)


def test_service_identity_gets_no_role_that_decides() -> None:
    with pytest.raises(InvalidInput, match="is a person"):
        grant_role(people.service(), role="validator", team=None, actor=None)


def test_demo_account_does_not_decide_on_a_real_model() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    validator = create_person("demo", name="Demo", password=people.PASSWORD, actor=None, is_demo=True)
    grant_role(validator, role="validator", team=None, actor=None)
    with pytest.raises(PermissionRefused, match="demo only"):
        decide_release(
            release,
            actor=validator,
            role="validator",
            choice="approve",
            decision_digest=release.decision.digest,
        )


def test_owner_of_a_condition_does_not_close_it() -> None:
    who = governance.cast()
    release = governance.release_in_review(who)
    owner = who.second["validator"]
    draft = ConditionDraft("Repeat the test.", owner, timezone.now().date() + timedelta(days=10))
    decide_release(
        release,
        actor=who.reviewers["validator"],
        role="validator",
        choice="conditions",
        decision_digest=release.decision.digest,
        reason="If it is repeated.",
        conditions=[draft],
    )
    condition = Condition.objects.get()
    with pytest.raises(PermissionRefused, match="does not close it"):
        close_condition(condition, actor=owner, proof="Done.")
    assert close_condition(condition, actor=who.reviewers["validator"], proof="EV-9").state == "closed"
