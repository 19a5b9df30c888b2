"""Every component of the shell on one page, in all its states."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import forms
from django.contrib.staticfiles import finders
from django.utils import timezone

from portal.access import Permission
from portal.jobs.choices import State
from portal.jobs.models import Job
from portal.pages.base import ReadPage
from portal.shell.plots import Estimate, interval_plot
from portal.templatetags.ui import STATUS


@lru_cache(maxsize=1)
def icon_names() -> tuple[str, ...]:
    """The icons that the sprite holds."""
    found = finders.find("icons/sprite.svg")
    return tuple(re.findall(r'<symbol id="([^"]+)"', Path(str(found)).read_text())) if found else ()


class ExampleForm(forms.Form):
    """A form that was sent with mistakes, for the look of them."""

    name = forms.CharField(label="Name", max_length=40, help_text="Small letters, digits and hyphens.")
    reason = forms.CharField(label="Why", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    due_on = forms.DateField(label="Until", widget=forms.DateInput(attrs={"type": "date"}))
    team = forms.ChoiceField(label="Team", choices=[("", "Choose a team"), ("lending", "Lending")])


def example_jobs() -> list[Job]:
    """Jobs that are only drawn: a job that polls would ask for a row that does not exist, so these are over."""
    at = timezone.now()
    return [
        Job(kind="audits:bias", state=State.DONE, progress=100, step="Done", finished_at=at),
        Job(kind="audits:pack", state=State.FAILED, error="The column y_true is missing.", finished_at=at),
        Job(kind="audits:pack", state=State.CANCELLED, finished_at=at),
    ]


class StyleguidePage(ReadPage):
    permission = Permission.PORTAL_STYLEGUIDE_READ
    nav = "styleguide"
    template_name = "portal/styleguide.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = [
            Estimate("women", 0.83, 0.79, 0.87, n=4210, heading="Example attribute", is_reference=False),
            Estimate("men", None, None, None, n=6020, heading="Example attribute", is_reference=True),
            Estimate("unknown", 0.64, 0.51, 0.77, n=310, heading="Example attribute", is_reference=False),
        ]
        return super().get_context_data(
            statuses=list(STATUS),
            icons=icon_names(),
            form=ExampleForm({"name": "Not A Name " * 6, "due_on": ""}),
            jobs=example_jobs(),
            plot=interval_plot(rows, 0.8, title="Example ratio by group", limit_label="limit 0.80"),
            now=timezone.now(),
            **kwargs,
        )
