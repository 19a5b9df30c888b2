"""Pages: call a committee, its sitting with each vote, vote, close it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from governance import policies, seats, selectors, selectors_seats
from governance.models import Release, Sitting
from governance.pages.forms_seats import SittingCloseForm, SittingForm, VoteForm
from governance.services.committees import cast_vote, close_sitting, open_sitting
from portal.access import Permission, holds_role
from portal.pages.base import ActPage, ReadPage

DECIDE = Permission.GOVERNANCE_RELEASE_DECIDE


class SittingNewPage(ActPage):
    permission = DECIDE
    nav = "releases"
    template_name = "governance/release_act.html"
    form_class = SittingForm
    success_message = "The committee sits. Its members can vote."
    words = {
        "title": "Call the committee",
        "button": "Open the sitting",
        "then": "Its members vote with reasons; you close it with the digest of the minutes.",
    }

    @property
    def release(self) -> Release:
        return selectors.release_numbered(self.actor, int(self.kwargs["number"]))

    def get_form_kwargs(self) -> dict[str, Any]:
        release = self.release
        states = seats.seats_of(release, selectors.approvals_of(release))
        roles = [one.role for one in states if one.demand.quorum and not one.is_filled]
        team = release.version.model.team_id
        people = policies.team_people(team).filter(memberships__role__in=roles).exclude(pk=self.actor.pk).distinct()
        may = [user for user in people if any(holds_role(user, role, team) for role in roles)]
        return super().get_form_kwargs() | {"roles": roles, "people": may}

    def get_initial(self) -> dict[str, Any]:
        decision = self.release.decision
        return {"decision_digest": decision.digest if decision else ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(release=self.release, words=self.words, **kwargs)

    def act(self, form: SittingForm) -> str:
        data = form.cleaned_data
        members = [form.people[key] for key in data["members"]]
        row = open_sitting(self.release, actor=self.actor, **(data | {"members": members}))
        return reverse("sitting", kwargs={"pk": row.pk})


class _SittingPage:
    actor: Any
    kwargs: dict[str, Any]

    @property
    def sitting(self) -> Sitting:
        return selectors_seats.sitting_numbered(self.actor, self.kwargs["pk"])

    def context(self) -> dict[str, Any]:
        sitting = self.sitting
        votes = list(sitting.votes.all())
        member = any(user.pk == self.actor.pk for user in sitting.members.all())
        return {
            "sitting": sitting,
            "votes": votes,
            "yes": sum(row.choice == "yes" for row in votes),
            "may_vote": sitting.closed_at is None
            and member
            and not any(row.person_id == self.actor.pk for row in votes),
            "may_close": sitting.closed_at is None and sitting.chair_id == self.actor.pk,
        }


class SittingPage(_SittingPage, ReadPage):
    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/sitting.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**self.context(), vote=VoteForm(), close=SittingCloseForm(), **kwargs)


class SittingVotePage(_SittingPage, ActPage):
    permission = DECIDE
    nav = "releases"
    template_name = "governance/sitting_act.html"
    form_class = VoteForm
    success_message = "Your vote is recorded."
    words = {"title": "Vote", "button": "Cast my vote", "then": "A vote is cast once, and stands with your reason."}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**self.context(), words=self.words, **kwargs)

    def act(self, form: Any) -> str:
        row = self.sitting
        cast_vote(row, actor=self.actor, **form.cleaned_data)
        return reverse("sitting", kwargs={"pk": row.pk})


class SittingClosePage(SittingVotePage):
    form_class = SittingCloseForm
    success_message = "The sitting is closed."
    words = {
        "title": "Close the sitting",
        "button": "Close the sitting",
        "then": "An approval needs as many votes of yes as the quorum says. The committee's decision fills the seat.",
    }

    def act(self, form: Any) -> str:
        row = self.sitting
        close_sitting(row, actor=self.actor, **form.cleaned_data)
        return reverse("sitting", kwargs={"pk": row.pk})
