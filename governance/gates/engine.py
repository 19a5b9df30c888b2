"""The CEL engine: expressions are checked as messages and evaluated as maps (see docs/decisions/0003)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from governance.gates import descriptors
from governance.gates.checked import Checked, TooDeep, decode
from governance.gates.shapes import Message

ENGINE = f"cel-expr-python {version('cel-expr-python')} / gatehouse-gates 1"
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_MISSING_KEY = re.compile(r'Key not found in map : "([^"]*)"')
TOO_DEEP = "The expression is nested too deeply."
_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)


def _extensions() -> list[Any]:
    return [ext_strings.ExtStrings(), ext_math.ExtMath()]


class ExpressionError(ValueError):
    """An expression that the checker refuses: line and column count from 1 within the expression."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Checker:
    """Checks expressions of one policy against the facts schema and the policy's own parameters."""

    def __init__(self, params: Message) -> None:
        self._pool = descriptors.pool_for(params)
        self._variables: dict[str, Any] = {
            "facts": cel.Type(descriptors.FACTS_TYPE),
            "params": cel.Type(descriptors.PARAMS_TYPE),
        }

    def declare(self, name: str, kind: Any) -> None:
        """Make `variables.NAME` known with the type that its expression has."""
        self._variables[f"variables.{name}"] = kind

    def check(self, text: str) -> tuple[Any, Checked]:
        """The expression's type and its checked tree. Raises ExpressionError."""
        env = cel.NewEnv(descriptor_pool=self._pool, variables=self._variables, extensions=_extensions())
        try:
            found = env.compile(text)
            return found.return_type(), decode(found.serialize())
        except RuntimeError as error:
            raise _refused(str(error)) from error
        except TooDeep as error:
            raise ExpressionError(TOO_DEEP, 1, 1) from error


def _refused(said: str) -> ExpressionError:
    match = _PLACE.search(said)
    if "recursion" in said:
        return ExpressionError(TOO_DEEP, 1, 1)
    if match is None:
        return ExpressionError(said.split("\n", 1)[0][:300], 1, 1)
    return ExpressionError(match.group(3).strip()[:300], int(match.group(1)), int(match.group(2)))


@lru_cache(maxsize=1)
def _evaluator() -> Any:
    variables = {"facts": _MAP, "params": _MAP, "variables": _MAP}
    return cel.NewEnv(variables=variables, extensions=_extensions())


@lru_cache(maxsize=4096)
def compiled(text: str) -> Any:
    """The expression over plain maps, compiled once a process."""
    return _evaluator().compile(text)


@dataclass(frozen=True)
class Value:
    """What an expression gave: a value, or why there is none. `missing` names an absent key."""

    value: Any = None
    error: str = ""
    missing: str = ""

    @property
    def known(self) -> bool:
        return not self.error


def evaluate(text: str, data: Mapping[str, Any]) -> Value:
    """Evaluate over plain maps. Never raises: an error, a budget that ran out and null are all 'not known'."""
    try:
        found = compiled(text).eval(data=data)
    except RuntimeError as error:
        return Value(error=str(error).split("\n", 1)[0][:300])
    value = found.plain_value()
    if found.type().name() == "ERROR":
        said = str(value)[:300]
        match = _MISSING_KEY.search(said)
        return Value(error=said, missing=match.group(1) if match else "")
    return Value(error="the value is null") if value is None else Value(value)
