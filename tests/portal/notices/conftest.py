import pytest
from django.db import connection, transaction

from portal.ledger.models import LedgerEntry
from portal.ledger.services import Subject, record
from portal.notices import outbox, registry, services
from portal.notices.registry import Draft
from tests.factories import people
from tests.portal.notices import receivers

EVENT = "portal:probe:rang"
TYPE = "probe.rang"


@pytest.fixture
def admin(db):
    return people.person("admin")


@pytest.fixture(autouse=True)
def local(settings):
    """The receivers of these tests listen on this machine."""
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def receiver():
    with receivers.receiver() as found:
        yield found


@pytest.fixture
def probe():
    """A kind of notice that a test can ring: ring(people=…, team=…) records an entry, numbered at once."""
    wanted = {}

    def translate(entry):
        yield wanted.get(entry.pk) or Draft(TYPE, "It rang", "Once.", "/releases/", {"n": 1})

    registry.register_kind(TYPE, "It rang", "who is told")
    registry.translate(EVENT)(translate)

    def ring(team=None, actor=None, people=(), **data):
        with transaction.atomic():
            team_id = team.pk if team else None
            entry = record(actor=actor, event=EVENT, subject=Subject("portal.probe", "1", team_id), body={})
        number(entry)
        wanted[entry.pk] = Draft(
            TYPE, "It rang", "Once.", "/releases/", data or {"n": 1}, team_id, [p.pk for p in people]
        )
        return entry

    yield ring
    registry.forget(EVENT, translate)
    registry._kinds.pop(TYPE, None)


def number(entry):
    """Give the entry its number, as the sequencer does; a test's transaction cannot run the sequencer itself."""
    last = LedgerEntry.objects.filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True).first()
    waiting = LedgerEntry.objects.filter(idx=None, pk__lte=entry.pk).order_by("pk")
    for idx, row in enumerate(waiting, start=0 if last is None else last + 1):
        LedgerEntry.objects.filter(pk=row.pk).update(idx=idx)


@pytest.fixture
def hook(admin, receiver, probe):
    row, secret = services.create_webhook(actor=admin, name="Receiver", url=receiver.url)
    row.secret = secret
    settle()
    return row


def settle():
    """What the test did so far ends here, as if committed: the guards look at it now."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


@pytest.fixture
def gathered():
    def gather():
        return outbox.gather()

    return gather
