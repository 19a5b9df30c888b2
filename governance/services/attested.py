"""Reads attested values by the facts schema, and says which line may state them."""

from __future__ import annotations

from typing import Any

from catalog.services.attestations import Section, register_reader
from governance.gates.attested import ATTESTED, read_section
from governance.gates.errors import FactsError
from portal.access import Permission
from portal.errors import InvalidInput


def reader(section: str, value: Any) -> Section:
    """The section as the facts schema has it. Raises InvalidInput with the path of what is wrong."""
    try:
        key, read = read_section(section, value)
    except FactsError as error:
        field = error.path if error.path in ("section", "value") else f"value.{error.path.partition('.')[2]}"
        raise InvalidInput(error.message, code="section-invalid", field=field.rstrip("."), how=error.how) from error
    return Section(key, read, ATTESTED[section].about, permission_for(section))


_PERMISSIONS: dict[str, Permission] = {
    "builders and reviewers": Permission.CATALOG_ATTESTATION_RECORD,
    "owners": Permission.CATALOG_ENDPOINT_CREATE,
    "reviewers": Permission.CATALOG_JUDGEMENT_RECORD,
}


def permission_for(section: str) -> Permission:
    """Who may attest it. Raises KeyError for what is not attested."""
    return _PERMISSIONS[ATTESTED[section].by]


register_reader(reader)
