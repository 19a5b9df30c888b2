"""Template tags of governance: where evidence leads, and how old a fact is."""

from __future__ import annotations

import datetime as dt

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

register = template.Library()
_PAGES = {"EV": "evidence", "AT": "attestation"}


@register.filter
def evidence_url(number: str) -> str:
    """The address of EV-12 or AT-12; empty for what is neither."""
    kind, _, digits = str(number).partition("-")
    try:
        return reverse(_PAGES[kind], kwargs={"number": int(digits)})
    except (KeyError, ValueError, NoReverseMatch):
        return ""


@register.simple_tag
def age(moment: dt.datetime) -> str:
    """How long ago, in the unit that a freshness limit counts in: "today", "1 day", "120 days"."""
    days = (timezone.now() - moment).days
    return "today" if days < 1 else f"{days} day{'' if days == 1 else 's'}"
