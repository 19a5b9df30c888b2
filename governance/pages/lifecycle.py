"""Pages: what is done to a release after it was asked for. Each is one form and one act."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import reverse

from catalog.selectors import missing
from governance import selectors
from governance.models import Emergency, Release
from governance.pages.forms_life import EmergencyForm, EmergencyReviewForm, NoForm, ReasonForm
from governance.pages.lifeline import fallback_words
from governance.services import emergency, fallbacks, lifecycle, releases
from portal.access import Permission
from portal.accounts.choices import Role
from portal.pages.base import ActPage

P = Permission


class ReleaseActPage(ActPage):
    """One act on a release. `title`, `then` and `button` are the words of the page; `then` may name {endpoint} …"""

    nav = "releases"
    template_name = "governance/release_act.html"
    form_class: Any = ReasonForm
    title: ClassVar[str] = ""
    then: ClassVar[str] = ""
    button: ClassVar[str] = ""
    is_danger: ClassVar[bool] = True

    @property
    def release(self) -> Release:
        return selectors.release_numbered(self.actor, int(self.kwargs["number"]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        release = self.release
        words = {
            "title": self.title,
            "button": self.button,
            "is_danger": self.is_danger,
            "then": self.then.format(
                version=release.version, endpoint=release.endpoint.name, fallback=fallback_words(release)
            ),
        }
        return super().get_context_data(release=release, words=words, **kwargs)

    def act(self, form: Any) -> str:
        release = self.release
        self.carry_out(release, form.cleaned_data)
        return reverse("release", kwargs={"number": release.pk})

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        raise NotImplementedError


class ReleaseSubmitPage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_REQUEST
    form_class = NoForm
    title, button, is_danger = "Ask for the release", "Ask for it", False
    then = "The gates run at once; then the reviewers that the policies name decide on {version} at {endpoint}."
    success_message = "The release is requested."

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        releases.submit_release(release, actor=self.actor)


class ReleaseHoldPage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_HOLD
    title, button = "Hold the release", "Hold it"
    then = "Nothing moves on until the second line resumes it. What answers at {endpoint} goes on answering."
    success_message = "The release is held."

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        lifecycle.hold(release, actor=self.actor, reason=data["reason"])


class ReleaseSuspendPage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_HOLD
    title, button = "Suspend the release", "Suspend it"
    then = "{version} stops answering at {endpoint} at once, until the second line resumes it."
    success_message = "The release is suspended."

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        lifecycle.suspend(release, actor=self.actor, reason=data["reason"])


class ReleaseResumePage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_HOLD
    title, button, is_danger = "Resume the release", "Resume it", False
    then = "{version} goes on where it was. What is suspended answers again only on a full, fresh set of approvals."
    success_message = "The release goes on."

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        lifecycle.resume(release, actor=self.actor, reason=data["reason"])


class ReleaseRollBackPage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_ROLL_BACK
    title, button = "Roll the release back", "Roll it back"
    then = "{version} stops answering at {endpoint}. Its fallback: {fallback}."
    success_message = "The release is rolled back."

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        fallbacks.roll_back(release, actor=self.actor, reason=data["reason"])


class ReleaseEmergencyPage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_EMERGENCY
    form_class = EmergencyForm
    title, button = "Release as an emergency", "Let it go live now"
    then = (
        "{version} goes live at {endpoint} at once, although seats are open. No gate is passed over. Everybody sees "
        "it as an emergency, and the second line reviews it by a due time."
    )
    success_message = "It is live, as an emergency. Its review is due."

    def get_form_kwargs(self) -> dict[str, Any]:
        roles = emergency.allowed_roles(self.release, actor=self.actor)
        return super().get_form_kwargs() | {"roles": [(role, str(Role(role).label)) for role in roles]}

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        emergency.declare_emergency(release, actor=self.actor, role=data["role"], reason=data["reason"])


class EmergencyReviewPage(ReleaseActPage):
    permission = P.GOVERNANCE_RELEASE_DECIDE
    form_class = EmergencyReviewForm
    title, button, is_danger = "Review the emergency", "Record the review", False
    then = "Say whether {version} had to go live at {endpoint} before its seats were filled, and what follows."
    success_message = "The emergency is reviewed."

    @property
    def emergency(self) -> Emergency:
        row = getattr(self.release, "emergency", None)
        if row is None:
            raise missing("emergency", f"R-{self.kwargs['number']}")
        return row

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(emergency=self.emergency, **kwargs)

    def carry_out(self, release: Release, data: dict[str, Any]) -> None:
        emergency.review_emergency(self.emergency, actor=self.actor, outcome=data["outcome"], review=data["review"])
