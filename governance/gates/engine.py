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

        self._env: Any = None

    def declare(self, name: str, kind: Any) -> None:
        """Make `variables.NAME` known with the type that its expression has."""
        self._variables[f"variables.{name}"] = kind
        self._env = None

    def check(self, text: str) -> tuple[Any, Checked]:
        """The expression's type and its checked tree. Raises ExpressionError."""
        if self._env is None:
            self._env = cel.NewEnv(descriptor_pool=self._pool, variables=self._variables, extensions=_extensions())
        try:
            found = self._env.compile(text)
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


@lru_cache(maxsize=1024)
def _evaluator(slot: str, own_facts: bool) -> Any:
    """The environment that expressions are evaluated in.

    A slot such as `p1.v2` lets the expressions of several policies share one activation: by its container, `params`
    means `p1.params` there, `variables` means `p1.v2.variables` and, with own_facts, `facts` means `p1.facts`.
    """
    if not slot:
        return cel.NewEnv(variables={"facts": _MAP, "params": _MAP, "variables": _MAP}, extensions=_extensions())
    policy = slot.partition(".")[0]
    names = [f"{policy}.params", f"{slot}.variables", "facts", *([f"{policy}.facts"] if own_facts else [])]
    return cel.NewEnv(container=slot, variables=dict.fromkeys(names, _MAP), extensions=_extensions())


@lru_cache(maxsize=8192)
def compiled(text: str, slot: str = "", own_facts: bool = False) -> Any:
    """The expression over plain maps, compiled once a process (and slot)."""
    return _evaluator(slot, own_facts).compile(text)


def activation(data: Mapping[str, Any]) -> Any:
    """The data for many evaluations: `facts`, `params`, `variables` and the names of slots.

    Each name's value is converted once, when an expression first reads it; until then a mapping in it may be filled.
    """
    return _evaluator("", False).Activation(data)


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
    return ask(text, activation(data))


def ask(text: str, given: Any, slot: str = "", own_facts: bool = False) -> Value:
    """Evaluate over an activation, in a slot. Never raises, as `evaluate`."""
    try:
        return run(compiled(text, slot, own_facts), given)
    except RuntimeError as error:
        return _raised(error)


def deserialized(serialized: bytes, slot: str = "", own_facts: bool = False) -> Any:
    """An expression from its checked form, as `Expression.serialize` gave it or changed. Raises RuntimeError."""
    return _evaluator(slot, own_facts).deserialize(serialized)


def run(expression: Any, given: Any) -> Value:
    """What a compiled expression gives over an activation. Never raises, as `evaluate`."""
    try:
        found = expression.eval(activation=given)
    except RuntimeError as error:
        return _raised(error)
    value = found.plain_value()
    if found.type().name() == "ERROR":
        said = str(value)[:300]
        match = _MISSING_KEY.search(said)
        return Value(error=said, missing=match.group(1) if match else "")
    return Value(error="the value is null") if value is None else Value(value)


def _raised(error: RuntimeError) -> Value:
    return Value(error=str(error).split("\n", 1)[0][:300])
