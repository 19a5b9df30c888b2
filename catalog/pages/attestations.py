"""Page: one attestation."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from catalog import selectors
from portal.access import Permission
from portal.ledger.selectors import entries_about
from portal.pages.base import ReadPage


class AttestationPage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/attestation.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = selectors.attestation_numbered(self.actor, self.kwargs["number"])
        same = selectors.attestations_about(row.about).filter(section=row.section, key=row.key)
        newest = same.first()
        return super().get_context_data(
            row=row,
            is_over=row.valid_until is not None and row.valid_until < timezone.now().date(),
            newer=newest if newest is not None and newest.pk != row.pk else None,
            entries=entries_about("attestation", row.pk)[:10],
            **kwargs,
        )
