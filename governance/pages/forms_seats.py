"""Forms of seats: lend a role, stand back, class a difference, call a committee, vote, close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from governance.choices import DecisionChoice, Materiality, VoteChoice
from governance.pages.forms_life import _choice, _words
from portal.accounts.choices import Role
from portal.accounts.models import User

ANSWERS = [("", "Not answered"), ("no", "No"), ("yes", "Yes")]
SUBSTANTIAL = "Is this a substantial modification?"
ACT = (
    "EU AI Act, article 3(23): a change after it was put into service that was not foreseen and affects compliance or "
    "the intended purpose. If so, article 43(4) asks for a new conformity assessment before it answers anybody."
)


def role_choices(roles: Sequence[str]) -> list[tuple[str, str]]:
    return [(str(role), str(Role(role).label)) for role in roles]


class RecusalForm(forms.Form):
    role = _choice("You stand back as", (), "Choose the role.")
    reason = _words("Why", "Write why you stand back. It stands beside the approvals.")

    def __init__(self, *args: Any, roles: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(roles)  # type: ignore[attr-defined]


class ClassForm(forms.Form):
    level = _choice("The difference to what is live is", [("", "Choose"), *Materiality.choices], "Choose a class.")
    substantial_modification = forms.ChoiceField(
        label=SUBSTANTIAL, choices=ANSWERS, required=False, help_text=ACT, widget=forms.Select(attrs={"class": "inp"})
    )
    reason = _words("Why", "Write why. Auditors read this sentence first.")

    def clean_substantial_modification(self) -> bool | None:
        answers: dict[str, bool | None] = {"yes": True, "no": False}
        return answers.get(self.cleaned_data["substantial_modification"])


class DelegationForm(forms.Form):
    """Whom, which role, where, from when until when, and why."""

    deputy = _choice("Your deputy", (), "Choose a person.", "Somebody of the second line; nobody sits twice.")
    role = _choice("The role you lend", (), "Choose a role.", "Only a role you hold yourself; it is not passed on.")
    scope = _choice("For releases of", (), "Choose a team, a model or an endpoint.")
    starts_at = forms.DateTimeField(
        label="From", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "inp"})
    )
    until = forms.DateTimeField(
        label="Until",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "inp"}),
        error_messages={"required": "Say until when."},
    )
    reason = _words("Why", "Write why, such as a holiday.", most=2000, rows=3)

    def __init__(
        self, *args: Any, people: Sequence[User], roles: Sequence[str], scopes: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(user.pk): user for user in people}
        named = [("", "Choose a person"), *((key, str(user)) for key, user in self.people.items())]
        self.fields["deputy"].choices = named  # type: ignore[attr-defined]
        self.fields["role"].choices = role_choices(roles)  # type: ignore[attr-defined]
        self.fields["scope"].choices = [("", "Choose"), *scopes]  # type: ignore[attr-defined]


class SittingForm(forms.Form):
    role = _choice("The seat", (), "Choose the seat.")
    agenda = _words("Agenda item", "Write what the committee looks at.", most=2000, rows=3)
    members = forms.MultipleChoiceField(
        label="Members beside you",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose the members."},
    )
    decision_digest = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, roles: Sequence[str] = (), people: Sequence[User] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(user.pk): user for user in people}
        self.fields["role"].choices = role_choices(roles)  # type: ignore[attr-defined]
        self.fields["members"].choices = [(key, str(user)) for key, user in self.people.items()]  # type: ignore[attr-defined]


class VoteForm(forms.Form):
    choice = _choice("Your vote", [("", "Choose"), *VoteChoice.choices], "Choose your vote.")
    reason = _words("Why", "Write why; a no stands as dissent.")
    conditions = _words("Conditions", "", rows=2, hint="What your yes depends on, if anything.")


class SittingCloseForm(forms.Form):
    choice = _choice(
        "The committee",
        [
            ("", "Choose"),
            (DecisionChoice.APPROVE, "Approves"),
            (DecisionChoice.CHANGES, "Asks for changes"),
            (DecisionChoice.REJECT, "Rejects"),
        ],
        "Choose what the committee decided.",
    )
    reason = _words("Reason", "", hint="Needed for all but an approval.")
    minutes_digest = forms.CharField(
        label="SHA-256 of the minutes",
        max_length=71,
        widget=forms.TextInput(attrs={"class": "inp mono"}),
        error_messages={"required": "Give the digest of the minutes' file."},
    )
