"""The audit log: the list with its filters and exports, one entry with its proof, and what is public of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils.http import urlencode
from django.views.generic.base import View

from portal.access import Permission
from portal.accounts.models import User
from portal.ledger import links, selectors
from portal.ledger.exports import FORMATS
from portal.ledger.models import LedgerEntry
from portal.ledger.words import event_words
from portal.pages.base import Page, ReadPage

PAGE_SIZE = 50
# The four steps of static/js/verify.js, in its order.
STEPS = ("Hash this entry", "Combine it with its neighbours", "Check the log’s signature", "Check the witnesses")
DATE = forms.DateInput(attrs={"type": "date", "class": "inp"}, format="%Y-%m-%d")


def _text(label: str, placeholder: str, size: int) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "inp", "placeholder": placeholder, "autocomplete": "off"})
    return forms.CharField(label=label, required=False, max_length=size, widget=widget)


class FilterForm(forms.Form):
    """The filters as they stand in the address."""

    event = forms.ChoiceField(label="Event", required=False, widget=forms.Select(attrs={"class": "inp"}))
    subject_type = forms.ChoiceField(label="Subject", required=False, widget=forms.Select(attrs={"class": "inp"}))
    subject_id = _text("Its id", "for example 12", 200)
    actor = _text("Who", "user name, or portal", 150)
    since = forms.DateTimeField(label="From", required=False, widget=DATE)
    until = forms.DateTimeField(label="Before", required=False, widget=DATE)

    def __init__(self, data: Any, *, actor: User) -> None:
        super().__init__(data)
        events = [(name, event_words(name)) for name in selectors.known_events(actor)]
        types = [(name, name) for name in selectors.known_subject_types(actor)]
        self.fields["event"].choices = [("", "All events"), *events]  # type: ignore[attr-defined]
        self.fields["subject_type"].choices = [("", "All subjects"), *types]  # type: ignore[attr-defined]

    @property
    def filters(self) -> selectors.Filters:
        """The valid filters; a field that cannot be read narrows nothing and shows its error."""
        self.is_valid()
        return selectors.Filters(**{name: value for name, value in self.cleaned_data.items() if value})

    @property
    def query(self) -> str:
        """The filters as a query string."""
        return urlencode({name: value for name, value in self.data.items() if name in self.fields and value})


def described(entry: LedgerEntry) -> LedgerEntry:
    """The entry with its event in words and the address of its subject, for a template."""
    entry.words = event_words(entry.event)  # type: ignore[attr-defined]
    entry.subject_url = links.address_of(entry.subject_type, entry.subject_id)  # type: ignore[attr-defined]
    return entry


def _key(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 19 else None


class AuditLogPage(ReadPage):
    """What happened, newest first."""

    permission = Permission.PORTAL_LEDGER_READ
    nav = "audit-log"
    template_name = "portal/audit_log.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = FilterForm(self.request.GET, actor=self.actor)
        filters, before = form.filters, _key(self.request.GET.get("before"))
        rows = selectors.narrow(selectors.entries_for(self.actor), filters).order_by("-id")
        page = list((rows if before is None else rows.filter(id__lt=before))[: PAGE_SIZE + 1])
        older = page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None
        return super().get_context_data(
            form=form,
            entries=[described(entry) for entry in page[:PAGE_SIZE]],
            is_filtered=not filters.is_empty,
            query=form.query,
            reads_all=selectors.reads_all(self.actor),
            before=before,
            older=older,
            checkpoint=selectors.latest_checkpoint(),
            assurance=selectors.assurance(),
            **kwargs,
        )


class AuditLogExport(Page):
    """The same list as a file, whole, oldest first."""

    permission = Permission.PORTAL_LEDGER_READ

    def get(self, request: HttpRequest, form: str) -> StreamingHttpResponse:
        content_type, write = FORMATS[form]
        filters = FilterForm(request.GET, actor=self.actor).filters
        rows = selectors.narrow(selectors.entries_for(self.actor), filters)
        response = StreamingHttpResponse(write(rows), content_type=content_type)
        response["Content-Disposition"] = f'attachment; filename="audit-log.{form}"'
        return response


class LedgerEntryPage(ReadPage):
    """One entry: what was logged, and the proof that it is in the log, checked in the browser."""

    permission = Permission.PORTAL_LEDGER_READ
    nav = "audit-log"
    template_name = "portal/ledger_entry.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry = described(selectors.entry_numbered(self.actor, kwargs["idx"]))
        checkpoint = selectors.latest_checkpoint()
        return super().get_context_data(
            entry=entry,
            personal=list(entry.personal.order_by("name")),
            proof=selectors.proof_of(entry, checkpoint),
            checkpoint=checkpoint,
            assurance=selectors.assurance(),
            address=self.request.build_absolute_uri(),
            steps=STEPS,
            history=[described(one) for one in self._about(entry)[:10]],
            **kwargs,
        )

    def _about(self, entry: LedgerEntry) -> QuerySet[LedgerEntry]:
        """What else happened to the subject, as far as this reader may see it."""
        same = selectors.Filters(subject_type=entry.subject_type, subject_id=entry.subject_id)
        return selectors.narrow(selectors.entries_for(self.actor), same).order_by("-id")


class LedgerEntryJson(Page):
    """The proof of one entry as a file, for a check without this portal."""

    permission = Permission.PORTAL_LEDGER_READ

    def get(self, request: HttpRequest, idx: int) -> JsonResponse:
        proof = selectors.proof_of(selectors.entry_numbered(self.actor, idx))
        if proof is None:
            raise Http404("No checkpoint covers this entry yet.")
        headers = {"Content-Disposition": f'attachment; filename="entry-{idx}-proof.json"'}
        return JsonResponse(proof, headers=headers, json_dumps_params={"indent": 2, "ensure_ascii": False})


class _PublicText(View):
    """A text that everybody may read, so that anybody can keep a copy of it."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> HttpResponse:
        response = HttpResponse(self.text(), content_type="text/plain; charset=utf-8")
        response["Cache-Control"] = "public, max-age=2"
        return response

    def text(self) -> str:
        raise NotImplementedError


class LogCheckpoint(_PublicText):
    """The newest signed note (C2SP tlog-checkpoint)."""

    def text(self) -> str:
        checkpoint = selectors.latest_checkpoint()
        if checkpoint is None:
            raise Http404("The log has no checkpoint yet.")
        return checkpoint.note


class LogKey(_PublicText):
    """The log's public key as C2SP tools read it: name+id+key."""

    def text(self) -> str:
        return f"{selectors.verifier_text()}\n"


class LogKeyPem(_PublicText):
    """The same key as openssl reads it."""

    def text(self) -> str:
        return selectors.key_pem()
