"""The form that closes the draft of an incident."""

from django import forms


class OutcomeForm(forms.Form):
    outcome = forms.CharField(
        label="What it was, and what was done",
        max_length=4000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Write what it was, in a sentence."},
    )
