"""What the shell itself shows on the home page and in the search; importing this module registers it."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from portal.access import Permission, can
from portal.accounts import selectors
from portal.accounts.models import User
from portal.accounts.passkeys_selectors import waiting_for
from portal.shell import home, search
from portal.shell.home import Panel

ROWS = 8


def without_role_panel(request: HttpRequest) -> Panel | None:
    """For who manages users: people who can see nothing yet."""
    actor: User = request.user  # type: ignore[assignment]
    if not can(actor, Permission.PORTAL_USER_MANAGE):
        return None
    people = list(selectors.without_role(actor)[: ROWS + 1])
    says = "Somebody holds no role yet." if len(people) == 1 else "Some people hold no role yet." if people else ""
    context = {"people": people[:ROWS], "more": len(people) > ROWS}
    return Panel("portal/parts/home_people.html", context, "main", says)


def waiting_keys_panel(request: HttpRequest) -> Panel | None:
    """Passkeys of others that replace a lost one and wait for the reader's word; nothing where none does."""
    actor: User = request.user  # type: ignore[assignment]
    if not can(actor, Permission.PORTAL_PASSKEY_APPROVE):
        return None
    rows = [row for row in waiting_for(actor) if all(one.person_id != actor.pk for one in row.approvals.all())]
    if not rows:
        return None
    says = "A colleague's new passkey waits for you." if len(rows) == 1 else "New passkeys of colleagues wait for you."
    return Panel("account/parts/home_passkeys.html", {"rows": rows[:ROWS], "total": len(rows)}, "main", says)


def find_people(actor: User, text: str) -> list[search.Hit]:
    rows = selectors.search_people(selectors.people_for(actor), text)[: search.MAX_PER_SOURCE]
    return [(str(row), reverse("person-edit", kwargs={"key": row.uuid}), "person") for row in rows]


home.register(without_role_panel, order=90)
home.register(waiting_keys_panel, order=35)
search.register(find_people)
