"""How bodies are read: JSON within a bound, or the raw bytes as a stream that the view reads piece by piece."""

from __future__ import annotations

from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request


class BoundedJSONParser(JSONParser):
    """JSON. Its size is bounded by Django before it is read; too deep a nesting is refused, not a fault."""

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error


class RawParser(BaseParser):
    """A body that is the file itself, of whatever type it says it is. It is left unread: the view streams it."""

    media_type = "*/*"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> IO[bytes]:
        return stream


def body_of(request: Request) -> IO[bytes]:
    """The unread body. A chunked one, which has no length, is read from the server where it marks the end."""
    environ = request.META
    if not environ.get("CONTENT_LENGTH") and environ.get("wsgi.input_terminated"):
        return environ["wsgi.input"]  # type: ignore[no-any-return]
    return request._request  # type: ignore[return-value]
