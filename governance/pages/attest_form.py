"""The form for one attested section, made from the facts schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from catalog.models import Endpoint, ModelVersion, RegisteredModel
from catalog.pages.forms import WordsField
from governance.gates.attested import Attested
from governance.gates.schema import FACTS
from governance.gates.shapes import Field, Message
from portal.ledger.canonical import MAX_SAFE_INTEGER

_YES = [("", "not known"), ("yes", "yes"), ("no", "no")]
_RAW = 4000


class AttestForm(forms.Form):
    """Each fact of the section as a field; what is left empty is not known. `value` and `about` once it is valid."""

    def __init__(
        self, *args: Any, attested: Attested, version: ModelVersion | None, endpoint: Endpoint | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.attested, self.version, self.endpoint = attested, version, endpoint
        message = FACTS.by_name[attested.section].message
        assert message is not None
        self._facts: list[tuple[str, Field]] = []
        for name in attested.fields:
            self._add(message.by_name[name], name, required=name in attested.key)
        abouts = [(kind, str(row)) for kind, row in self._abouts().items()]
        if len(abouts) > 1:
            self.fields["about"] = forms.ChoiceField(
                choices=[(kind, f"the {kind} {name}") for kind, name in abouts],
                label="What it is said of",
                help_text="Said of the model it holds for each of its versions; said of the endpoint, for all there.",
            )
        self.fields["source"] = forms.CharField(
            max_length=300, required=False, label="Where to look it up", help_text="A document, a ticket, a tool."
        )
        self.fields["valid_until"] = forms.DateField(
            required=False,
            label="Holds until",
            widget=forms.DateInput(attrs={"type": "date"}),
            help_text="The last day. After it the facts are not known.",
        )

    def clean(self) -> dict[str, Any]:
        if not self._abouts():
            self.add_error(None, f"There is no {' or '.join(self.attested.about)} that you see it could be said of.")
        return self.cleaned_data

    def _abouts(self) -> dict[str, RegisteredModel | ModelVersion | Endpoint]:
        model = self.version.model if self.version is not None else None
        rows = {"version": self.version, "model": model, "endpoint": self.endpoint}
        return {kind: row for kind, row in rows.items() if row is not None and kind in self.attested.about}

    def _add(self, fact: Field, path: str, *, required: bool = False) -> None:
        if fact.message is not None and not fact.repeated:
            for one in fact.message.fields:
                self._add(one, f"{path}.{one.name}")
            return
        self._facts.append((path, fact))
        self.fields[path] = _control(fact, f"{self.attested.section}.{path}", required)

    @property
    def about(self) -> RegisteredModel | ModelVersion | Endpoint:
        abouts = self._abouts()
        return abouts[self.cleaned_data.get("about") or next(iter(abouts))]

    @property
    def value(self) -> dict[str, Any]:
        """The section as the facts schema has it, without what was left empty."""
        found: dict[str, Any] = {}
        for path, fact in self._facts:
            given = self.cleaned_data.get(path)
            if given in (None, "", []):
                continue
            *outer, name = path.split(".")
            place = found
            for part in outer:
                place = place.setdefault(part, {})
            place[name] = _plain(fact, given)
        return found

    @property
    def circumstances(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("source", "valid_until")}


def _control(fact: Field, path: str, required: bool) -> forms.Field:
    more: dict[str, Any] = {"label": fact.doc.removesuffix("."), "help_text": path, "required": required}
    if fact.message is not None:
        names = ", ".join(one.name.replace("_", " ") for one in fact.message.fields)
        more["help_text"] = f"{path}: one a line, {names}."
        return RowsField(fact.message, **more)
    if fact.repeated:
        return WordsField(max_length=_RAW, **more | {"help_text": f"{path}: words, separated by commas."})
    if fact.kind == "bool":
        return forms.ChoiceField(choices=_YES, **more)
    if fact.kind == "int":
        return forms.IntegerField(min_value=0, max_value=MAX_SAFE_INTEGER, **more)
    if fact.kind == "double":
        return forms.FloatField(min_value=0, **more)
    if fact.kind == "timestamp":
        more["help_text"] = f"{path}, in UTC"
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"})
        return forms.DateTimeField(widget=widget, **more)
    if fact.kind == "date":
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **more)
    return forms.CharField(max_length=300, **more)


class RowsField(forms.CharField):
    """Rows of a list inside a section: one a line, its facts separated by commas; a last one may be left out."""

    def __init__(self, message: Message, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), max_length=_RAW, **kwargs)
        self.message = message

    def clean(self, value: Any) -> list[dict[str, str]]:  # type: ignore[override]
        names = [one.name for one in self.message.fields]
        rows = []
        for line in super().clean(value).splitlines():
            parts = [part.strip() for part in line.split(",", len(names) - 1)]
            if any(parts):
                rows.append({name: part for name, part in zip(names, parts, strict=False) if part})
        return rows


def _plain(fact: Field, given: Any) -> Any:
    if fact.kind == "bool":
        return given == "yes"
    if isinstance(given, datetime):
        return given.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return given.isoformat() if fact.kind == "date" else given
