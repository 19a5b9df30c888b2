"""Owners who approve in the same second, in connections of their own."""

import pytest

from governance.models import PolicyApproval, PolicyDraft, PolicyVersion
from governance.services import drafts
from tests.concurrency.test_releases import at_once
from tests.factories import governance, people

pytestmark = pytest.mark.django_db(transaction=True)


def proposed(floor: str) -> PolicyDraft:
    source = governance.SECOND.replace("FLOOR", floor)
    author = people.person("risk")
    return drafts.propose_draft(drafts.begin_draft(source, actor=author, reason="A test."), actor=author)


def approve(draft: PolicyDraft, person):
    return lambda: drafts.decide_draft(
        PolicyDraft.objects.get(pk=draft.pk), actor=person, role="compliance", choice="approve", digest=draft.digest
    )


def test_two_drafts_of_one_policy_at_once_put_one_in_force() -> None:
    owners = [people.person("compliance"), people.person("compliance")]
    one, two = proposed("0.5"), proposed("0.6")
    found = at_once(approve(one, owners[0]), approve(two, owners[1]))
    assert sorted(type(each).__name__ for each in found) == ["Conflict", "PolicyApproval"]
    assert PolicyVersion.objects.filter(retired_at=None).count() == PolicyVersion.objects.count() == 1
    assert PolicyApproval.objects.count() == 1


def test_two_owners_for_one_seat_fill_it_once() -> None:
    owners = [people.person("compliance"), people.person("compliance")]
    draft = proposed("0.5")
    found = at_once(*(approve(draft, owner) for owner in owners))
    assert sorted(type(each).__name__ for each in found) == ["Conflict", "PolicyApproval"]
    assert PolicyVersion.objects.count() == 1


def test_approval_and_take_back_at_once_have_one_outcome() -> None:
    owner, draft = people.person("compliance"), proposed("0.5")
    found = at_once(
        approve(draft, owner),
        lambda: drafts.take_back_draft(PolicyDraft.objects.get(pk=draft.pk), actor=draft.author),
    )
    draft.refresh_from_db()
    kinds = sorted(type(each).__name__ for each in found)
    assert kinds in (["Conflict", "PolicyApproval"], ["Conflict", "PolicyDraft"])
    assert draft.state == ("active" if "PolicyApproval" in kinds else "editing")
