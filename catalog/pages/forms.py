"""Forms of the catalog."""

from __future__ import annotations

from typing import Any

from django import forms

from catalog.choices import CARD_SECTIONS, Environment, Exposure, RiskTier


class WordsField(forms.CharField):
    """A comma list as a list of words."""

    def to_python(self, value: Any) -> Any:
        return [word.strip() for word in (super().to_python(value) or "").split(",") if word.strip()]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


class ModelForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="Lower-case letters, digits, dots, dashes.")
    title = forms.CharField(max_length=160)
    team = forms.ModelChoiceField(None)
    risk_tier = forms.ChoiceField(choices=RiskTier)
    description = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, required=False)
    intended_use = WordsField(required=False, help_text="Words, separated by commas.")
    affects_legal_or_safety = forms.BooleanField(
        required=False, label="Its output decides on rights, money or safety of a person"
    )

    def __init__(self, *args: Any, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]


class VersionForm(forms.Form):
    """A version with one file; more files are declared over the API."""

    version = forms.CharField(max_length=40, help_text="Such as 1.2.0. A version does not change later.")
    file = forms.FileField(label="The artifact", help_text="Its SHA-256 is taken while it is received.")
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, required=False)
    job_id = forms.CharField(max_length=120, label="Training job")
    code_revision = forms.CharField(max_length=80, label="Revision of the training code")
    region = forms.CharField(max_length=40, label="Region it was trained in", help_text="Such as eu-central-1.")


class CardForm(forms.Form):
    """The sections that people write; measured ones are filled from evidence."""

    based_on = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, (label, measured) in CARD_SECTIONS.items():
            if not measured:
                area = forms.Textarea(attrs={"rows": 4})
                self.fields[key] = forms.CharField(label=label, widget=area, max_length=20_000, required=False)


class DatasetForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="Lower-case letters, digits, dots, dashes.")
    title = forms.CharField(max_length=160)
    team = forms.ModelChoiceField(None)
    description = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, required=False)

    def __init__(self, *args: Any, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]


class EndpointForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="Lower-case letters, digits, dots, dashes.")
    title = forms.CharField(max_length=160, required=False)
    team = forms.ModelChoiceField(None)
    environment = forms.ChoiceField(choices=Environment)
    regions = WordsField(help_text="Separated by commas, such as eu-central-1, eu-west-3.")
    exposure = forms.ChoiceField(choices=Exposure)
    contract_version = forms.CharField(max_length=40, required=False)

    def __init__(self, *args: Any, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
