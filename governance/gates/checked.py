"""The checked form of an expression: its tree, the type of each node and where each stands in the text.

cel-expr-python serialises a checked expression as a google.protobuf.Any of cel.expr.CheckedExpr, but carries no
descriptors of it; the parts that are read here are declared below, by the numbers of cel/expr/checked.proto and
syntax.proto. The bytes differ from call to call (map order), so they are read and never digested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message, message_factory

_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"int64": _Proto.TYPE_INT64, "int32": _Proto.TYPE_INT32, "bool": _Proto.TYPE_BOOL}
_SCALARS |= {"string": _Proto.TYPE_STRING, "double": _Proto.TYPE_DOUBLE}
# message: {field: (number, type, repeated)}
_SHAPES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "Empty": {},
    "Type": {
        "dyn": (1, "Empty", False),
        "null": (2, "int32", False),
        "primitive": (3, "int32", False),
        "list_type": (6, "ListType", False),
        "map_type": (7, "MapType", False),
        "message_type": (9, "string", False),
    },
    "ListType": {"elem_type": (1, "Type", False)},
    "MapType": {"key_type": (1, "Type", False), "value_type": (2, "Type", False)},
    "TypeEntry": {"key": (1, "int64", False), "value": (2, "Type", False)},
    "Reference": {"name": (1, "string", False)},
    "ReferenceEntry": {"key": (1, "int64", False), "value": (2, "Reference", False)},
    "Constant": {
        "null_value": (1, "int32", False),
        "bool_value": (2, "bool", False),
        "double_value": (5, "double", False),
        "string_value": (6, "string", False),
    },
    "Ident": {"name": (1, "string", False)},
    "Select": {"operand": (1, "Expr", False), "field": (2, "string", False), "test_only": (3, "bool", False)},
    "Call": {"target": (1, "Expr", False), "function": (2, "string", False), "args": (3, "Expr", True)},
    "ListExpr": {"elements": (1, "Expr", True)},
    "Entry": {"map_key": (3, "Expr", False), "value": (4, "Expr", False)},
    "Struct": {"message_name": (1, "string", False), "entries": (2, "Entry", True)},
    "Loop": {
        "iter_var": (1, "string", False),
        "iter_range": (2, "Expr", False),
        "accu_var": (3, "string", False),
        "accu_init": (4, "Expr", False),
        "loop_condition": (5, "Expr", False),
        "loop_step": (6, "Expr", False),
        "result": (7, "Expr", False),
    },
    "Expr": {
        "id": (2, "int64", False),
        "const_expr": (3, "Constant", False),
        "ident_expr": (4, "Ident", False),
        "select_expr": (5, "Select", False),
        "call_expr": (6, "Call", False),
        "list_expr": (7, "ListExpr", False),
        "struct_expr": (8, "Struct", False),
        "comprehension_expr": (9, "Loop", False),
    },
    "Position": {"key": (1, "int64", False), "value": (2, "int32", False)},
    "SourceInfo": {"positions": (4, "Position", True)},
    "CheckedExpr": {
        "reference_map": (2, "ReferenceEntry", True),
        "type_map": (3, "TypeEntry", True),
        "expr": (4, "Expr", False),
        "source_info": (5, "SourceInfo", False),
    },
}
# cel.expr.Type.PrimitiveType
_DOUBLE, _TEXT = 4, 5
_KINDS = (
    "const_expr",
    "ident_expr",
    "select_expr",
    "call_expr",
    "list_expr",
    "struct_expr",
    "comprehension_expr",
)


def _checked_expr() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="checked.proto", package="gatehouse.checked", syntax="proto2")
    for name, fields in _SHAPES.items():
        added = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            label = _Proto.LABEL_REPEATED if repeated else _Proto.LABEL_OPTIONAL
            one = added.field.add(name=field, number=number, label=label)
            if kind in _SCALARS:
                one.type = _SCALARS[kind]
            else:
                one.type, one.type_name = _Proto.TYPE_MESSAGE, f".gatehouse.checked.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("gatehouse.checked.CheckedExpr"))


_CheckedExpr = _checked_expr()


class TooDeep(ValueError):
    """The expression nests deeper than its checked form can be read."""


@dataclass(frozen=True)
class Checked:
    """A checked expression: `root` is its Expr; types and names are looked up by an Expr's id."""

    root: Any
    types: dict[int, Any]
    names: dict[int, str]
    offsets: dict[int, int]

    def type_of(self, expr: Any) -> Any:
        """The checker's Type of a node, or None."""
        return self.types.get(expr.id)

    def message_of(self, expr: Any) -> str:
        """The message type's full name where the node is a message, else an empty string."""
        found = self.types.get(expr.id)
        return str(found.message_type) if found is not None and found.HasField("message_type") else ""

    def is_list(self, expr: Any) -> bool:
        """Whether the node is a list."""
        found = self.types.get(expr.id)
        return found is not None and found.HasField("list_type")

    def is_map(self, expr: Any) -> bool:
        """Whether the node is a map (only a literal can be one: facts are messages)."""
        found = self.types.get(expr.id)
        return found is not None and found.HasField("map_type")

    def is_double(self, expr: Any) -> bool:
        """Whether the node is a floating-point number."""
        found = self.types.get(expr.id)
        return found is not None and found.primitive == _DOUBLE

    def is_text(self, expr: Any) -> bool:
        """Whether the node is a text."""
        found = self.types.get(expr.id)
        return found is not None and found.primitive == _TEXT

    def is_section(self, expr: Any) -> bool:
        """Whether the node is a whole section or row of the facts, or a list of them."""
        found = self.types.get(expr.id)
        while found is not None and found.HasField("list_type"):
            found = found.list_type.elem_type
        return found is not None and found.HasField("message_type")

    def name_of(self, expr: Any) -> str:
        """The variable that the node is, such as `facts` or `variables.judged`; else an empty string."""
        known = self.names.get(expr.id, "")
        return known or (expr.ident_expr.name if kind_of(expr) == "ident_expr" else "")


class Sub:
    """A checked expression of which any node can be made the whole."""

    def __init__(self, serialized: bytes) -> None:
        self._any = any_pb2.Any.FromString(serialized)
        self._whole = _CheckedExpr.FromString(self._any.value)

    def rooted(self, node: Any) -> bytes:
        """The node as an expression of its own, for the engine to deserialise."""
        made = _CheckedExpr()
        made.CopyFrom(self._whole)
        made.expr.CopyFrom(node)
        return self._wrapped(made)

    def masked(self) -> bytes | None:
        """Of an expression that is one filter: '1' or '0' for each row, instead of a list of the rows; else None."""
        made = _CheckedExpr()
        made.CopyFrom(self._whole)
        if not is_filter(made.expr):
            return None
        loop = made.expr.comprehension_expr
        condition, added = loop.loop_step.call_expr.args[0], loop.loop_step.call_expr.args[1]
        if [one.ident_expr.name for one in _added(added)] != [loop.iter_var]:
            return None
        # Still "condition ? … : …", so that of several rows without answer the same one is named.
        step = type(condition)(id=loop.loop_step.id)
        step.call_expr.function = "_?_:_"
        step.call_expr.args.add().CopyFrom(condition)
        for text in ("1", "0"):
            longer = step.call_expr.args.add(id=added.id)
            longer.call_expr.function = "_+_"
            longer.call_expr.args.add(id=added.id).ident_expr.name = loop.accu_var
            longer.call_expr.args.add(id=added.id).const_expr.string_value = text
        loop.accu_init.Clear()
        loop.accu_init.const_expr.string_value = ""
        loop.loop_step.CopyFrom(step)
        del made.type_map[:], made.reference_map[:]
        return self._wrapped(made)

    def _wrapped(self, made: Any) -> bytes:
        return any_pb2.Any(type_url=self._any.type_url, value=made.SerializeToString()).SerializeToString()


def decode(serialized: bytes) -> Checked:
    """Read what `Expression.serialize()` of a checked expression gave. Raises TooDeep."""
    try:
        found = _CheckedExpr.FromString(any_pb2.Any.FromString(serialized).value)
    except message.DecodeError as error:
        raise TooDeep("the expression is nested too deeply") from error
    return Checked(
        found.expr,
        {entry.key: entry.value for entry in found.type_map},
        {entry.key: entry.value.name for entry in found.reference_map if entry.value.name},
        {entry.key: entry.value for entry in found.source_info.positions},
    )


def kind_of(expr: Any) -> str:
    """Which of the kinds of expression the node is; an empty string for none."""
    return next((kind for kind in _KINDS if expr.HasField(kind)), "")


def children(expr: Any) -> Iterator[Any]:
    """The nodes below, but for the scaffolding of a loop: its range and what its step was written with."""
    kind = kind_of(expr)
    if kind == "select_expr":
        yield expr.select_expr.operand
    elif kind == "call_expr":
        if expr.call_expr.HasField("target"):
            yield expr.call_expr.target
        yield from expr.call_expr.args
    elif kind == "list_expr":
        yield from expr.list_expr.elements
    elif kind == "struct_expr":
        for entry in expr.struct_expr.entries:
            if entry.HasField("map_key"):
                yield entry.map_key
            yield entry.value
    elif kind == "comprehension_expr":
        yield expr.comprehension_expr.iter_range
        yield from loop_parts(expr.comprehension_expr)


def loop_parts(loop: Any) -> list[Any]:
    """What the author wrote inside the brackets of all, exists, exists_one, filter or map."""
    step = loop.loop_step
    call = step.call_expr
    if call.function == "_?_:_" and len(call.args) == 3:
        # filter, exists_one and map with a condition: condition ? accumulator + … : accumulator
        return [call.args[0], *_added(call.args[1])]
    if call.function in ("_&&_", "_||_", "_+_") and len(call.args) == 2:
        return _added(step) if call.function == "_+_" else [call.args[1]]
    return [step]


def _added(step: Any) -> list[Any]:
    """The elements that `accumulator + [element]` adds; none where it counts."""
    added = step.call_expr.args[1] if len(step.call_expr.args) == 2 else step
    return list(added.list_expr.elements) if kind_of(added) == "list_expr" else []


def is_filter(expr: Any) -> bool:
    """Whether the node is a loop that makes a list of some of the rows: filter, or map with a condition."""
    if kind_of(expr) != "comprehension_expr":
        return False
    loop = expr.comprehension_expr
    return kind_of(loop.accu_init) == "list_expr" and loop.loop_step.call_expr.function == "_?_:_"


def walk(expr: Any) -> Iterator[Any]:
    """The node and all below it, in the order of the text."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))
