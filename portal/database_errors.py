"""What the database refuses that is a mistake of the input."""

from __future__ import annotations

from django.db import DataError

from portal.errors import InvalidInput


def zero_byte(error: Exception) -> InvalidInput | None:
    """The refusal of a text with a zero byte, which the database cannot hold, wherever it was given; else None."""
    if isinstance(error, DataError) and "NUL (0x00)" in str(error):
        return InvalidInput("A text holds a zero byte.", code="zero-byte", how="Remove it and try again.")
    return None
