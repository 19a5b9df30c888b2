"""Parameters of a policy as a form sends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from governance.gates.document import Param
from portal.errors import InvalidInput


def typed_params(params: Iterable[Param], data: Mapping[str, str]) -> dict[str, Any]:
    """The values sent, each of its parameter's type; one left empty is left out. Raises InvalidInput."""
    return {one.name: _typed(one.type, one.name, str(data[one.name])) for one in params if data.get(one.name, "") != ""}


def _typed(kind: str, name: str, text: str) -> Any:
    try:
        if kind == "double":
            return float(text)
        if kind == "int":
            return int(text)
    except ValueError as error:
        how = "Write it as 0.8." if kind == "double" else "Write a whole number."
        raise InvalidInput(f"{name}: {text[:40]!r} is no number.", code="parameter", field=name, how=how) from error
    return text == "true" if kind == "bool" else text
