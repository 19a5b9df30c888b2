"""The two steps of the upload form: choose a file, then say what each column is for."""

from __future__ import annotations

from typing import Any

from django import forms

from audits.fairness.preview import Preview
from portal.errors import InvalidInput


class UploadForm(forms.Form):
    file = forms.FileField(
        label="Predictions file",
        help_text="CSV in UTF-8 with a header, also gzipped, or Parquet: one row a person, with the true outcome, "
        "the prediction, and the protected attributes.",
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty. Send a CSV or Parquet file with rows.",
        },
    )


class MappingForm(forms.Form):
    """What each column of the staged file is for; the choices come from its header."""

    staged = forms.CharField(widget=forms.HiddenInput)
    label = forms.ChoiceField(label="True outcome", help_text="The column of 0 and 1 that says what really happened.")
    prediction = forms.ChoiceField(label="Prediction", help_text="The column of 0 and 1 that the model said.")
    protected = forms.MultipleChoiceField(
        label="Protected attributes",
        widget=forms.CheckboxSelectMultiple,
        help_text="Groups of each are compared, and their intersections searched.",
        error_messages={"required": "Choose at least one protected attribute."},
    )
    favourable = forms.ChoiceField(
        label="Favourable prediction",
        choices=[("1", "1 is good for the person"), ("0", "0 is good for the person")],
        help_text="The ratio is about the favourable outcome; the other one gives another ratio.",
    )
    references = forms.CharField(
        label="Reference groups",
        required=False,
        max_length=500,
        help_text="Optional, as sex=Male, race=White. Without one, the group with the best rate is the reference.",
    )
    title = forms.CharField(label="Title", required=False, max_length=200)

    def __init__(self, *args: Any, preview: Preview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, name) for name in preview.columns]
        for name in ("label", "prediction", "protected"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        for name in ("label", "prediction", "protected"):
            self.fields[name].initial = getattr(preview, name)


def references_from(text: str) -> dict[str, str]:
    """{"sex": "Male"} from "sex=Male, race=White". Raises InvalidInput for a part without "="."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise InvalidInput(
                f"{part!r} does not name a reference group.",
                code="bad-reference",
                field="references",
                how="Write it as attribute=group, such as sex=Male.",
            )
        found[name.strip()] = value.strip()
    return found
