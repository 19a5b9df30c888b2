"""Where the values of a facts document were read from, when they were recorded and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse

from catalog.models import Attestation, Endpoint, Evidence, ModelVersion
from catalog.selectors import card_state
from governance.gates.attested import ATTESTED
from governance.gates.facts import Facts
from governance.pages.supply import RECORDED
from portal.accounts.models import User


@dataclass(frozen=True)
class Source:
    """Where a value was read from. by None: the portal computed it."""

    label: str
    url: str = ""
    at: datetime | None = None
    by: User | None = None
    until: date | None = None


class Sources:
    """Finds where values were read from: evidence and attestations in one query each, records from the subject."""

    def __init__(self, facts: Facts, version: ModelVersion, endpoint: Endpoint) -> None:
        self.version, self.endpoint = version, endpoint
        named = set(_evidence_in(facts))
        self.evidence = {row.public_id: row for row in _rows(Evidence, "EV-", named)}
        self.attested = {row.public_id: row for row in _rows(Attestation, "AT-", named)}
        self.card = card_state(version).revision if "card" in facts else None

    def of(self, section: str, row: Mapping[str, Any], path: str = "") -> Source:
        """The source of a row, or of one fact of a section; of the section where none is named."""
        named = str(row.get("evidence", ""))
        if section in RECORDED and path and path.split(".")[1] not in ATTESTED[section].fields:
            named = ""
        if evidence := self.evidence.get(named):
            url = reverse("evidence", kwargs={"number": evidence.pk})
            return Source(named, url, evidence.measured_at, evidence.recorded_by)
        if attested := self.attested.get(named):
            url = reverse("attestation", kwargs={"number": attested.pk})
            return Source(named, url, attested.attested_at, attested.recorded_by, attested.valid_until)
        return self._recorded(section, row)

    def _recorded(self, section: str, row: Mapping[str, Any]) -> Source:
        version, model = self.version, self.version.model
        named = {"name": model.name, "version": version.version}
        if section == "card" and self.card is not None:
            url = reverse("version-card", kwargs=named)
            return Source(f"card, revision {self.card.number}", url, self.card.created_at, self.card.author)
        if section == "request" and "id" in row:
            url = reverse("release", kwargs={"number": row["id"].removeprefix("R-")})
            return Source("the release", url)
        if section == "model":
            return Source("the model", reverse("model", kwargs={"name": model.name}), model.created_at, model.owner)
        if section == "endpoint":
            return Source("the endpoint", reverse("endpoint", kwargs={"name": self.endpoint.name}))
        if section == "datasets" and "id" in row:
            return Source("the dataset", reverse("dataset", kwargs={"name": row["id"]}))
        if section in ("subject", "artifacts", "training"):
            url = reverse("version", kwargs=named)
            return Source("the version", url, version.created_at, version.created_by)
        return Source("computed now")


def _evidence_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name == "evidence":
                yield str(item)
            else:
                yield from _evidence_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _evidence_in(item)


def _rows(model: Any, prefix: str, named: Iterable[str]) -> Any:
    ids = [int(name.removeprefix(prefix)) for name in named if name.startswith(prefix)]
    return model.objects.filter(pk__in=ids).select_related("recorded_by")
