"""Page: one piece of evidence with all its numbers."""

from __future__ import annotations

from typing import Any

from catalog import selectors
from portal.access import Permission
from portal.ledger.selectors import entries_about
from portal.pages.base import ReadPage


class EvidencePage(ReadPage):
    permission = Permission.CATALOG_MODEL_READ
    nav = "models"
    template_name = "catalog/evidence.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        evidence = selectors.evidence_numbered(self.actor, self.kwargs["number"])
        return super().get_context_data(
            evidence=evidence,
            version=evidence.version,
            metrics=sorted(evidence.metrics.all(), key=lambda row: (row.name, row.split, row.segment)),
            measures=sorted(evidence.bias_measures.all(), key=lambda row: (row.attribute, row.group)),
            entries=entries_about("evidence", evidence.pk)[:10],
            **kwargs,
        )
