"""A body that is the file itself, of whatever type it says it is."""

from __future__ import annotations

from typing import IO, Any

from rest_framework.parsers import BaseParser


class RawParser(BaseParser):
    """Leaves the body unread: the view streams it."""

    media_type = "*/*"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> IO[bytes]:
        return stream
