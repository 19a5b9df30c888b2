"""Deliveries of signals: once each, fixed edges, rows that cannot be."""

import datetime as dt

import pytest

from catalog.models import Endpoint
from governance.models import Signal, SignalBatch
from governance.services.facts import build_facts
from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.models import LedgerEntry


def test_delivery_is_stored_once_and_recorded(way):
    rows = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)
    batch, is_new = way.send(rows, batch_id="one")
    again, is_again = way.send(rows, batch_id="one")
    assert (is_new, is_again, again.pk) == (True, False, batch.pk)
    assert Signal.objects.count() == 2
    entry = LedgerEntry.objects.get(event="governance:signal_batch:recorded")
    assert batch.digest in bytes(entry.leaf).decode()


def test_same_id_with_other_contents_is_refused(way):
    way.send(way.rows("canary", "2.0.0", 1000, 0.01, 0.05), batch_id="one")
    with pytest.raises(Conflict) as refused:
        way.send(way.rows("canary", "2.0.0", 1001, 0.01, 0.05), batch_id="one")
    assert refused.value.code == "batch-differs"
    other, is_new = way.send(way.rows("canary", "2.0.0", 1001, 0.01, 0.05), batch_id="one", producer="pod-2")
    assert is_new
    assert other.digest != SignalBatch.objects.get(producer="pod-1").digest


def test_edges_are_fixed_by_the_first_delivery(way):
    way.send(way.rows("canary", "2.0.0", 1000, 0.01, 0.05))
    (_, bins) = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)
    with pytest.raises(Conflict) as refused:
        way.send([bins | {"bins": {"edges": [100.0, 200.0, 500.0], "counts": [1, 1, 1, 1]}}])
    assert refused.value.code == "signal-changed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"arm": "both"}, "arm-unknown"),
        ({"version": "9.9.9"}, "no-such-version"),
        ({"counts": {"n": 5, "bad": 6}}, "counts-odd"),
        ({"counts": {"n": -5, "bad": -6}}, "counts-odd"),
        ({"value": 1.0}, "signal-form"),
        ({"counts": None}, "signal-form"),
    ],
)
def test_rows_that_cannot_be_are_refused(way, change, code):
    row = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)[0]
    with pytest.raises(InvalidInput) as refused:
        way.send([row | change])
    assert refused.value.code == code
    assert not SignalBatch.objects.exists()


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (dt.timedelta(minutes=30), "future"),
        (dt.timedelta(days=-8), "too-late"),
        (dt.timedelta(seconds=3), "window-odd"),
    ],
)
def test_windows_have_their_time(way, shift, code):
    row = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)[0]
    with pytest.raises(InvalidInput) as refused:
        way.send([row | {"window_start": row["window_start"] + shift}])
    assert refused.value.code == code


def test_a_window_is_sent_once_a_delivery(way):
    row = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)[0]
    with pytest.raises(InvalidInput) as refused:
        way.send([row, row])
    assert refused.value.code == "window-twice"


def test_who_may_not_record_facts_sends_nothing(way):
    from governance.services.signals import record_signals

    rows = way.rows("canary", "2.0.0", 1000, 0.01, 0.05)
    with pytest.raises(PermissionRefused):
        record_signals(
            way.house.endpoint, actor=way.house["viewer"], producer="p", batch_id="b", model="m", signals=rows
        )


def test_signals_of_what_is_live_are_facts_of_the_endpoint(way):
    way.send(way.rows("baseline", "1.0.0", 1000, 0.02, 0.04))
    endpoint = Endpoint.objects.get(pk=way.house.endpoint.pk)
    facts = build_facts(way.release.version, endpoint, now=way.clock.tick())["telemetry"]
    assert (facts["wired"], facts["calls"], facts["error_rate"], facts["p95_ms"]) == (True, 1000, 0.02, 100.0)


def test_no_signals_no_telemetry(way):
    endpoint = Endpoint.objects.get(pk=way.house.endpoint.pk)
    assert "telemetry" not in build_facts(way.release.version, endpoint, now=way.clock.tick())
