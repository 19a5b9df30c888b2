"""How one field's value enters a state digest. Frozen: a change here would make every stored digest look false.

None → null · bool, str → as they are · int → number, beyond 2**53 - 1 decimal text · float → number, not finite
as "NaN", "Infinity", "-Infinity" · Decimal → text with the column's scale · datetime → UTC, microseconds, "Z" ·
date, time → ISO 8601 · timedelta → microseconds · UUID → text · bytes → hex · array → list · range →
[lower, upper, bounds] or "empty" · JSON → the value PostgreSQL's jsonb would hand back · foreign key → the stored
key, by the rules of the field it points to.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import math
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.fields.ranges import RangeField
from django.core.exceptions import ValidationError
from django.db import models

from portal.ledger.canonical import MAX_SAFE_INTEGER


class StateError(ValueError):
    """A row's state has no stable encoding; the message names the field."""


def encode(field: models.Field[Any, Any], value: Any) -> Any:
    """The canonical-JSON value of a stored field. Raises StateError."""
    try:
        return _encode(field, value)
    except StateError:
        raise
    except (ValidationError, ValueError, TypeError, OverflowError, decimal.InvalidOperation) as error:
        raise StateError(f"{field.model._meta.label}.{field.name}: {error}") from error


def _encode(field: models.Field[Any, Any], value: Any) -> Any:
    if value is None:
        return None
    if hasattr(value, "resolve_expression"):
        raise StateError(f"{field.name} holds a database expression; call refresh_from_db() before recording")
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(field, models.ForeignKey):
        return _encode(field.target_field, value)
    if isinstance(field, models.JSONField):
        return _json(field, value)
    if isinstance(field, ArrayField):
        return [_encode(field.base_field, item) for item in value]
    if isinstance(field, RangeField):
        return _range(field, value)
    if isinstance(field, models.BinaryField):
        return bytes(value).hex()
    if isinstance(field, models.FileField):
        return str(value)
    return _plain(field, field.to_python(value))


def _plain(field: models.Field[Any, Any], value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value.value) if isinstance(value, enum.Enum) else value
    if isinstance(value, int):
        return int(value) if abs(value) <= MAX_SAFE_INTEGER else str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, decimal.Decimal):
        return _decimal(field, value)
    if isinstance(value, dt.datetime):
        return instant(field.get_prep_value(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, dt.timedelta):
        return value // dt.timedelta(microseconds=1)
    if type(value).__name__ == "UUID":
        return str(value)
    raise StateError(f"{field.name}: {type(value).__name__} has no encoding in a state schema")


def instant(value: dt.datetime) -> str:
    """An aware datetime as "2026-01-31T12:00:00.000000Z". Raises ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _float(value: float) -> Any:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _decimal(field: models.Field[Any, Any], value: decimal.Decimal) -> str:
    """Text with the column's scale, rounded as PostgreSQL's numeric rounds (ties away from zero)."""
    places = getattr(field, "decimal_places", None)
    if places is not None:
        context = decimal.Context(prec=max(1, len(value.as_tuple().digits) + abs(value.adjusted()) + places + 2))
        value = value.quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP, context)
    return format(abs(value) if value.is_zero() else value, "f")


def _range(field: Any, value: Any) -> Any:
    """[lower, upper, bounds] as PostgreSQL canonicalises: discrete ranges become "[)", infinite ends open."""
    value = field.get_prep_value(value)
    if value.isempty:
        return "empty"
    lower, upper = value.lower, value.upper
    opened, closed = value.bounds
    base = field.base_field
    if isinstance(base, models.IntegerField | models.DateField) and not isinstance(base, models.DateTimeField):
        step: Any = dt.timedelta(days=1) if isinstance(base, models.DateField) else 1
        lower = lower + step if lower is not None and opened == "(" else lower
        upper = upper + step if upper is not None and closed == "]" else upper
        opened, closed = "[", ")"
    if lower is not None and upper is not None and lower == upper and (opened, closed) != ("[", "]"):
        return "empty"
    opened = "(" if lower is None else opened
    closed = ")" if upper is None else closed
    return [_encode(base, lower), _encode(base, upper), opened + closed]


def _json(field: models.JSONField[Any, Any], value: Any) -> Any:
    """The value after a trip through JSON text and jsonb, whose numbers are exact decimals."""
    text = json.dumps(value, cls=field.encoder, allow_nan=False)
    return json.loads(text, parse_float=_jsonb_number, parse_int=_jsonb_number)


def _jsonb_number(text: str) -> int | float:
    number = decimal.Decimal(text)
    if number == number.to_integral_value():
        # 1e3 and 1000.0 come back from jsonb as integers, so they are integers here from the start.
        if abs(number) > MAX_SAFE_INTEGER:
            raise StateError(f"the number {text[:40]} is beyond ±(2**53 - 1); keep it as text")
        return int(number)
    return float(number)
