"""Fields and the base of what the catalog's API takes in: strict, bounded, and only what a database can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from catalog.models import NAME, SHA256
from portal.ledger.canonical import MAX_SAFE_INTEGER, CanonicalError, canonical_bytes

MAX_JSON_BYTES = 64 * 1024


class Strict(serializers.Serializer):
    """A serializer that refuses fields it does not know: a misspelt name must not be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(key) for key in set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError({key[:80]: [f"Unknown field. Known: {known}."] for key in unknown})
        return super().to_internal_value(data)


class NameField(serializers.CharField):
    """A name as it stands in addresses."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=kwargs.pop("max_length", 80), **kwargs)
        self.validators.append(NAME)


class DigestField(serializers.CharField):
    """A SHA-256 as 64 lower-case hex digits; `sha256:` may stand before it."""

    default_error_messages = {"digest": str(SHA256.message)}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).removeprefix("sha256:")
        try:
            SHA256(text)
        except DjangoValidationError:
            self.fail("digest")
        return text


class CountField(serializers.IntegerField):
    """A whole number from 0 that every JSON reader carries exactly."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_SAFE_INTEGER, **kwargs)


class PlainObjectField(serializers.DictField):
    """A JSON object of bounded size that can be stored and digested: no NaN, no NUL, no lone surrogate."""

    default_error_messages = {
        "plain": "This is not plain JSON: {why}",
        "large": f"This is larger than {MAX_JSON_BYTES} bytes of JSON.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        try:
            text = canonical_bytes(found)
        except CanonicalError as error:
            self.fail("plain", why=str(error))
        if len(text) > MAX_JSON_BYTES:
            self.fail("large")
        if "\\u0000" in json.dumps(found):
            self.fail("plain", why="it holds a NUL character.")
        return dict(found)
