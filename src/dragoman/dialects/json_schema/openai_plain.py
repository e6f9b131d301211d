"""JSON Schema as OpenAI takes it without `strict`: almost all of it, but an object at the root, and
`items` with every array.
"""

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.notes import Notes
from dragoman.dialects.json_schema.remembered import remembered
from dragoman.dialects.json_schema.tree import (
    NAMED_SCHEMAS,
    SCHEMA_LISTS,
    SCHEMAS,
    Node,
    Schema,
    UnreadableError,
    decode,
    encode,
    same,
    types_of,
)
from dragoman.dialects.json_tree import elements, members

ANY_OBJECT = b'{"type":"object","properties":{}}'
"""What stands for a schema that cannot be sent."""


@remembered
def openai_schema(schema: bytes, path: str, losses: list[Loss]) -> bytes:
    """A schema that is accepted, byte for byte the client's where it is so already.

    `path` is the schema's JSON path in the client's request. A root that excludes objects is made one:
    wrap such a schema of an answer first (`wrapping`).
    """
    notes = Notes(losses)
    try:
        root = decode(schema)
        fields = members(root)
        if fields is None:
            notes.note(path, "not a schema with keywords: any object is allowed")
            return ANY_OBJECT
        if not fields:
            return ANY_OBJECT
        tree = _with_items(fields)
        if fields.get("type") != "object":
            if "type" in fields:
                notes.note(Node(fields, path).at("type"), "an object in any case")
                tree["type"] = "object"
            else:
                tree = {"type": "object", **tree}
        return schema if same(tree, root) else encode(tree)
    except (UnreadableError, RecursionError):
        notes.note(path, "the schema is nested too deeply: any object is allowed")
        return ANY_OBJECT


def _with_items(fields: Schema) -> Schema:
    """The schema with `items` wherever a list is described without."""
    out: Schema = {}
    for name, value in fields.items():
        named, listed = members(value), elements(value)
        if name in NAMED_SCHEMAS and named is not None:
            out[name] = {key: _inner(one) for key, one in named.items()}
        elif listed is not None and (name in SCHEMA_LISTS or name == "items"):
            out[name] = [_inner(one) for one in listed]
        elif name in SCHEMAS:
            out[name] = _inner(value)
        else:
            out[name] = value
    if types_of(fields) == ["array"] and "items" not in out and "prefixItems" not in out:
        out["items"] = {}
    return out


def _inner(value: object) -> object:
    fields = members(value)
    return value if fields is None else _with_items(fields)
