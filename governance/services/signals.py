"""Take in signals of an endpoint: counts by window, arm and version, each delivery once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Endpoint, ModelVersion
from governance.canary.bins import BinsError, check_edges
from governance.models import Arm, Signal, SignalBatch, SignalForm, SignalKind
from portal.access import Permission, require
from portal.accounts.models import User
from portal.errors import Conflict, InvalidInput
from portal.ledger.canonical import canonical_bytes, sha256_hex
from portal.ledger.services import record

MAX_ROWS = 500
MAX_COUNT = 10**12
OLDEST, AHEAD = timedelta(days=7), timedelta(minutes=5)


@transaction.atomic
def record_signals(
    endpoint: Endpoint,
    *,
    actor: User,
    producer: str,
    batch_id: str,
    model: str,
    signals: Sequence[Mapping[str, Any]],
) -> tuple[SignalBatch, bool]:
    """Store a delivery; (batch, whether it is new). The same id and digest again changes nothing.

    Each signal is {name, arm, version, window_start, and one of counts {n, bad}, bins {edges, counts}, or value with
    n}. Raises Conflict for an id that came with another digest and for bins of other edges than the first; InvalidInput
    naming the row.
    """
    require(actor, Permission.CATALOG_FACT_RECORD, endpoint.team_id)
    if not 1 <= len(signals) <= MAX_ROWS:
        how = "Split the delivery."
        raise InvalidInput(f"Send between 1 and {MAX_ROWS} signals.", code="signals-count", field="signals", how=how)
    digest = _digest(model, signals)
    known = SignalBatch.objects.filter(endpoint=endpoint, producer=producer, batch_id=batch_id)
    if (old := known.first()) is not None:
        return _same(old, digest), False
    now = timezone.now()
    batch = SignalBatch(
        endpoint=endpoint,
        producer=producer,
        batch_id=batch_id,
        digest=digest,
        rows=len(signals),
        received_by=actor,
        received_at=now,
    )
    try:
        with transaction.atomic():
            batch.save()
    except IntegrityError:
        return _same(known.get(), digest), False
    rows = _rows(batch, actor, model, signals, now)
    Signal.objects.bulk_create(rows)
    body = {"endpoint": endpoint.name, "producer": producer, "batch": batch_id, "digest": digest, "rows": len(rows)}
    record(actor=actor, event="governance:signal_batch:recorded", subject=batch, body=body, now=now)
    return batch, True


def _digest(model: str, signals: Sequence[Mapping[str, Any]]) -> str:
    try:
        plain = [_plain(one) for one in signals]
        return sha256_hex(canonical_bytes({"model": model, "signals": plain}))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The signals are not plain JSON: {error}", code="not-canonical", field="signals") from error


def _plain(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in one.items()}


def _same(old: SignalBatch, digest: str) -> SignalBatch:
    if old.digest != digest:
        raise Conflict(
            f"The delivery {old} came before with other contents.",
            code="batch-differs",
            field="batch_id",
            how="Give each delivery an id of its own; send the same again only as it was.",
            details={"digest": old.digest, "given": digest},
        )
    return old


def _rows(
    batch: SignalBatch, actor: User, model: str, signals: Sequence[Mapping[str, Any]], now: datetime
) -> list[Signal]:
    wanted = {str(one["version"]) for one in signals}
    found = ModelVersion.objects.visible_to(actor).filter(model__name__iexact=model, version__in=wanted)
    versions = {row.version: row for row in found}
    kinds = {row.name: row for row in SignalKind.objects.filter(endpoint=batch.endpoint_id)}
    rows, seen = [], set()
    for index, one in enumerate(signals):
        field = f"signals[{index}]"
        version = versions.get(str(one["version"]))
        if version is None:
            raise InvalidInput(
                f"{model} has no version {one['version']}.", code="no-such-version", field=f"{field}.version"
            )
        key = (one["name"], one["arm"], version.pk, one["window_start"])
        if key in seen:
            how = "Add them up before sending."
            raise InvalidInput(f"{field} repeats a window.", code="window-twice", field=field, how=how)
        seen.add(key)
        _check_place(one, field, now)
        rows.append(_row(batch, version, _kind(batch, kinds, one, field), one, field))
    return rows


def _check_place(one: Mapping[str, Any], field: str, now: datetime) -> None:
    start = one["window_start"]
    if one["arm"] not in Arm.values:
        raise InvalidInput(
            f"{one['arm']!r} is no arm.", code="arm-unknown", field=f"{field}.arm", how="canary or baseline."
        )
    if start.second or start.microsecond:
        how = "Count by whole minutes."
        raise InvalidInput("A window starts on a minute.", code="window-odd", field=f"{field}.window_start", how=how)
    if start > now + AHEAD:
        how = "Check the clock of the producer."
        raise InvalidInput("The window lies in the future.", code="future", field=f"{field}.window_start", how=how)
    if start < now - OLDEST:
        raise InvalidInput(
            "The window is older than seven days.",
            code="too-late",
            field=f"{field}.window_start",
            how="What is that old decides nothing any more; record it as a metric.",
        )


def _form(one: Mapping[str, Any], field: str) -> SignalForm:
    given = [form for form in SignalForm if one.get(str(form)) is not None]
    if len(given) != 1:
        how = "One of: counts, bins, value."
        raise InvalidInput(f"{field} holds {len(given)} kinds of numbers.", code="signal-form", field=field, how=how)
    return given[0]


def _kind(batch: SignalBatch, kinds: dict[str, SignalKind], one: Mapping[str, Any], field: str) -> SignalKind:
    """The kind of the signal, made with its first row. Its form and edges are fixed from then on."""
    form = _form(one, field)
    edges = [float(edge) for edge in one["bins"]["edges"]] if form == SignalForm.BINS else []
    if form == SignalForm.BINS:
        try:
            check_edges(edges)
        except BinsError as error:
            raise InvalidInput(f"{field}: {error}.", code="bins-odd", field=f"{field}.bins.edges") from error
    name = str(one["name"])
    if name not in kinds:
        made, _ = SignalKind.objects.get_or_create(
            endpoint=batch.endpoint, name=name, defaults={"form": form, "edges": edges}
        )
        kinds[name] = made
    kind = kinds[name]
    if (kind.form, list(kind.edges)) != (str(form), edges):
        raise Conflict(
            f"{name} is sent in another form than its first delivery.",
            code="signal-changed",
            field=field,
            how="Edges are fixed before the first window; give a changed signal another name.",
            details={"form": kind.form, "edges": list(kind.edges)},
        )
    return kind


def _row(batch: SignalBatch, version: ModelVersion, kind: SignalKind, one: Mapping[str, Any], field: str) -> Signal:
    row = Signal(batch=batch, kind=kind, version=version, arm=one["arm"], window_start=one["window_start"], n=0)
    if kind.form == SignalForm.COUNTS:
        row.n, row.bad = one["counts"]["n"], one["counts"]["bad"]
        numbers = [row.n, row.bad]
    elif kind.form == SignalForm.BINS:
        row.bins = numbers = list(one["bins"]["counts"])
        row.n = sum(numbers)
        if len(numbers) != len(kind.edges) + 1:
            how = f"{len(kind.edges)} edges have {len(kind.edges) + 1} bins."
            raise InvalidInput("A bin is missing.", code="bins-odd", field=f"{field}.bins.counts", how=how)
    else:
        row.value, row.n = float(one["value"]), one.get("n") or 1
        numbers = [row.n]
    if any(not 0 <= number <= MAX_COUNT for number in numbers) or (row.bad or 0) > row.n:
        how = "Whole numbers from 0; bad is at most n."
        raise InvalidInput(f"{field} holds counts that cannot be.", code="counts-odd", field=field, how=how)
    return row
