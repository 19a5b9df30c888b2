"""Canonical JSON (RFC 8785) and the strict reading of it. Pure: no Django, clock or network."""

import hashlib
import json
import math
from typing import Any

import rfc8785

# RFC 8785 inherits I-JSON (RFC 7493): integers beyond this cannot be carried exactly by every reader.
MAX_SAFE_INTEGER = 2**53 - 1


class CanonicalError(ValueError):
    """The value has no canonical form, or the text is not strict JSON."""


def canonical_bytes(obj: Any) -> bytes:
    """The RFC 8785 form of `obj` (dict with str keys, list, tuple, str, bool, None, int, float) as UTF-8.

    Raises CanonicalError for NaN, infinities, integers beyond ±(2**53 - 1), lone surrogates, other types.
    """
    try:
        return rfc8785.dumps(obj)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise CanonicalError(f"no canonical form: {error}") from error


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def parse_strict(data: bytes | str) -> Any:
    """Read JSON, refusing what two readers could understand differently.

    Raises CanonicalError for invalid UTF-8, duplicate keys, NaN and infinities (also by overflow),
    integers beyond ±(2**53 - 1) that are not the canonical text of a float, and nesting deeper than the
    interpreter reads.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_int=_safe_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except CanonicalError:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CanonicalError(f"not strict JSON: {error}") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CanonicalError(f"the key {twice!r} appears twice")
    return result


def _safe_integer(text: str) -> int | float:
    if len(text) <= 17 and abs(int(text)) <= MAX_SAFE_INTEGER:
        return int(text)
    # A large float has no fraction and is written without a point (RFC 8785 3.2.2.3), so 1e18 comes back as
    # digits. Where they are the one text of one double, every reader means the same number.
    if len(text) <= 22 and rfc8785.dumps(float(text)) == text.encode():
        return float(text)
    raise CanonicalError(f"the integer {text[:40]} is beyond ±(2**53 - 1); write it as a string")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise CanonicalError(f"the number {text[:40]} is too large")
    return value


def _no_constant(text: str) -> Any:
    raise CanonicalError(f"{text} is not a JSON number")
