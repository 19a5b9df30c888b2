"""What holds for every template: nothing that a strict CSP refuses, no icon that the sprite lacks."""

import re
from pathlib import Path

import pytest

from portal.pages.styleguide import icon_names
from portal.shell import nav
from portal.templatetags.ui import STATUS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for path in sorted((ROOT / "templates").rglob("*.html")) if "reports" not in path.parts]
PRINTED = sorted((ROOT / "templates" / "reports").rglob("*.html"))
REFUSED = {
    "inline style": re.compile(r"<[^>]*\sstyle\s*=", re.I),
    "style element": re.compile(r"<style\b", re.I),
    "inline script": re.compile(r"<script\b(?![^>]*\bsrc=)", re.I),
    "inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.I),
    "script address": re.compile(r"javascript:", re.I),
    "evaluated htmx": re.compile(r"hx-on|hx-vals=['\"]js:|hx-trigger=['\"][^'\"]*\["),
    "asset of another host": re.compile(r"<(?:script|img|link|iframe)\b[^>]*(?:src|href)=['\"](?:https?:)?//", re.I),
    "text marked safe": re.compile(r"\|\s*safe\b|autoescape\s+off"),
}
ICON = re.compile(r"""{%\s*icon\s+["']([a-z0-9-]+)["']|icon_name=["']([a-z0-9-]+)["']""")


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_nothing_that_the_policy_refuses(path):
    text = path.read_text()
    assert [name for name, pattern in REFUSED.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", PAGES + PRINTED, ids=relative)
def test_icons_are_in_the_sprite(path):
    named = {first or second for first, second in ICON.findall(path.read_text())}
    assert named - set(icon_names()) == set()


def test_icons_of_states_and_menu_are_in_the_sprite():
    named = {look[1] for look in STATUS.values()} | {entry.icon for entry in nav.entries()}
    assert named - set(icon_names()) == set()


def test_sprite_is_in_order():
    assert list(icon_names()) == sorted(icon_names())


def test_templates_are_short():
    long = [relative(path) for path in PAGES if len(path.read_text().splitlines()) > 150]
    assert long == []
