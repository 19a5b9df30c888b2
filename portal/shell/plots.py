"""Plots as SVG, drawn on the server: estimates with their intervals against a limit.

Every shape carries presentation attributes for print and a class for the screen; a class wins over an
attribute, so the same SVG follows the theme in a browser and prints in WeasyPrint. No inline style is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

FONT = "IBM Plex Sans, DejaVu Sans, sans-serif"
INK = {"acc": "#2b48b0", "warn": "#a86a00", "fail": "#a8271d"}
TEXT = {"c-t1": "#1b1d1f", "c-t2": "#494d53", "c-t3": "#60656c", "c-fail": "#a8271d"}
TONES = {"above": "acc", "crosses": "warn", "below": "fail"}
GRID = "#e9eaec"


@dataclass(frozen=True)
class Estimate:
    """One row of a plot. value, lower, upper: in the plot's unit, None where undefined; n: people counted."""

    label: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    heading: str = ""
    is_reference: bool = False


def reading(
    value: float | None, lower: float | None, upper: float | None, limit: float, lower_is_better: bool = False
) -> str:
    """How an estimate stands to its limit.

    "below" when the estimate itself is on the wrong side, "crosses" when only its interval reaches there,
    else "above"; "undefined" without a value. The words are for a minimum; a maximum mirrors them.
    """
    if value is None:
        return "undefined"
    if lower_is_better:
        return reading(-value, None if upper is None else -upper, None, -limit)
    if value < limit:
        return "below"
    return "crosses" if lower is not None and lower < limit else "above"


def number(value: float | None, digits: int = 2) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _shape(name: str, words: str = "", **attributes: object) -> SafeString:
    """One SVG element; `css` stands for class, `_` for `-`, and floats keep one decimal."""
    pairs = []
    for key, value in attributes.items():
        name_of = "class" if key == "css" else key.replace("_", "-")
        text = f"{value:.1f}" if isinstance(value, float) else str(value)
        pairs.append(format_html(' {}="{}"', name_of, text))
    return format_html("<{0}{1}>{2}</{0}>", name, mark_safe("".join(pairs)), words)  # noqa: S308 (escaped above)


def _line(css: str, x1: float, y1: float, x2: float, y2: float, ink: str, width: float) -> SafeString:
    return _shape("line", css=css, x1=x1, y1=y1, x2=x2, y2=y2, stroke=ink, stroke_width=width)


def _limit(x: float, top: float, bottom: float, dash: str) -> SafeString:
    return _shape(
        "line",
        css="c-fail-s",
        x1=x,
        y1=top,
        x2=x,
        y2=bottom,
        stroke=INK["fail"],
        stroke_width=1.4,
        stroke_dasharray=dash,
    )


def _text(css: str, x: float, y: float, words: str, anchor: str = "start", weight: int = 400) -> SafeString:
    return _shape(
        "text", words, css=css, x=x, y=y, font_size=13, text_anchor=anchor, fill=TEXT[css], font_weight=weight
    )


def _mark(tone: str, x: float, y: float, r: float) -> SafeString:
    """A shape per tone, so that colour is never the only sign: circle, diamond, triangle."""
    if tone == "acc":
        return _shape("circle", css="c-acc-f", cx=x, cy=y, r=r, fill=INK[tone])
    if tone == "warn":
        d = 1.3 * r
        path = f"M{x:.1f} {y - d:.1f}l{d:.1f} {d:.1f}l-{d:.1f} {d:.1f}l-{d:.1f} -{d:.1f}z"
    else:
        path = f"M{x - 1.25 * r:.1f} {y - r:.1f}h{2.5 * r:.1f}l-{1.25 * r:.1f} {2.2 * r:.1f}z"
    return _shape("path", css=f"c-{tone}-f", d=path, fill=INK[tone])


def _svg(css: str, width: int, height: int, said: str, parts: Sequence[SafeString]) -> SafeString:
    return format_html(
        '<svg class="chart {0}" viewBox="0 0 {1} {2}" width="{1}" height="{2}" role="img" aria-label="{3}" '
        'font-family="{4}">{5}</svg>',
        css,
        width,
        height,
        said,
        FONT,
        mark_safe("".join(parts)),  # noqa: S308 (every part comes from _shape)
    )


def small_interval(
    value: float | None,
    lower: float | None,
    upper: float | None,
    limit: float,
    *,
    start: float = 0.6,
    stop: float = 1.2,
    lower_is_better: bool = False,
) -> SafeString:
    """An interval against its limit, 104 × 20 px, for a table cell. What lies outside the scale ends at its edge."""
    if value is None:
        return mark_safe('<span class="dim">undefined</span>')

    def x(v: float) -> float:
        return 4 + 96 * (min(max(v, start), stop) - start) / (stop - start)

    tone = TONES[reading(value, lower, upper, limit, lower_is_better)]
    parts = [_line("c-grid", 4.0, 10.0, 100.0, 10.0, GRID, 1), _limit(x(limit), 2.0, 18.0, "3 2.5")]
    words = number(value)
    if lower is not None and upper is not None:
        parts.append(_line(f"c-{tone}-s", x(lower), 10.0, x(upper), 10.0, INK[tone], 2))
        words += f", interval {number(lower)} to {number(upper)}"
    parts.append(_mark(tone, x(value), 10.0, 3.8))
    return _svg("mini", 104, 20, f"{words}, limit {number(limit)}", parts)


def axis(rows: Sequence[Estimate], limit: float) -> tuple[float, float, list[float]]:
    """(start, stop, ticks) around all rows, the limit and 1.0; values beyond 3 are drawn at the edge."""
    seen = [limit, 1.0, *(v for row in rows for v in (row.value, row.lower, row.upper) if v is not None)]
    low, high = max(0.0, min(seen)), min(3.0, max(seen))
    step = 0.1 if high - low <= 0.8 else 0.2 if high - low <= 1.6 else 0.5
    start = max(0.0, floor((low - 0.02) / step) * step)
    count = max(1, ceil((high + 0.02 - start) / step))
    ticks = [round(start + i * step, 2) for i in range(count + 1)]
    return start, ticks[-1], ticks


def describe(rows: Sequence[Estimate], limit: float) -> str:
    """The plot in words: the lowest group with its interval, and how many groups lie below the limit."""
    judged = [(row.value, row) for row in rows if row.value is not None and not row.is_reference]
    if not judged:
        return "No group could be measured."
    value, lowest = min(judged, key=lambda pair: pair[0])
    span = "" if lowest.lower is None else f", interval {number(lowest.lower)} to {number(lowest.upper)}"
    under = sum(1 for v, _ in judged if v < limit)
    return f"Lowest: {lowest.label}, {number(value)}{span}. Groups below {number(limit)}: {under}."


def interval_plot(
    rows: Sequence[Estimate], limit: float, *, title: str, limit_label: str, narrow: bool = False
) -> SafeString:
    """Estimates with intervals, one row each under headings, against a limit; 760 px wide, or 342 for a phone."""
    width, left, right, row_height = (342, 4, 10, 42) if narrow else (760, 180, 150, 28)
    start, stop, ticks = axis(rows, limit)

    def x(v: float) -> float:
        return left + (width - left - right) * (min(max(v, start), stop) - start) / (stop - start)

    body: list[SafeString] = []
    y, heading = 34.0, ""
    for row in rows:
        if row.heading and row.heading != heading:
            heading = row.heading
            body.append(_text("c-t3", 0.0, y + 16, heading, weight=600))
            y += 26
        body += _row(row, y, x, limit, width, narrow)
        y += row_height
    bottom = y + 6
    shade = {"css": "c-failzone", "fill": INK["fail"], "fill_opacity": ".06"}
    back = [_shape("rect", x=x(start), y=34, width=x(limit) - x(start), height=bottom - 34, **shade)]
    for tick in ticks:
        back.append(_line("c-grid", x(tick), 34.0, x(tick), bottom, GRID, 1))
        back.append(_text("c-t3", x(tick), bottom + 17, f"{tick:.1f}", "middle"))
    before = x(limit) > width * 0.6
    label_at, anchor = (x(limit) - 7, "end") if before else (x(limit) + 7, "start")
    back += [_limit(x(limit), 22.0, bottom, "5 4"), _text("c-fail", label_at, 26.0, limit_label, anchor, 600)]
    said = f"{title}. {describe(rows, limit)}"
    return _svg("chart-narrow" if narrow else "chart-wide", width, ceil(bottom + 24), said, back + body)


def _row(
    row: Estimate, y: float, x: Callable[[float], float], limit: float, width: int, narrow: bool
) -> list[SafeString]:
    base, mid = (y + 14, y + 27) if narrow else (y + 18, y + 14)
    parts = [_text("c-t1", 0.0, base, row.label)]
    if row.n is not None and not narrow:
        parts.append(_text("c-t3", 166.0, base, f"n {row.n:,}", "end"))
    told = "reference" if row.is_reference else "undefined" if row.value is None else ""
    span = ""
    if row.is_reference:
        parts.append(
            _shape(
                "circle",
                css="c-open",
                cx=x(1.0),
                cy=mid,
                r=4,
                fill="#fff",
                stroke="#53565a",
                stroke_width=1.5,
            )
        )
    elif row.value is not None:
        tone = TONES[reading(row.value, row.lower, row.upper, limit)]
        if row.lower is not None and row.upper is not None:
            span = f"{row.lower:.2f}–{row.upper:.2f}"
            parts.append(_line(f"c-{tone}-s", x(row.lower), mid, x(row.upper), mid, INK[tone], 2))
            parts += [_line(f"c-{tone}-s", x(v), mid - 4, x(v), mid + 4, INK[tone], 2) for v in (row.lower, row.upper)]
        parts.append(_mark(tone, x(row.value), mid, 5.0))
    if narrow:
        words = told or (f"{number(row.value)} ({span})" if span else number(row.value))
        return [*parts, _text("c-t3" if told else "c-t1", float(width), base, words, "end")]
    if told:
        return [*parts, _text("c-t3", width - 138.0, base, told)]
    return [
        *parts,
        _text("c-t1", width - 138.0, base, number(row.value), weight=600),
        _text("c-t2", width - 102.0, base, span),
    ]
