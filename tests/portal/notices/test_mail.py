"""E-mail through a real SMTP server: text and HTML, what one chose, what one did oneself, a server that refuses."""

import pytest
from django.core import mail as django_mail
from django.utils import timezone

from portal.accounts.services import set_active
from portal.notices import outbox, sending, services
from portal.notices.choices import Channel, State
from portal.notices.models import Delivery
from tests.factories import people
from tests.portal.notices import receivers
from tests.portal.notices.conftest import TYPE

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    with receivers.mail_server() as found:
        settings.MAIL_ENABLED = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", found.port
        settings.PUBLIC_URL = "https://portal.example"
        yield found


def somebody(role="validator", email="val@example.com"):
    user = people.person(role)
    type(user).objects.filter(pk=user.pk).update(email=email)
    return type(user).objects.get(pk=user.pk)


def test_mail_has_text_html_and_one_link_that_decides_nothing(server, probe):
    person = somebody()
    probe(people=[person])
    outbox.gather()
    assert sending.run_due() == 1
    [message] = server.messages
    assert message["To"] == "val@example.com"
    assert message["Subject"] == "It rang"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    for part in (text, html):
        assert "https://portal.example/releases/" in part
        assert "https://portal.example/account/notices/" in part
        assert "decides nothing" in part
        assert "<form" not in part
    assert Delivery.objects.get().state == State.SENT


def test_two_attempts_are_one_message(server, probe):
    probe(people=[somebody()])
    outbox.gather()
    server.refuse = "451"
    sending.run_due()
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == (State.QUEUED, 1)
    assert "451" in row.last["said"]
    server.refuse = ""
    Delivery.objects.update(due_at=timezone.now())
    sending.run_due()
    assert server.messages[0]["Message-ID"].startswith(f"<{row.pk.hex}@")


def test_address_that_does_not_exist_is_given_up_at_once(server, probe):
    probe(people=[somebody()])
    outbox.gather()
    server.refuse = "550"
    sending.run_due()
    assert Delivery.objects.get().state == State.DEAD


def test_server_that_is_down_is_tried_again(server, probe, settings):
    settings.EMAIL_PORT = 9
    probe(people=[somebody()])
    outbox.gather()
    sending.run_due()
    row = Delivery.objects.get()
    assert row.state == State.QUEUED
    assert "does not answer" in row.last["said"]


def test_what_one_did_oneself_is_not_told(server, probe):
    person = somebody()
    probe(people=[person], actor=person)
    outbox.gather()
    assert not Delivery.objects.exists()


def test_who_wants_no_mail_gets_none(server, probe):
    quiet, picky, keen = (somebody(email=f"{n}@example.com") for n in ("quiet", "picky", "keen"))
    services.save_preference(quiet, mail=False, wanted=[TYPE])
    services.save_preference(picky, mail=True, wanted=[])
    services.save_preference(keen, mail=True, wanted=[TYPE])
    probe(people=[quiet, picky, keen, somebody(email="")])
    outbox.gather()
    assert [row.person for row in Delivery.objects.all()] == [keen]


def test_who_left_meanwhile_is_not_written_to(server, probe):
    person = somebody()
    probe(people=[person])
    outbox.gather()
    set_active(person, active=False, actor=None)
    sending.run_due()
    assert server.messages == []
    assert Delivery.objects.get().state == State.DROPPED


def test_without_a_mail_server_nothing_is_queued(probe, settings):
    settings.MAIL_ENABLED = False
    probe(people=[somebody()])
    outbox.gather()
    assert not Delivery.objects.filter(channel=Channel.MAIL).exists()
    assert django_mail.outbox == []
