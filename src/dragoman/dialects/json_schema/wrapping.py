"""Schemas of answers that are no objects, for targets whose schemas must be: put into one property."""

import msgspec

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.tree import (
    DEFINITIONS,
    NAMED_SCHEMAS,
    SCHEMA_LISTS,
    SCHEMAS,
    Schema,
    UnreadableError,
    decode,
    encode,
    references,
    steps_of,
    types_of,
)
from dragoman.dialects.json_tree import elements, members

PROPERTY = "value"
"""The property that holds the answer; the gateway takes it out again (`Emulation.wrapped_in`)."""


WRAPPED = "the answer comes as the one member of an object and is taken out of it"
"""What is emulated where a schema is wrapped."""


def object_schema(schema: bytes) -> tuple[bytes, str | None]:
    """A schema for objects only, and the property of it that the client's own schema was put into: None
    where it is for objects already, or cannot be read.
    """
    if not needs_wrapping(schema):
        return schema, None
    try:
        return wrapped(schema), PROPERTY
    except (UnreadableError, RecursionError):
        return schema, None


def inner_losses(losses: list[Loss], path: str, wrapped_in: str | None) -> list[Loss]:
    """Losses of a wrapped schema, their paths as they are in the client's own."""
    if wrapped_in is None:
        return losses
    prefixes = (f"{path}.properties.{wrapped_in}", f"{path}.$defs.{wrapped_in}")
    return [
        msgspec.structs.replace(loss, path=path + loss.path.removeprefix(prefix))
        if (prefix := next((each for each in prefixes if loss.path.startswith(each)), None))
        else loss
        for loss in losses
    ]


def is_object_schema(schema: bytes) -> bool:
    """Whether the schema describes an object at its root, and only that."""
    try:
        root = members(decode(schema)) or {}
    except UnreadableError:
        return False
    types = types_of(root)
    return types == ["object"] or (not types and "properties" in root)


def needs_wrapping(schema: bytes) -> bool:
    """Whether an answer may be something else than an object: a list, a plain value, one of several."""
    try:
        root = members(decode(schema))
    except UnreadableError:
        return False
    if not root:
        return False
    types = types_of(root)
    if types:
        return types != ["object"] or "anyOf" in root or "oneOf" in root
    return "properties" not in root and any(
        name in root for name in ("anyOf", "oneOf", "enum", "const", "items", "prefixItems", "pattern")
    )


def wrapped(schema: bytes) -> bytes:
    """An object with the schema as its one required property, and references that still lead where
    they did. Raises `UnreadableError` for what is no schema.
    """
    root = members(decode(schema))
    if root is None:
        raise UnreadableError("the schema is not an object")
    inner: Schema = {name: value for name, value in root.items() if name not in {*DEFINITIONS, "$schema"}}
    definitions: Schema = {name: root[name] for name in DEFINITIONS if name in root}
    outside = [one for one in references(root) if not _is_defined(one)]
    if not outside:
        return _object(inner, definitions)
    # references into the root itself: it becomes a definition, where all targets look for them
    named = dict(members(definitions.get("$defs")) or {})
    name = PROPERTY if PROPERTY not in named else f"{PROPERTY}_{len(named)}"
    place = f"#/$defs/{name}"
    moved = members(_moved(inner, place)) or {}
    kept = {
        container: {key: _moved(one, place) for key, one in (members(value) or {}).items()}
        for container, value in definitions.items()
    }
    return _object({"$ref": place}, {**kept, "$defs": {**(kept.get("$defs") or {}), name: moved}})


def _object(inner: Schema, definitions: Schema) -> bytes:
    return encode(
        {
            "type": "object",
            "properties": {PROPERTY: inner},
            "required": [PROPERTY],
            "additionalProperties": False,
            **definitions,
        }
    )


def _is_defined(reference: str) -> bool:
    steps = steps_of(reference)
    return steps is None or (len(steps) > 1 and steps[0] in DEFINITIONS)


def _moved(value: object, place: str) -> object:
    """A schema whose references into the root lead to the root's new place."""
    fields = members(value)
    if fields is None:
        return value
    out: Schema = {}
    for name, inner in fields.items():
        named, listed = members(inner), elements(inner)
        if name == "$ref" and isinstance(inner, str) and not _is_defined(inner):
            out[name] = place + inner[1:]
        elif name in NAMED_SCHEMAS and named is not None:
            out[name] = {key: _moved(one, place) for key, one in named.items()}
        elif listed is not None and (name in SCHEMA_LISTS or name == "items"):
            out[name] = [_moved(one, place) for one in listed]
        elif name in SCHEMAS:
            out[name] = _moved(inner, place)
        else:
            out[name] = inner
    return out
