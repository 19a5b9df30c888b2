"""Template tags of the shell: icons, status, digests, times, people, numbers and interval plots."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal import access
from portal.ledger import words as ledger_words
from portal.shell import plots

register = template.Library()
DIM = '<span class="dim">{}</span>'

# What a state or verdict looks like: (tone, icon, word). Tone, icon and word always come together.
STATUS: dict[str, tuple[str, str, str]] = {
    "pass": ("pass", "circle-check", "Pass"),
    "fail": ("fail", "octagon-x", "Fails"),
    "ask": ("warn", "user-check", "Asks a person"),
    "unknown": ("idle", "circle-dashed", "Unknown"),
    "not_applicable": ("idle", "minus", "Not applicable"),
    "editing": ("info", "pen-line", "Draft"),
    "proposed": ("warn", "user-check", "Waits for its owners"),
    "active": ("pass", "circle-check", "In force"),
    "abandoned": ("idle", "undo-2", "Given up"),
    "warn": ("warn", "triangle-alert", "Attention"),
    "idle": ("idle", "circle-dashed", "Open"),
    "queued": ("idle", "hourglass", "Queued"),
    "running": ("idle", "loader", "Running"),
    "done": ("pass", "circle-check", "Done"),
    "failed": ("fail", "octagon-x", "Failed"),
    "dead": ("fail", "octagon-x", "Given up"),
    "cancelled": ("idle", "ban", "Cancelled"),
    "checking": ("idle", "loader", "Gates running"),
    "waiting": ("warn", "user-check", "Waiting"),
    "in_review": ("warn", "user-check", "In review"),
    "approved": ("pass", "circle-check", "Approved"),
    "approve": ("pass", "circle-check", "Approved"),
    "conditions": ("pass", "list-checks", "Approved with conditions"),
    "approve_with_conditions": ("pass", "list-checks", "Approved with conditions"),
    "changes": ("warn", "pen-line", "Changes asked"),
    "changes_asked": ("warn", "pen-line", "Changes asked"),
    "reject": ("fail", "octagon-x", "Rejected"),
    "rejected": ("fail", "octagon-x", "Rejected"),
    "refused": ("fail", "octagon-x", "Refused by the gates"),
    "blocked": ("fail", "octagon-x", "Blocked"),
    "stale": ("warn", "rotate-ccw", "Stale"),
    "withdrawn": ("idle", "undo-2", "Withdrawn"),
    "draft": ("info", "pen-line", "Draft"),
    "rolling_out": ("info", "layers", "Rolling out"),
    "burn_in": ("info", "eye", "Burn-in"),
    "held": ("warn", "pause", "Held"),
    "suspended": ("fail", "ban", "Suspended"),
    "rolling_back": ("warn", "undo-2", "Rolling back"),
    "rolled_back": ("fail", "undo-2", "Rolled back"),
    "expired": ("idle", "calendar-clock", "Expired"),
    "superseded": ("idle", "history", "Superseded"),
    "live": ("pass", "circle-play", "Live"),
    "released": ("pass", "circle-play", "Released"),
    "ended": ("idle", "archive", "Ended"),
    "retired": ("idle", "archive", "Retired"),
    "overdue": ("fail", "calendar-clock", "Overdue"),
    "met": ("pass", "circle-check", "Met"),
    "open": ("idle", "circle-dashed", "Open"),
    "above": ("pass", "circle-check", "Above the limit"),
    "crosses": ("warn", "triangle-alert", "Interval crosses"),
    "below": ("fail", "octagon-x", "Below the limit"),
    "undefined": ("idle", "circle-dashed", "Undefined"),
}
TONES = ("pass", "warn", "fail", "idle")


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """An icon of the sprite. size: "", "sm" or "lg"; with a label it is an image, else decoration."""
    css = f"i i-{size}" if size else "i"
    said = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    sprite = static("icons/sprite.svg")
    return format_html('<svg class="{}" {}><use href="{}#{}"></use></svg>', css, said, sprite, name)


@register.simple_tag
def status(kind: str, word: str = "", icon_name: str = "", chip: bool = False) -> SafeString:
    """Icon, word and colour for a verdict or state. kind: a key of STATUS; others are drawn as idle."""
    fallback = ("idle", "circle-dashed", str(kind).replace("_", " ").capitalize())
    look, mark, default = STATUS.get(str(kind), fallback)
    css = f"st {look} chip" if chip else f"st {look}"
    return format_html('<span class="{}">{}{}</span>', css, icon(icon_name or mark), word or default)


@register.filter
def tone(kind: str) -> str:
    """The tone (pass, warn, fail, idle) of a verdict or state, for a class."""
    return STATUS.get(str(kind), ("idle", "", ""))[0]


@register.simple_tag
def digest(value: str | bytes | None, length: int = 12, copy: bool = True, prefix: str = "sha256:") -> SafeString:
    """A digest: short, monospaced, whole in the title, with a button that copies it. Bytes become hex."""
    if not value:
        return format_html(DIM, "none")
    whole = value.hex() if isinstance(value, bytes | memoryview) else str(value).removeprefix(prefix)
    shown = f"{prefix}{whole[:length]}…" if len(whole) > length else f"{prefix}{whole}"
    text = format_html('<span class="hash" title="{}{}">{}</span>', prefix, whole, shown)
    if not copy:
        return text
    return format_html('<span class="dg">{}{}</span>', text, copy_button(prefix + whole, f"Copy {shown}"))


@register.simple_tag
def copy_button(text: str, label: str = "Copy", words: str = "") -> SafeString:
    """A button that copies a text; shown only where scripts run."""
    css = "btn quiet sm js-only" if words else "btn quiet icon sm js-only"
    return format_html(
        '<button class="{}" type="button" data-act="copy" data-copy="{}" aria-label="{}">{}{}</button>',
        css,
        text,
        label,
        icon("copy", "sm"),
        words,
    )


def _clock(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC) if timezone.is_aware(moment) else moment.replace(tzinfo=dt.UTC)


def _due(moment: dt.datetime, now: dt.datetime) -> str:
    days = (moment.date() - now.date()).days
    if moment < now:
        late = now - moment
        return f"overdue by {late.days} days" if late.days > 1 else "overdue"
    if days < 2:
        return f"due {('today', 'tomorrow')[days]}, {moment:%H:%M} UTC"
    return f"due {moment.day} {moment:%b %Y}" if days > 6 else f"due in {days} days"


@register.simple_tag
def when(moment: dt.datetime | dt.date | str | None, style: str = "full", empty: str = "not set") -> SafeString:
    """A time: short words, ISO UTC in the title. style: full, short, date, or due ("due today, 17:00 UTC")."""
    if not moment:
        return format_html(DIM, empty)
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    if not isinstance(moment, dt.datetime):
        words = f"{moment.day} {moment:%b %Y}"
        if style == "due":
            words = f"overdue since {words}" if moment < timezone.now().date() else f"due {words}"
        return format_html('<time datetime="{0}" title="{0}">{1}</time>', moment.isoformat(), words)
    at = _clock(moment)
    iso = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    words = {
        "full": f"{at.day} {at:%b %Y, %H:%M} UTC",
        "short": f"{at.day} {at:%b, %H:%M}",
        "date": f"{at.day} {at:%b %Y}",
        "due": _due(at, timezone.now()) if style == "due" else "",
    }[style]
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', iso, words)


@register.simple_tag
def avatar(user: Any, size: str = "") -> SafeString:
    """Initials of a person, as decoration; a service identity is square."""
    look, inside = "bot", icon("shield-check", "sm")
    if user is not None:
        is_service = getattr(user, "kind", "") == "service"
        look = "bot" if is_service else "abcd"[(getattr(user, "pk", 0) or 0) % 4]
        inside = format_html("{}", getattr(user, "initials", "?"))
    return format_html('<span class="av {} {}" aria-hidden="true">{}</span>', look, size, inside)


@register.simple_tag(takes_context=True)
def person(context: template.Context, user: Any) -> SafeString:
    """The name of a person, with "(you)" for the reader; the portal itself when there is nobody."""
    if user is None:
        return mark_safe("the portal")
    reader = getattr(context.get("request"), "user", None)
    is_reader = reader is not None and reader.pk is not None and reader.pk == getattr(user, "pk", None)
    return format_html('<span class="nowrap">{}</span>{}', str(user), " (you)" if is_reader else "")


@register.filter
def control(field: Any) -> SafeString:
    """A form field's control with the class of the design; check boxes and radio buttons keep their own look."""
    kind = getattr(field.field.widget, "input_type", "")
    plain = kind in ("checkbox", "radio", "hidden")
    return field.as_widget(attrs={} if plain else {"class": f"{field.field.widget.attrs.get('class', '')} inp".strip()})


@register.simple_tag(takes_context=True)
def draw(context: template.Context, panel: Any) -> SafeString:
    """A panel that an app registered: its template, with its context on top of the page's own."""
    assert context.template is not None
    found = context.template.engine.get_template(panel.template)
    with context.push(**panel.context):
        return found.render(context)


@register.filter
def may(user: Any, permission: str) -> bool:
    """Whether the reader holds the permission in any team: {% if user|may:"portal:token:own" %}."""
    return bool(getattr(user, "is_authenticated", False)) and access.can(user, access.Permission(permission))


@register.filter
def event_words(event: str) -> str:
    """An event of the ledger in words: "governance:release:requested" → "release requested"."""
    return ledger_words.event_words(event)


@register.filter
def num(value: float | None, digits: int = 3) -> str:
    """A number for reading: 18442 → "18,442", 0.8123 → "0.812"; None → "undefined"."""
    if value is None or value == "":
        return "undefined"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{float(value):,.{int(digits)}f}"


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """A share for reading: 0.1234 → "12.3 %"; None → "undefined"."""
    if value is None or value == "":
        return "undefined"
    return f"{float(value) * 100:.{int(digits)}f}\N{NO-BREAK SPACE}%"


@register.filter
def signed(value: float | None, digits: int = 3) -> str:
    """A difference for reading: 0.0151 → "+0.015", -0.03 → "−0.030"; None → "undefined"."""
    if value is None or value == "":
        return "undefined"
    rounded = f"{abs(float(value)):.{int(digits)}f}"
    return rounded if not float(rounded) else ("+" if float(value) > 0 else "\N{MINUS SIGN}") + rounded


@register.simple_tag
def counted(n: int, one: str, many: str = "") -> str:
    """A count in words: {% counted 1 "release" %} → "1 release"; 0 → "no releases"; many: the plural."""
    plural = many or f"{one}s"
    return f"1 {one}" if n == 1 else f"{n:,} {plural}" if n else f"no {plural}"


@register.filter
def words(items: Any) -> str:
    """A list in words: ["a", "b", "c"] → "a, b and c"."""
    texts = [str(item) for item in items or ()]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "none"


@register.filter
def as_json(value: Any) -> str:
    """A value as indented JSON, for a page that shows a document (escaped by the template as any text)."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


@register.filter
def lines(text: str) -> list[str]:
    """A text by lines, for a listing with line numbers."""
    return str(text).splitlines()


@register.simple_tag
def interval(
    value: float | None,
    lower: float | None = None,
    upper: float | None = None,
    limit: float = 0.8,
    start: float = 0.6,
    stop: float = 1.2,
    lower_is_better: bool = False,
) -> SafeString:
    """A small drawing of an estimate with its interval against a limit; its label says the same in words."""
    return plots.small_interval(value, lower, upper, limit, start=start, stop=stop, lower_is_better=lower_is_better)


@register.simple_tag
def reading(
    value: float | None, lower: float | None, upper: float | None, limit: float, lower_is_better: bool = False
) -> str:
    """Where an estimate stands to its limit: above, crosses, below or undefined; give it to `status`."""
    return plots.reading(value, lower, upper, limit, lower_is_better)


@register.simple_tag
def interval_plot(
    measures: Any, limit: float = 0.8, title: str = "Ratio by group", limit_label: str = ""
) -> SafeString:
    """The plot of a bias report, wide and narrow. measures: rows with attribute, group, reference, n, ratio,
    ratio_lower, ratio_upper, grouped by attribute; the row whose group is its reference is drawn as such."""
    rows = [
        plots.Estimate(
            label=str(row.group),
            value=row.ratio,
            lower=row.ratio_lower,
            upper=row.ratio_upper,
            n=row.n,
            heading=str(row.attribute).replace("_", " ").capitalize(),
            is_reference=row.group == row.reference,
        )
        for row in measures
    ]
    said = limit_label or f"limit {limit:.2f}"
    wide = plots.interval_plot(rows, limit, title=title, limit_label=said)
    return wide + plots.interval_plot(rows, limit, title=title, limit_label=said, narrow=True)
