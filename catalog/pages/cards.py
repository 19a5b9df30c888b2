"""Page: write a model card. What was typed is kept when somebody else saved first."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpResponse

from catalog import selectors
from catalog.models import ModelVersion
from catalog.pages.forms import CardForm
from catalog.pages.versions import card_rows, version_url
from catalog.services.cards import save_card
from portal.access import Permission
from portal.errors import Conflict
from portal.pages.base import ActPage

REVISIONS_SHOWN = 20


class CardPage(ActPage):
    permission = Permission.CATALOG_FACT_RECORD
    nav = "models"
    template_name = "catalog/card.html"
    form_class = CardForm
    success_message = "The card is saved."

    @cached_property
    def version(self) -> ModelVersion:
        return selectors.version_named(self.actor, self.kwargs["name"], self.kwargs["version"])

    @cached_property
    def state(self) -> selectors.CardState:
        return selectors.card_state(self.version)

    def get_initial(self) -> dict[str, Any]:
        return {**self.state.saved, "based_on": self.number}

    @property
    def number(self) -> int:
        return self.state.revision.number if self.state.revision else 0

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        revisions = self.version.card_revisions.select_related("author").order_by("-number")[:REVISIONS_SHOWN]
        return super().get_context_data(
            version=self.version,
            model=self.version.model,
            state=self.state,
            card_rows=card_rows(self.state),
            revisions=list(revisions),
            **kwargs,
        )

    def act(self, form: CardForm) -> str:
        try:
            save_card(self.version, actor=self.actor, sections=form.sections(), based_on=form.cleaned_data["based_on"])
        except Conflict:
            # Saving once more is then a decision made with the other text in view.
            form.data = {**form.data.dict(), "based_on": str(self.number)}  # type: ignore[attr-defined]
            self.stale = True
            raise
        return version_url(self.version)

    def form_invalid(self, form: CardForm) -> HttpResponse:
        stale = getattr(self, "stale", False)
        theirs = [row for row in card_rows(self.state) if self._differs(row, form)] if stale else []
        return self.render_to_response(self.get_context_data(form=form, stale=stale, theirs=theirs), status=422)

    def _differs(self, row: dict[str, Any], form: CardForm) -> bool:
        return not row["measured"] and self.state.saved.get(row["key"], "") != form.cleaned_data.get(row["key"], "")
