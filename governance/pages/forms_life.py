"""Forms of a release's life: a reason, an emergency, its review, a condition, a finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from governance.choices import EmergencyOutcome, Overdue, Severity
from portal.accounts.models import User


def _words(label: str, required: str, *, rows: int = 4, most: int = 4000, hint: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        strip=True,
        required=bool(required),
        help_text=hint,
        widget=forms.Textarea(attrs={"rows": rows, "class": "inp"}),
        error_messages={"required": required},
    )


def _choice(label: str, choices: Any, required: str, hint: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=choices,
        help_text=hint,
        widget=forms.Select(attrs={"class": "inp"}),
        error_messages={"required": required},
    )


class NoForm(forms.Form):
    """Only the button."""


class ReasonForm(forms.Form):
    reason = _words("Why", "Write why. Auditors read this sentence first.")


class EmergencyForm(forms.Form):
    role = _choice("You act as", (), "Choose the role you act in.")
    reason = _words("Why it cannot wait", "Write why it cannot wait for the open seats.")

    def __init__(self, *args: Any, roles: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = list(roles)  # type: ignore[attr-defined]


class EmergencyReviewForm(forms.Form):
    outcome = _choice("What you found", [("", "Choose"), *EmergencyOutcome.choices], "Choose what you found.")
    review = _words("In words", "Write what you found.")


class PromiseForm(forms.Form):
    """What must be done, by whom, until when, shown by what, and what follows when it is not."""

    text = _words("What must be done", "Say what must be done.", rows=3, most=2000)
    owner = _choice("By whom", (), "Say who does it.")
    due_on = forms.DateField(
        label="Until",
        widget=forms.DateInput(attrs={"type": "date", "class": "inp"}, format="%Y-%m-%d"),
        error_messages={"required": "Say until when, as a date.", "invalid": "Write a date."},
    )
    proof_wanted = _words("What will show that it is done", "", rows=2, most=2000)
    on_overdue = _choice("If it is not done in time", Overdue.choices, "Choose what follows.")

    def __init__(self, *args: Any, people: Sequence[User] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(user.pk): user for user in people}
        names = [("", "Choose a person"), *((pk, str(user)) for pk, user in self.people.items())]
        self.fields["owner"].choices = names  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("owner"):
            data["owner"] = self.people[data["owner"]]
        return data


class FindingForm(PromiseForm):
    text = _words("What is wrong", "Say what is wrong.", rows=3, most=2000)
    severity = _choice("How bad", [("", "Choose"), *Severity.choices], "Say how bad it is.")
    cause = _words("Why it is so", "", rows=2, most=2000)
    field_order = ("text", "severity", "cause", "owner", "due_on", "proof_wanted", "on_overdue")
