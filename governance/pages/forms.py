"""Forms of governance: request a release, decide, withdraw, close a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from governance.choices import DecisionChoice, FallbackKind, Opinion, Overdue
from governance.services.approvals import ConditionDraft
from portal.accounts.choices import Role
from portal.accounts.models import User

CONDITION_ROWS = 3
REASON_NEEDED = "Write why. Auditors read this sentence first."
CHOICES = [
    (DecisionChoice.APPROVE, "Approve"),
    (DecisionChoice.CONDITIONS, "Approve with conditions"),
    (DecisionChoice.CHANGES, "Ask for changes"),
    (DecisionChoice.REJECT, "Reject"),
]


class ConditionForm(forms.Form):
    """One condition: what, by whom, until when. A row left empty is no condition."""

    text = forms.CharField(max_length=2000, required=False, label="What must be done", strip=True)
    owner = forms.ChoiceField(required=False, label="By whom")
    due_on = forms.DateField(
        required=False, label="Until", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    proof_wanted = forms.CharField(max_length=2000, required=False, label="What will show it (optional)", strip=True)
    on_overdue = forms.ChoiceField(required=False, label="If it is late", choices=Overdue.choices)

    def __init__(self, *args: Any, people: Sequence[User] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "inp"
        self.people = {str(user.pk): user for user in people}
        self.fields["owner"].choices = [("", "Choose a person"), *((pk, str(user)) for pk, user in self.people.items())]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        filled = [name for name in ("text", "owner", "due_on") if data.get(name)]
        if filled and not self.errors:
            for name, message in (
                ("text", "Say what must be done."),
                ("owner", "Say who does it."),
                ("due_on", "Say until when, as a date."),
            ):
                if name not in filled:
                    self.add_error(name, message)
            if data.get("due_on") and data["due_on"] <= timezone.now().date():
                self.add_error("due_on", "Choose a day after today.")
        return data

    def draft(self) -> ConditionDraft | None:
        """The condition, or None for an empty row."""
        data = self.cleaned_data
        if not data.get("text"):
            return None
        return ConditionDraft(
            text=data["text"],
            owner=self.people[data["owner"]],
            due_on=data["due_on"],
            proof_wanted=data.get("proof_wanted", ""),
            on_overdue=data.get("on_overdue") or Overdue.FLAG,
        )


class DecisionForm(forms.Form):
    """What one person decides in one role about the decision they saw. Nothing is preselected."""

    choice = forms.ChoiceField(
        choices=CHOICES,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what you decide.", "invalid_choice": "Choose one of the four decisions."},
    )
    role = forms.ChoiceField(label="You decide as", error_messages={"required": "Choose the role you decide in."})
    opinion = forms.ChoiceField(required=False, choices=[("", "Follows from my decision"), *Opinion.choices])
    reason = forms.CharField(max_length=4000, required=False, strip=True, widget=forms.Textarea(attrs={"rows": 4}))
    decision_digest = forms.CharField(
        widget=forms.HiddenInput,
        error_messages={"required": "The page sent no decision digest. Open the release again."},
    )

    def __init__(self, *args: Any, roles: Sequence[str] = (), people: Sequence[User] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(str(role), str(Role(role).label)) for role in roles]  # type: ignore[attr-defined]
        if len(roles) == 1:
            self.fields["role"].widget, self.initial["role"] = forms.HiddenInput(), str(roles[0])
        data = args[0] if args else kwargs.get("data")
        self.rows = [ConditionForm(data, prefix=f"conditions-{n}", people=people) for n in range(CONDITION_ROWS)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        choice = data.get("choice")
        if choice and choice != DecisionChoice.APPROVE and not data.get("reason") and "reason" not in self.errors:
            self.add_error("reason", REASON_NEEDED)
        data["conditions"] = []
        if choice == DecisionChoice.CONDITIONS:
            # Every row is checked, so that every row says what it lacks.
            checked = [row.is_valid() for row in self.rows]
            if not all(checked):
                self.add_error(None, "A condition is not complete. Say what, by whom and until when.")
            else:
                data["conditions"] = [draft for row in self.rows if (draft := row.draft())]
                if not data["conditions"]:
                    self.add_error(None, "Write at least one condition: what, by whom and until when.")
        return data

    @property
    def chosen(self) -> str:
        return self["choice"].value() or ""


class ReleaseForm(forms.Form):
    """Which version should answer at which endpoint, and what the requester says about it."""

    version: forms.ModelChoiceField = forms.ModelChoiceField(
        ModelVersion.objects.none(),
        empty_label="Choose a version",
        error_messages={"required": "Choose a version.", "invalid_choice": "Choose a version from the list."},
    )
    endpoint: forms.ModelChoiceField = forms.ModelChoiceField(
        Endpoint.objects.none(),
        empty_label="Choose an endpoint",
        error_messages={"required": "Choose an endpoint.", "invalid_choice": "Choose an endpoint from the list."},
    )
    words = forms.CharField(
        label="What the reviewers should know",
        max_length=4000,
        required=False,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    fallback = forms.ChoiceField(
        label="If it must go back",
        required=False,
        choices=[
            ("", "To what answers there now, or else the endpoint is suspended"),
            (FallbackKind.SUSPEND, "The endpoint is suspended"),
            (FallbackKind.MANUAL, "To a manual process"),
        ],
    )
    fallback_text = forms.CharField(
        label="The manual process", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, versions: Any, endpoints: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]
        self.fields["endpoint"].queryset = endpoints  # type: ignore[attr-defined]


class WithdrawForm(forms.Form):
    reason = forms.CharField(max_length=4000, required=False, strip=True, widget=forms.Textarea(attrs={"rows": 3}))


class CloseConditionForm(forms.Form):
    proof = forms.CharField(
        label="What shows that it is done",
        max_length=2000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Write what shows that it is done: an evidence number, a link, a sentence."},
    )
