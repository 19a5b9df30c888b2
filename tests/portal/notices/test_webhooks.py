"""Webhooks on a real HTTP server: signed, tried again for a day, given up, replayed; and nothing is called inside."""

import base64
import json
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from portal.errors import Conflict, InvalidInput, PermissionRefused
from portal.ledger.models import LedgerEntry
from portal.notices import outbox, outgoing, secrets, sending, services
from portal.notices.choices import State
from portal.notices.models import Delivery, Notice, Webhook
from tests.factories import people
from tests.portal.notices.conftest import TYPE

pytestmark = pytest.mark.django_db


def one():
    return Delivery.objects.get()


def due_now():
    Delivery.objects.filter(state=State.QUEUED).update(due_at=timezone.now())


def test_delivery_is_signed_as_standard_webhooks(hook, probe, receiver):
    entry = probe(release="R-1")
    assert outbox.gather() > 0
    assert sending.run_due() == 1
    [(headers, body)] = receiver.calls
    assert headers["webhook-id"] == Notice.objects.get().message_id
    assert secrets.verify(hook.secret, headers, body, now=timezone.now())
    assert not secrets.verify(hook.secret, headers, body + b" ", now=timezone.now())
    assert not secrets.verify(hook.secret, headers, body, now=timezone.now() + timedelta(minutes=6))
    said = json.loads(body)
    assert set(said) == {"type", "timestamp", "data"}
    assert said["type"] == TYPE
    assert said["data"]["release"] == "R-1"
    assert said["data"]["entry"] == LedgerEntry.objects.get(pk=entry.pk).idx
    assert (one().state, one().status, one().attempts) == (State.SENT, 200, 1)


def test_signature_is_the_one_of_the_standard():
    """The example of the specification's own reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = secrets._sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_while_one_is_replaced(hook, admin, probe, receiver):
    row, fresh = services.rotate_secret(hook, actor=admin)
    assert fresh != hook.secret
    probe()
    outbox.gather()
    sending.run_due()
    headers, body = receiver.calls[0]
    assert len(headers["webhook-signature"].split()) == 2
    assert secrets.verify(hook.secret, headers, body, now=timezone.now())
    assert secrets.verify(fresh, headers, body, now=timezone.now())
    later = row.old_secret_until + timedelta(seconds=1)
    assert len(secrets.signatures(row, "msg_1", now=later, body=b"{}").split()) == 1


def test_secret_is_in_no_table_and_no_entry(hook, admin):
    _, fresh = services.rotate_secret(hook, actor=admin)
    for secret in (hook.secret, fresh):
        raw = secret.removeprefix("whsec_")
        assert not any(raw in bytes(row.leaf).decode() for row in LedgerEntry.objects.all())
        assert raw not in str(Webhook.objects.values().get())


def test_same_message_is_told_once_however_often_the_log_is_read(hook, probe):
    probe()
    outbox.gather()
    outbox.gather()
    assert Delivery.objects.count() == 1
    outbox.Cursor.objects.update(position=-1)
    with pytest.raises(Exception, match="notice_once_per_entry"):
        outbox.gather()


@pytest.mark.parametrize("mode", [500, 404, 429, "redirect"])
def test_failure_is_tried_again_as_the_same_message(hook, probe, receiver, mode):
    probe()
    outbox.gather()
    receiver.mode = mode
    sending.run_due()
    row = one()
    assert (row.state, row.attempts) == (State.QUEUED, 1)
    assert row.due_at > timezone.now() + timedelta(seconds=7)
    assert sending.run_due() == 0
    receiver.mode = 200
    due_now()
    sending.run_due()
    assert one().state == State.SENT
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert receiver.calls[0][1] == receiver.calls[1][1]
    assert receiver.landed == []


def test_receiver_that_asks_for_patience_gets_it(hook, probe, receiver):
    probe()
    outbox.gather()
    receiver.mode, receiver.headers = 503, {"Retry-After": "1200"}
    sending.run_due()
    assert one().due_at > timezone.now() + timedelta(seconds=1100)


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_receiver_that_hangs_is_left(hook, receiver, mode):
    receiver.mode = mode
    began = time.monotonic()
    answer = outgoing.post(receiver.url, b"{}", {"webhook-id": "msg_1"}, seconds=0.6)
    assert time.monotonic() - began < 3
    assert answer.status == 0
    assert "No answer within" in answer.said


def test_huge_answer_is_not_read(receiver):
    receiver.mode = "huge"
    answer = outgoing.post(receiver.url, b"{}", {})
    assert answer.ok
    assert "more than" in answer.said
    assert len(answer.said) < 700


def test_redirect_is_not_followed(receiver):
    receiver.mode = "redirect"
    answer = outgoing.post(receiver.url, b"{}", {})
    assert answer.status == 302
    assert "not followed" in answer.said
    assert receiver.landed == []


def test_down_for_a_day_then_dead_then_replayed(hook, admin, probe, receiver):
    probe()
    outbox.gather()
    receiver.mode = 500
    sending.run_due()
    ends, waits = one().queued_at + sending.GIVE_UP_AFTER, []
    for _ in range(40):
        row = one()
        if row.state == State.DEAD:
            break
        waits.append(row.due_at - timezone.now())
        # The day passes: what is due then is due now, and the age of the delivery grows by as much.
        Delivery.objects.update(queued_at=row.queued_at - (row.due_at - timezone.now()), due_at=timezone.now())
        sending.run_due()
    row = one()
    assert row.state == State.DEAD
    assert 12 <= row.attempts <= 25
    assert waits == sorted(waits) or max(waits) <= sending.LONGEST_WAIT * 1.21
    assert ends
    receiver.mode = 200
    assert services.replay_dead(hook, actor=admin) == 1
    sending.run_due()
    assert one().state == State.SENT
    assert len(set(receiver.ids)) == 1
    assert Webhook.objects.get().failing_since is None


def test_worker_killed_between_claim_and_send_loses_nothing(hook, probe, receiver):
    probe()
    outbox.gather()
    assert len(sending.claim()) == 1
    assert sending.claim() == []
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sending.run_due() == 1
    assert one().state == State.SENT


def test_worker_that_comes_back_late_changes_nothing(hook, probe, receiver):
    probe()
    outbox.gather()
    [late] = sending.claim()
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sending.run_due()
    sending.finish(late, sending.Outcome(outgoing.Answer(0, "No answer", 1)))
    assert one().state == State.SENT
    assert Webhook.objects.get().failing_since is None


def test_one_that_hangs_holds_up_nobody(hook, admin, probe, receiver):
    for _ in range(10):
        probe()
    services.create_webhook(actor=admin, name="Other", url=f"{receiver.url}/other")
    outbox.gather()
    claimed = sending.claim()
    for name in ("Receiver", "Other"):
        mine = [row for row in claimed if row.webhook.name == name]
        assert len(mine) == sending.AT_ONCE


def test_disabled_after_days_without_an_answer(hook, probe, receiver):
    probe()
    outbox.gather()
    receiver.mode = 500
    Webhook.objects.update(failing_since=timezone.now() - sending.DISABLE_AFTER)
    sending.run_due()
    row = Webhook.objects.get()
    assert not row.enabled
    assert "days" in row.disabled_why
    assert one().state == State.DEAD
    assert LedgerEntry.objects.filter(event="portal:webhook:disabled", actor=None).exists()


def test_gone_is_gone(hook, probe, receiver):
    probe()
    outbox.gather()
    receiver.mode = 410
    sending.run_due()
    assert not Webhook.objects.get().enabled


def test_switched_off_hears_nothing_until_on(hook, admin, probe):
    services.switch_off(hook, actor=admin, why="By hand.")
    probe()
    outbox.gather()
    assert not Delivery.objects.exists()
    with pytest.raises(Conflict):
        services.send_test(hook, actor=admin)
    services.switch_on(hook, actor=admin)
    probe()
    outbox.gather()
    assert Delivery.objects.count() == 1


def test_test_delivery(hook, admin, receiver):
    services.send_test(hook, actor=admin)
    sending.run_due()
    assert json.loads(receiver.calls[0][1])["type"] == "gatehouse.test"


def test_team_hears_of_its_own_alone(admin, probe, receiver):
    mine, other = people.team("lending"), people.team("clinic")
    services.create_webhook(actor=admin, name="Lending", url=receiver.url, team=mine)
    services.create_webhook(actor=admin, name="All", url=receiver.url)
    services.create_webhook(actor=admin, name="Nothing", url=receiver.url, events=[TYPE])
    probe(team=other)
    outbox.gather()
    assert {row.webhook.name for row in Delivery.objects.all()} == {"All", "Nothing"}


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "http://0x0a000001/",
        "http://167772161/",
        "http://224.0.0.1/",
        "http://100.64.0.1/",
        "ftp://example.com/",
        "https://user:secret@example.com/",
        "https://example.com:0/",
        "https:///x",
        "file:///etc/passwd",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://[::1",
        "",
    ],
)
def test_addresses_inside_are_refused(admin, settings, url):
    settings.WEBHOOK_NETWORKS = []
    answer = outgoing.post(url, b"{}", {})
    assert answer.status == 0
    if "0x" not in url:
        with pytest.raises(InvalidInput):
            services.create_webhook(actor=admin, name="Inside", url=url)


def test_name_that_leads_inside_is_refused_when_called(settings, receiver):
    settings.WEBHOOK_NETWORKS = []
    answer = outgoing.post(receiver.url.replace("127.0.0.1", "localhost"), b"{}", {})
    assert "inside this network" in answer.said
    assert receiver.calls == []


def test_only_an_administrator_manages(hook, receiver):
    for role in ("developer", "compliance", "auditor", "viewer"):
        person = people.person(role)
        with pytest.raises(PermissionRefused):
            services.create_webhook(actor=person, name="Mine", url=receiver.url)
        with pytest.raises(PermissionRefused):
            services.rotate_secret(hook, actor=person)


def test_translator_that_fails_keeps_back_nothing(hook, probe):
    from portal.notices import registry

    def broken(entry):
        raise RuntimeError("no")

    registry.translate("portal:probe:rang")(broken)
    try:
        probe()
        outbox.gather()
    finally:
        registry.forget("portal:probe:rang", broken)
    assert Delivery.objects.count() == 1


def test_waits_grow_to_hours_and_differ():
    waits = [sending.wait_after(n) for n in range(1, 20)]
    assert timedelta(seconds=8) <= waits[0] <= timedelta(seconds=12)
    assert max(waits) <= timedelta(hours=3) * 1.2
    assert sum(waits, timedelta()) > timedelta(hours=20)
    assert len({sending.wait_after(5) for _ in range(20)}) > 1


@pytest.mark.django_db(transaction=True)
def test_sent_by_the_thread_of_a_worker(admin, probe, receiver):
    from tests.portal.notices.receivers import wait_for

    services.create_webhook(actor=admin, name="Receiver", url=receiver.url)
    probe()
    outbox.gather()
    assert sending.wake()
    assert wait_for(lambda: Delivery.objects.filter(state=State.SENT).exists())
    assert wait_for(lambda: sending._sender.acquire(blocking=False))
    sending._sender.release()
    connections.close_all()


def test_old_notices_are_forgotten_but_not_the_dead(hook, probe):
    probe()
    outbox.gather()
    Notice.objects.update(made_at=timezone.now() - timedelta(days=91))
    assert outbox.prune() == 0
    Delivery.objects.update(state=State.SENT)
    assert outbox.prune() == 1


def test_others_are_delivered_while_one_hangs(hook, admin, probe, receiver, monkeypatch):
    from tests.portal.notices import receivers

    monkeypatch.setattr(outgoing.post, "__kwdefaults__", {"seconds": 1.0})
    receiver.mode = "hang"
    with receivers.receiver() as other:
        services.create_webhook(actor=admin, name="Other", url=other.url)
        probe()
        outbox.gather()
        sending.run_due()
        assert len(other.calls) == 1
    states = {row.webhook.name: row.state for row in Delivery.objects.all()}
    assert states == {"Receiver": State.QUEUED, "Other": State.SENT}


def test_two_workers_send_each_delivery_once(admin, probe, receiver, hook):
    for _ in range(6):
        probe()
    outbox.gather()
    one, two = sending.claim(3), sending.claim(3)
    assert not {row.pk for row in one} & {row.pk for row in two}
