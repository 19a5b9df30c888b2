"""Acts that somebody with some right must still not be able to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Condition
from governance.services import drafts
from governance.services.approvals import ConditionDraft, decide_release
from governance.services.conditions import close_condition
from governance.services.releases import request_release, withdraw_release
from portal.accounts import tokens
from portal.accounts.models import User
from portal.accounts.services import create_person, end_membership, grant_role
from portal.errors import InvalidInput, PermissionRefused
from tests.factories import governance, people

pytestmark = pytest.mark.django_db


def test_role_in_one_team_does_not_put_a_policy_in_force_for_all() -> None:
    author, owner = people.person("risk"), people.person("compliance", people.team("lending"))
    draft = drafts.begin_draft(governance.SECOND.replace("FLOOR", "0.5"), actor=author, reason="A test.")
    drafts.propose_draft(draft, actor=author)
    with pytest.raises(PermissionRefused, match="where this text holds") as caught:
        drafts.decide_draft(draft, actor=owner, role="compliance", choice="approve", digest=draft.digest)
    assert caught.value.code == "role-not-held"


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


@pytest.mark.parametrize("tie", ["answers for it", "made its token"])
@pytest.mark.parametrize("act", ["requested", "registered"])
def test_who_stands_behind_a_service_identity_does_not_decide_on_what_it_did(act: str, tie: str) -> None:
    who = governance.cast()
    validator = who.reviewers["validator"]
    answers = tie == "answers for it"
    service = tokens.create_service(
        "pipeline", role="developer", team=who.team, responsible=validator if answers else None
    )
    if not answers:
        # Nobody but an administrator makes another's token; later that person came to review.
        for row in validator.memberships.all():
            end_membership(row, actor=None)
        admin = grant_role(validator, role="admin", team=None, actor=None)
        tokens.create_token(service, actor=User.objects.get(pk=validator.pk), name="pipeline")
        end_membership(admin, actor=None)
        grant_role(validator, role="validator", team=who.team, actor=None)
        validator = User.objects.get(pk=validator.pk)
    if act == "requested":
        version = governance.ready_version(who)
        release = governance.release_in_review(who, version=version)
        withdraw_release(release, actor=who.owner)
        release = request_release(version, release.endpoint, actor=service)
    else:
        who.developer = service
        release = governance.release_in_review(who, version=governance.ready_version(who))
    with pytest.raises(PermissionRefused, match=f"answer for pipeline, which {act}") as caught:
        governance.decide(release, validator, "validator")
    assert caught.value.code == "separation-of-duties"
    assert governance.decide(release, who.second["validator"], "validator").role == "validator"
