"""The facts schema as protobuf descriptors: what CEL's type checker knows about facts and parameters.

Expressions are checked as messages and evaluated over plain maps (see cel_env), so no message of these types
is ever made. Each section has a message type of its own: the type of an operand tells where in the document
a field is read.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool

from governance.gates.schema import FACTS
from governance.gates.shapes import Field, Message

PACKAGE = "gatehouse"
FACTS_TYPE = f"{PACKAGE}.Facts"
PARAMS_TYPE = f"{PACKAGE}.Params"

_Proto = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "string": _Proto.TYPE_STRING,
    "timestamp": _Proto.TYPE_STRING,
    "date": _Proto.TYPE_STRING,
    "digest": _Proto.TYPE_STRING,
    "int": _Proto.TYPE_INT64,
    "double": _Proto.TYPE_DOUBLE,
    "bool": _Proto.TYPE_BOOL,
}


def messages_by_path() -> dict[str, tuple[str, Message]]:
    """Each message type's full name, with its path prefix in the document: ("bias[].", message)."""
    found: dict[str, tuple[str, Message]] = {FACTS_TYPE: ("", FACTS)}

    def walk(prefix: str, message: Message) -> None:
        for field in message.fields:
            if field.message is not None:
                path = f"{prefix}{field.name}{'[]' if field.repeated else ''}."
                name = f"{PACKAGE}.{field.message.name}"
                if name in found:
                    raise AssertionError(f"the facts schema uses the message name {name} twice")
                found[name] = (path, field.message)
                walk(path, field.message)

    walk("", FACTS)
    return found


def pool_for(params: Message) -> descriptor_pool.DescriptorPool:
    """A fresh pool with the facts schema and this policy's parameters."""
    file = descriptor_pb2.FileDescriptorProto(name="gatehouse/gates.proto", package=PACKAGE, syntax="proto3")
    for _, message in messages_by_path().values():
        _add_message(file, message)
    _add_message(file, params)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_message(file: descriptor_pb2.FileDescriptorProto, message: Message) -> None:
    proto = file.message_type.add(name=message.name)
    for number, field in enumerate(message.fields, start=1):
        _add_field(proto, field, number)


def _add_field(proto: descriptor_pb2.DescriptorProto, field: Field, number: int) -> None:
    # json_name is the name itself, so that nothing can answer to camelCase as well.
    added = proto.field.add(name=field.name, number=number, json_name=field.name)
    added.label = _Proto.LABEL_REPEATED if field.repeated else _Proto.LABEL_OPTIONAL
    if field.message is not None:
        added.type = _Proto.TYPE_MESSAGE
        added.type_name = f".{PACKAGE}.{field.message.name}"
    else:
        added.type = _TYPES[field.kind]
