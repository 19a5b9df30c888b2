"""How the pages look and handle, in a real browser: every page of the demo in light, in dark and on a phone.

The walk follows the links that each role sees, and opens one page of each address, so a new page is walked as soon
as something links to it.
"""

from __future__ import annotations

import html
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from playwright.sync_api import Browser, Error, Page, ViewportSize, expect

from tests.architecture.test_permissions import POST_ONLY, ROUTES
from tests.conftest import Stack
from tests.journeys.conftest import Visitor
from tests.journeys.test_faults import child

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("stack")]

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
ROLES = ("reviewer", "owner", "admin", "auditor")
# These differ from row to row, so more than one of each is opened; home differs from role to role.
MANY = {"release": 4, "policy": 2, "decision": 2, "home": len(ROLES)}
# Beside what links lead to: the states that nothing is found, nothing may be done, and the public pages.
EXTRA = {"reviewer": ["/models/?q=no-such-model", "/no/such/page/", "/people/", "/accounts/logout/", "/api/v1/docs"]}
# Pages of a thing that the untouched demo does not have yet; the journeys meet them.
NOT_IN_DEMO = {"release-submit", "release-resume", "release-emergency", "release-emergency-review", "finding-close"}
NOT_IN_DEMO |= {"job", "condition-close", "test-run", "version-upload"} | {"webhook", "delivery", "release-live"}
# A preview is asked for by a form, turned comparisons by the author of an open draft.
NOT_IN_DEMO |= {"policy-draft-preview", "policy-draft-mutants"}
# These take a form; and what nobody attested, no committee sat on and no incident was drafted for has no page yet.
NOT_IN_DEMO |= {"policy-draft-decide", "incident-close", "attestation"}
NOT_IN_DEMO |= {"sitting", "sitting-new", "sitting-vote", "sitting-close"}
# All colours are in these; elsewhere only their arrangement is another.
DARK = {"home", "release", "bias-report", "policy", "audit-log", "styleguide", "version", "policy-drafts"}
# Listings line by line, of thousands of cells that are all alike.
LISTINGS = {"exclude": [[".srct"], [".difft"], ["pre.json"], [".paths"]]}
# What to attest stands in the query.
WITH_QUERY = {"version-attest", "endpoint-attest"}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
PAGES = {name for name, right in ROUTES.items() if isinstance(right, str)} - POST_ONLY
# These answer with a file.
FILES = re.compile(r"-(csv|json|history-file|export|download|source|facts|result|numbers|schema)$|^search$")
LOOK = """() => {
  const shown = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  const small = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
    // Keys and initials are drawings; a plot scales its own text.
    if (!text || !shown(e) || e.closest('.vh, kbd, .av, svg, script, style')) continue;
    if (parseFloat(getComputedStyle(e).fontSize) < 12.95) small.add(text.slice(0, 40));
  }
  return {
    h1: document.querySelectorAll('h1').length,
    // The bar at a phone's foot leads to the form whose button it repeats.
    primary: [...document.querySelectorAll('.btn.pri:not([aria-disabled=true])')]
      .filter(e => shown(e) && !e.closest('.dockbar')).map(e => e.textContent.trim()),
    width: document.documentElement.scrollWidth,
    small: [...small],
    links: [...document.querySelectorAll('a[href]:not([download])')].map(a => a.href),
  };
}"""
FOCUS = """() => {
  const e = document.activeElement, at = e.closest('.item, .choice') || e;
  const marked = n => { const s = getComputedStyle(n); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; };
  const words = (e.getAttribute('aria-label') || e.textContent || e.name || e.tagName).trim().slice(0, 40);
  return { words, marked: marked(e) || marked(at), inMain: !!e.closest('main'), end: e === document.body };
}"""


class Walk:
    """One person's way through the pages. `seen` is shared by all persons: each address is looked at once."""

    axe = Axe()

    def __init__(self, visitor: Visitor, role: str, seen: dict[str, set[str]]) -> None:
        self.page, self.base, self.role, self.seen = visitor.page, visitor.stack.url, role, seen
        self.problems: list[str] = []
        self.opened: set[str] = set()

    def all(self) -> None:
        """Every page that this role reaches, and the extra states."""
        waiting = ["/", *plain_addresses()]
        read: dict[str, set[str]] = {}
        while waiting:
            path = waiting.pop(0)
            name, most = name_of(path), MANY.get(name_of(path), 1)
            if name not in PAGES or FILES.search(name) or path in self.opened:
                continue
            if len(self.seen.get(name, ())) < most and self.mark(path) not in self.seen.get(name, ()):
                read.setdefault(name, set()).add(path)
                waiting += self.open(path)
            elif len(read.get(name, ())) < most and path not in read.get(name, ()):
                # Looked at as another role; here it may link to what only this role may do.
                read.setdefault(name, set()).add(path)
                waiting += self.links(path)
        for path in EXTRA.get(self.role, []):
            self.open(path, may_refuse=True)

    def links(self, path: str) -> list[str]:
        """The addresses that a page links to, without looking at it."""
        answer = self.page.context.request.get(f"{self.base}{path}")
        found = re.findall(r'<a [^>]*href="(/[^"#]*)', answer.text()) if answer.ok else []
        return [address(html.unescape(link)) for link in found]

    def mark(self, path: str) -> str:
        return f"{path} {self.role}" if path == "/" else path

    def open(self, path: str, may_refuse: bool = False) -> list[str]:
        """Look at one page in each look; the addresses it links to."""
        self.opened.add(path)
        place = f"{path} ({self.role})"
        self.page.set_viewport_size(WIDE)
        try:
            answer = self.page.goto(f"{self.base}{path}")
        except Error as error:
            if "Download is starting" not in error.message:
                raise
            self.seen.setdefault(name_of(path), set()).add(path)
            return []
        status = answer.status if answer else 0
        if status == 403 and not may_refuse:
            return []  # another role's page
        if status != 200 and not (may_refuse and status in (403, 404)):
            self.problems.append(f"{place}: answered {status}")
        if status == 200:
            self.seen.setdefault(name_of(path), set()).add(self.mark(path))
        links = self.look(place, 1280)
        self.judge(f"{place}, light")
        if name_of(path) in DARK:
            self.page.evaluate("document.documentElement.dataset.theme = 'dark'")
            self.judge(f"{place}, dark", {"runOnly": ["color-contrast"]})  # only colours differ
        self.page.set_viewport_size(PHONE)
        self.look(f"{place}, phone", 390)
        return [address(link.removeprefix(self.base)) for link in links if link.startswith(f"{self.base}/")]

    def look(self, place: str, width: int) -> list[str]:
        found = self.page.evaluate(LOOK)
        if found["width"] > width:
            self.problems.append(f"{place}: {found['width']} px wide on {width} px")
        if found["h1"] != 1:
            self.problems.append(f"{place}: {found['h1']} h1")
        if len(found["primary"]) > 1:
            self.problems.append(f"{place}: primary buttons {found['primary']}")
        if found["small"]:
            self.problems.append(f"{place}: smaller than 13 px: {found['small']}")
        return list(found["links"])

    def judge(self, place: str, options: dict[str, object] | None = None) -> None:
        listed = {"exclude": [one for one in LISTINGS["exclude"] if self.page.locator(one[0]).count()]}
        context = listed if listed["exclude"] else None
        options = {"resultTypes": ["violations"], "runOnly": TAGS, **(options or {})}
        for one in self.axe.run(self.page, context=context, options=options).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                self.problems.append(f"{place}: {one['id']} at {[node['target'] for node in one['nodes']][:3]}")


def address(link: str) -> str:
    """The link without its query, but where the page is nothing without it."""
    path = urlsplit(link).path
    return link.split("#")[0] if name_of(path) in WITH_QUERY else path


def name_of(path: str) -> str:
    """The name of the address; "" where there is none."""
    try:
        return str(resolve(urlsplit(path).path).url_name)
    except Resolver404:
        return ""


def plain_addresses() -> list[str]:
    """Pages that need no name or number in their address, whether or not anything links to them."""
    found = []
    for name in PAGES:
        with suppress(NoReverseMatch):
            found.append(reverse(name))
    return sorted(found)


def test_every_page_in_light_in_dark_and_on_a_phone(browser: Browser, stack: Stack) -> None:
    seen: dict[str, set[str]] = {}
    problems: list[str] = []
    for role in ROLES:
        visitor = Visitor(browser, stack)
        visitor.log_in(role)
        walk = Walk(visitor, role, seen)
        walk.all()
        problems += walk.problems + [f"{role}: console: {one}" for one in visitor.complaints]
        visitor.context.close()
    assert not problems, "\n".join(problems)
    left = {name for name in PAGES - set(seen) if not FILES.search(name)}
    assert left <= NOT_IN_DEMO, "no page links there, or no role of the walk may open it"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_log_in_page_before_and_after_a_wrong_password(browser: Browser, stack: Stack, theme: str) -> None:
    visitor = Visitor(browser, stack)
    page = visitor.go(f"/accounts/login/?theme={theme}")
    walk = Walk(visitor, "nobody", {})
    walk.judge(f"log-in, {theme}")
    page.fill("[name=login]", "nobody-at-all")
    page.fill("[name=password]", "not-a-password")
    page.click("main form button")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("[name=login]")).to_have_value("nobody-at-all")
    page.set_viewport_size(PHONE)
    walk.look(f"log-in, {theme}, phone", 390)
    walk.judge(f"refused log-in, {theme}")
    visitor.context.close()
    assert walk.problems + visitor.complaints == []


def test_palette_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.log_in("reviewer")
    visitor.go("/models/")
    field, palette = page.locator("[data-search]"), page.locator("#palette")
    field.focus()
    page.keyboard.press("Control+k")
    expect(palette.locator("input")).to_be_focused()
    page.keyboard.type("income-elig")
    found = palette.get_by_role("link", name=re.compile("income-eligibility-prod"))
    expect(found).to_be_visible()
    expect(palette.locator("[data-n]")).to_have_text("1 result")
    page.keyboard.press("ArrowDown")
    expect(found).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(palette.locator("input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(palette).not_to_be_visible()
    expect(field).to_be_focused()
    page.keyboard.press("Control+k")
    expect(palette.locator("input")).to_have_value("")
    page.keyboard.type("income-elig")
    expect(found).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/endpoints/income-eligibility-prod/")


def test_keyboard_reaches_everything_and_shows_where_it_is(visitor: Visitor) -> None:
    page = visitor.log_in("reviewer")
    visitor.go("/releases/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)["inMain"]
    for path in ("/", "/releases/R-3/", "/audit-log/", "/models/income-model/"):
        visitor.go(path)
        stops = tab_through(page, 60)
        assert [one["words"] for one in stops if not one["marked"]] == []
        assert stops[0]["words"] == "Skip to content"
        assert any(one["inMain"] for one in stops)


def tab_through(page: Page, most: int) -> list[dict[str, object]]:
    """What has the focus after each press of Tab, until the page ends."""
    found: list[dict[str, object]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop["end"]:
            break
        found.append(stop)
    return found


def test_menu_of_the_phone_by_keyboard(visitor: Visitor) -> None:
    page = visitor.log_in("reviewer")
    page.set_viewport_size(PHONE)
    visitor.go("/models/")
    menu, side = page.get_by_role("button", name="Menu"), page.locator("#side")
    expect(side).not_to_be_visible()
    menu.focus()
    page.keyboard.press("Enter")
    expect(side).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#side') !== null")
    page.keyboard.press("Escape")
    expect(side).not_to_be_visible()
    expect(menu).to_be_focused()


@contextmanager
def stopped(group: int) -> Iterator[None]:
    """A part of the stack stands still meanwhile: nothing of it runs, nothing of it is lost."""
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def test_running_job_moves_on_the_page_without_a_reload(visitor: Visitor, stack: Stack) -> None:
    page, worker = visitor.log_in("auditor"), os.getpgid(child(stack, "worker"))
    visitor.go("/releases/R-1/")
    with stopped(worker):
        page.get_by_role("button", name="Make evidence pack").click()
        expect(page.locator("main")).to_contain_text("Waits for a worker")
        page.evaluate("window.sameDocument = true")
    bar, moved = page.locator("progress.bar"), 0.0
    for _ in range(100):
        time.sleep(0.05)
        # The worker stands still for longer than the page waits between two looks.
        with stopped(worker):
            time.sleep(1.3)
            if not bar.count():
                break
            moved = float(bar.get_attribute("value") or 0)
            if moved:
                assert page.evaluate("window.sameDocument"), "the page was loaded again"
                break
    assert moved > 0, "the job ended before the page showed how far it was"
    expect(page.get_by_role("link", name="Download PDF")).to_be_visible(timeout=90_000)
    expect(page.locator("main")).to_contain_text("Seal is valid")
