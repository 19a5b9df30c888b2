"""What governance does when others record something: the gates run again where the answer may differ now."""

from __future__ import annotations

import json
from typing import Any

from governance.choices import ASSESSED_STATES
from governance.models import Release
from governance.services.backtests import enqueue_shadow
from governance.services.reassessment import enqueue_reassessment, releases_reading, releases_told
from portal.ledger.events import subscribe
from portal.ledger.models import LedgerEntry


def _body(entry: LedgerEntry) -> dict[str, Any]:
    return json.loads(bytes(entry.leaf))["body"]  # type: ignore[no-any-return]


@subscribe("catalog:fact:recorded")
@subscribe("catalog:card:saved")
def on_fact(entry: LedgerEntry) -> None:
    enqueue_reassessment(releases_reading(int(_body(entry)["version"])))


@subscribe("catalog:attestation:recorded")
def on_attestation(entry: LedgerEntry) -> None:
    body = _body(entry)
    enqueue_reassessment(releases_told(body["about"], int(body["of"])))


@subscribe("catalog:artifact:uploaded")
def on_artifact(entry: LedgerEntry) -> None:
    enqueue_reassessment(releases_reading(int(entry.subject_id)))


@subscribe("catalog:deployment:opened")
@subscribe("catalog:deployment:closed")
def on_deployment(entry: LedgerEntry) -> None:
    rows = Release.objects.filter(endpoint__name=_body(entry)["endpoint"], state__in=ASSESSED_STATES)
    enqueue_reassessment(rows)


@subscribe("governance:policy:published")
@subscribe("governance:policy:retired")
def on_policy(entry: LedgerEntry) -> None:
    enqueue_reassessment(Release.objects.filter(state__in=ASSESSED_STATES))


@subscribe("governance:decision:made")
def on_decision(entry: LedgerEntry) -> None:
    enqueue_shadow(int(entry.subject_id))
