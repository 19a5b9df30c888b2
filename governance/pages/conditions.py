"""Page: close a condition with what shows that it is done."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from catalog.selectors import missing
from governance import selectors
from governance.models import Condition
from governance.pages.forms import CloseConditionForm
from governance.services.conditions import close_condition
from portal.access import Permission
from portal.pages.base import ActPage


class ConditionClosePage(ActPage):
    permission = Permission.GOVERNANCE_RELEASE_READ
    nav = "releases"
    template_name = "governance/condition_close.html"
    form_class = CloseConditionForm
    success_message = "The condition is closed."

    @property
    def condition(self) -> Condition:
        rows = Condition.objects.select_related("owner", "approval__person", "release__version__model__team")
        row = rows.filter(pk=self.kwargs["pk"], release__in=selectors.releases_for(self.actor).values("pk")).first()
        if row is None:
            raise missing("condition", str(self.kwargs["pk"]))
        return row

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(condition=self.condition, **kwargs)

    def act(self, form: CloseConditionForm) -> str:
        condition = self.condition
        close_condition(condition, actor=self.actor, proof=form.cleaned_data["proof"])
        return reverse("release", kwargs={"number": condition.release_id})
