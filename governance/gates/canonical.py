"""RFC 8785 bytes of plain data, by the standard library's encoder wherever it says the same as RFC 8785."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

_MAX_SAFE_INTEGER = 2**53 - 1


class _Differs(Exception):
    """The standard library would write this in another way, or not refuse it."""


def dumps(value: Any) -> bytes:
    """The canonical form. Raises as `rfc8785.dumps` does for what has none."""
    try:
        alike = _alike(value)
    except (_Differs, RecursionError):
        return rfc8785.dumps(value)
    return _ENCODE(alike).encode()


# Keys sort by code point here and by UTF-16 unit there: the same for ASCII, and others go the slow way.
_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _alike(value: Any) -> Any:
    """The value with every number in a form that both write alike."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is float:
        return _number(value)
    if kind is int:
        if -_MAX_SAFE_INTEGER <= value <= _MAX_SAFE_INTEGER:
            return value
        raise _Differs
    if isinstance(value, dict):
        found = {}
        for name, item in value.items():
            if type(name) is not str or not name.isascii():
                raise _Differs
            found[name] = item if type(item) is str else _alike(item)
        return found
    if kind is list or kind is tuple:
        return [item if type(item) is str else _alike(item) for item in value]
    raise _Differs


def _number(value: float) -> float | int:
    # Python writes 1.0, 1e-05 and 1e+16 where RFC 8785 has 1, 0.00001 and 10000000000000000.
    if 1e-4 <= value < 1e15 or -1e15 < value <= -1e-4:
        return int(value) if value.is_integer() else value
    if value == 0:
        return 0
    raise _Differs
