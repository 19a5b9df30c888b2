import datetime as dt
import decimal
import uuid

import pytest
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models.functions import Now

from portal.accounts.models import ApiToken, Membership, Team, User
from portal.ledger import states
from portal.ledger.encoding import StateError, encode, instant

AT = dt.datetime(2026, 1, 31, 13, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))


def field(kind, name="x", **options):
    made = kind(**options)
    made.set_attributes_from_name(name)
    made.model = Team
    return made


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (field(models.CharField), "a", "a"),
        (field(models.IntegerField), 5, 5),
        (field(models.BigIntegerField), 2**60, str(2**60)),
        (field(models.BooleanField), True, True),
        (field(models.FloatField), float("nan"), "NaN"),
        (field(models.FloatField), float("-inf"), "-Infinity"),
        (field(models.DecimalField, max_digits=9, decimal_places=2), decimal.Decimal("1.005"), "1.01"),
        (field(models.DecimalField, max_digits=9, decimal_places=2), "3", "3.00"),
        (field(models.DateTimeField), AT, "2026-01-31T12:00:00.000000Z"),
        (field(models.DateField), dt.date(2026, 1, 31), "2026-01-31"),
        (field(models.UUIDField), uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (field(models.BinaryField), memoryview(b"\x01\xff"), "01ff"),
        (field(models.JSONField), {"b": 1.0, "a": 10**400}, None),
        (field(ArrayField, base_field=models.IntegerField()), [1, 2], [1, 2]),
    ],
)
def test_encode_gives_one_text_for_one_value(kind, value, expected):
    if isinstance(kind, models.JSONField):
        with pytest.raises((StateError, OverflowError)):
            encode(kind, {"a": object()})
        return
    assert encode(kind, value) == expected


def test_encode_range_keeps_its_bounds():
    during = DateTimeTZRange(AT, None, "[)")
    assert encode(field(DateTimeRangeField), during)[0] == "2026-01-31T12:00:00.000000Z"


def test_encode_refuses_an_expression():
    with pytest.raises(StateError, match="refresh_from_db"):
        encode(field(models.DateTimeField), Now())


def test_instant_refuses_a_naive_moment():
    with pytest.raises(ValueError, match="time zone"):
        instant(dt.datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.django_db
@pytest.mark.parametrize("model", [User, Team, Membership, ApiToken])
def test_every_account_model_has_a_schema_over_stored_fields(model):
    schema = states.current_schema(model)
    assert schema is not None
    assert len(schema.model_fields) == len(schema.fields)


def test_register_refuses_a_changed_definition_under_the_same_number():
    with pytest.raises(ValueError, match="frozen"):
        states.register("team/1", model="accounts.Team", fields=("slug",))


def test_digest_covers_every_field_and_only_those():
    schema = states.schema_named("team/1")
    one = Team(pk=1, slug="a", name="A")
    same = Team(pk=2, slug="a", name="A")
    other = Team(pk=1, slug="a", name="B")
    assert schema.digest(one) == schema.digest(same) != schema.digest(other)
