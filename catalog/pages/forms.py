"""Forms of the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from catalog.choices import CARD_SECTIONS, Environment, Exposure, RiskTier
from catalog.models import DatasetSnapshot
from portal.access import Permission, teams_with
from portal.accounts.models import Team, User
from portal.ledger.canonical import MAX_SAFE_INTEGER, CanonicalError, parse_strict


class WordsField(forms.CharField):
    """Words separated by commas or lines, as a list."""

    def clean(self, value: Any) -> list[str]:  # type: ignore[override]
        text = super().clean(value)
        return [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, none of them read into memory."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(FilesField, self).clean(item, initial) for item in data or [] if item]


class TeamForm(forms.Form):
    """A form whose row belongs to a team in which the actor holds the permission."""

    team_permission: Permission
    team = forms.ModelChoiceField(Team.objects.none(), to_field_name="slug", empty_label=None)

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        everywhere, teams = teams_with(actor, self.team_permission)
        rows = Team.objects.all() if everywhere else Team.objects.filter(pk__in=teams)
        self.fields["team"].queryset = rows.order_by("name")  # type: ignore[attr-defined]


NAME_HINT = "As it stands in addresses and pipelines: lower-case letters, digits, dots and dashes."


class ModelForm(TeamForm):
    team_permission = Permission.CATALOG_MODEL_CREATE
    field_order = ["name", "title", "description", "team"]
    name = forms.CharField(max_length=80, help_text=NAME_HINT)
    title = forms.CharField(max_length=160, help_text="What people call it.")
    description = forms.CharField(
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What it estimates, and what its answer is used for.",
    )
    risk_tier = forms.ChoiceField(
        choices=[("", "Choose"), *RiskTier.choices], label="Risk tier", help_text="Policies read it."
    )
    intended_use = WordsField(
        max_length=2000, required=False, label="Intended uses", help_text="Short words, separated by commas."
    )
    affects_legal_or_safety = forms.BooleanField(
        required=False, label="Its answers may change somebody's rights, safety or access to a service"
    )


class VersionForm(forms.Form):
    """A version: files that are uploaded here, or declared by digest and uploaded later."""

    version = forms.CharField(max_length=40, help_text="Such as 1.2.0. It cannot be used again.")
    notes = forms.CharField(
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="What changed",
    )
    files = FilesField(
        required=False, label="Files", help_text="Their digest and size are taken here and fixed for good."
    )
    declared = forms.CharField(
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        label="Or files to be uploaded later",
        help_text="One a line: SHA-256, size in bytes, name.",
    )
    job_id = forms.CharField(max_length=120, required=False, label="Training run", help_text="The id of the job.")
    code_revision = forms.CharField(max_length=80, required=False, label="Code revision")
    parameters = forms.CharField(
        max_length=60_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text='JSON, such as {"max_depth": 6}.',
    )
    trained_by = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        label="Trained by",
        empty_label="Me",
        help_text="Who trained a version cannot approve it.",
    )
    train = forms.ModelMultipleChoiceField(DatasetSnapshot.objects.none(), required=False, label="Trained on")
    test = forms.ModelMultipleChoiceField(DatasetSnapshot.objects.none(), required=False, label="Tested on")

    def __init__(self, *args: Any, snapshots: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("train", "test"):
            self.fields[name].queryset = snapshots  # type: ignore[attr-defined]
        self.fields["trained_by"].queryset = people  # type: ignore[attr-defined]

    def clean_declared(self) -> list[tuple[str, int, str]]:
        rows = []
        for number, line in enumerate(self.cleaned_data["declared"].splitlines(), start=1):
            parts = line.split(None, 2)
            if not parts:
                continue
            if len(parts) != 3 or not parts[1].isdecimal() or int(parts[1]) > MAX_SAFE_INTEGER:
                raise forms.ValidationError(f"Line {number} is not SHA-256, size in bytes, name.")
            rows.append((parts[0].removeprefix("sha256:"), int(parts[1]), parts[2].strip()))
        return rows

    def clean_parameters(self) -> dict[str, Any]:
        return _json(self.cleaned_data["parameters"] or "{}", dict, "an object")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data["files"] and not data["declared"]:
            self.add_error("files", "A version needs at least one file: choose it, or declare it below.")
        if bool(data.get("job_id")) != bool(data.get("code_revision")):
            name = "code_revision" if data.get("job_id") else "job_id"
            self.add_error(name, "A training run needs its job id and its code revision.")
        return data


def _json(text: str, kind: type, words: str) -> Any:
    try:
        found = parse_strict(text)
    except CanonicalError as error:
        raise forms.ValidationError(f"This is not plain JSON: {error}.") from error
    if not isinstance(found, kind):
        raise forms.ValidationError(f"This is JSON, but not {words}.")
    return found


class UploadForm(forms.Form):
    artifact = forms.ChoiceField(label="Which file")
    file = forms.FileField(label="The file", help_text="It is kept only when its digest and size are as declared.")

    def __init__(self, *args: Any, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["artifact"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


class CardForm(forms.Form):
    """The sections that people write; measured ones are no fields at all."""

    based_on = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, (title, measured) in CARD_SECTIONS.items():
            if not measured:
                self.fields[key] = forms.CharField(
                    label=title,
                    required=False,
                    max_length=20_000,
                    widget=forms.Textarea(attrs={"rows": 4}),
                )

    def sections(self) -> dict[str, str]:
        """What was written, by section."""
        return {key: self.cleaned_data[key] for key in CARD_SECTIONS if key in self.cleaned_data}


class DatasetForm(TeamForm):
    team_permission = Permission.CATALOG_DATASET_CREATE
    field_order = ["name", "title", "description", "team"]
    name = forms.CharField(max_length=80, help_text=NAME_HINT)
    title = forms.CharField(max_length=160, help_text="What people call it.")
    description = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4}))


class SnapshotForm(forms.Form):
    label = forms.CharField(max_length=80, help_text="Such as 2026-06 or v12.")
    sha256 = forms.CharField(max_length=71, label="SHA-256", widget=forms.TextInput(attrs={"class": "mono"}))
    rows = forms.IntegerField(min_value=0, max_value=MAX_SAFE_INTEGER)
    columns = forms.CharField(
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text="One a line: name, then type, such as: age int64.",
    )
    residency = forms.CharField(max_length=40, help_text="Region where it is kept, such as eu-central-1.")
    licence = forms.CharField(max_length=120)
    retention_until = forms.DateField(
        required=False, label="Keep until", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    source = forms.CharField(max_length=300, required=False)
    legal_basis = forms.CharField(max_length=120, required=False, label="Legal basis")
    purposes = WordsField(max_length=2000, required=False, help_text="Short words, separated by commas.")
    contains_personal_data = forms.TypedChoiceField(
        choices=[("", "Choose"), ("yes", "Yes"), ("no", "No")],
        coerce=lambda value: value == "yes",
        label="Does it hold personal data?",
    )

    def clean_sha256(self) -> str:
        return str(self.cleaned_data["sha256"]).strip().lower().removeprefix("sha256:")

    def clean_columns(self) -> list[dict[str, str]]:
        found = []
        for number, line in enumerate(self.cleaned_data["columns"].splitlines(), start=1):
            parts = line.rsplit(None, 1)
            if not parts:
                continue
            if len(parts) != 2:
                raise forms.ValidationError(f"Line {number} has no type: write name, then type.")
            found.append({"name": parts[0].strip(), "type": parts[1]})
        return found


class EndpointForm(TeamForm):
    team_permission = Permission.CATALOG_ENDPOINT_CREATE
    field_order = ["name", "title", "team"]
    name = forms.CharField(max_length=80, help_text=NAME_HINT)
    title = forms.CharField(max_length=160, required=False)
    environment = forms.ChoiceField(choices=[("", "Choose"), *Environment.choices])
    regions = WordsField(max_length=2000, help_text="Where it answers from, such as eu-central-1, eu-west-3.")
    exposure = forms.ChoiceField(choices=Exposure.choices, label="Who sees its answers")
    data_classes = WordsField(
        max_length=2000, required=False, label="Classes of data", help_text="Such as personal, financial."
    )
    slo_p95_ms = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1, label="Promised p95, ms")
    slo_availability = forms.FloatField(
        required=False, min_value=0, max_value=1, label="Promised availability", help_text="Such as 0.995."
    )
    contract_version = forms.CharField(max_length=40, required=False, label="Version of its contract")
