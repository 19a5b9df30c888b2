"""The library of starter policies and sets: begin drafts from it, and follow its upgrades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from governance.choices import OPEN_DRAFTS
from governance.gates import library, settings
from governance.gates.errors import GateError
from governance.models import PolicyDraft
from governance.services.drafts import active_version, begin_draft
from portal.accounts.models import User
from portal.errors import InvalidInput, NotFound


def source_of(name: str) -> str:
    """The text of a policy or template of the library. Raises NotFound."""
    shelf: list[library.Entry | library.Template] = [*library.entries(), *library.templates()]
    for one in shelf:
        if one.name == name:
            return one.source
    raise NotFound(f"The library has no {name!r}.", code="library-missing", how="See the list of the library.")


def upgrade_of(name: str) -> tuple[str, list[str]]:
    """The library's newest text with the values that the house chose, and what of them cannot be kept."""
    newest, version = source_of(name), active_version(name)
    return settings.upgraded(version.source, newest) if version is not None else (newest, [])


def install(name: str, *, actor: User, params: Mapping[str, Any] | None = None, is_demo: bool = False) -> PolicyDraft:
    """A draft of the library's policy or template, ready to be changed, tested and proposed.

    params: the house's own values instead of the library's. Raises InvalidInput for one that it cannot take.
    """
    source = source_of(name)
    if params:
        try:
            source = settings.with_params(source, params)
        except GateError as error:
            raise InvalidInput(error.message, code="parameter", field="params", how=error.how) from error
    return begin_draft(source, actor=actor, reason="From the library.", origin={"library": name}, is_demo=is_demo)


@transaction.atomic
def install_template(name: str, *, actor: User, is_demo: bool = False) -> list[PolicyDraft]:
    """Drafts of the template's policies that are neither in force nor drafted, then one of the template itself."""
    try:
        template = library.template(name)
    except GateError as error:
        raise NotFound(error.message, code="library-missing", how=error.how) from error
    open_names = set(PolicyDraft.objects.filter(state__in=OPEN_DRAFTS).values_list("policy_name", flat=True))
    wanted = [one.policy for one in template.set.entries]
    missing = [one for one in wanted if active_version(one) is None and one not in open_names]
    return [install(one, actor=actor, is_demo=is_demo) for one in (*missing, name)]
