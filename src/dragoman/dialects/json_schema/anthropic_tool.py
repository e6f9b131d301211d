"""JSON Schema as Anthropic takes it for the input of any tool: an object at its root, without
combinations there; below that, anything goes.
"""

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.merging import COMBINED, Merging, TooLargeError
from dragoman.dialects.json_schema.notes import Notes
from dragoman.dialects.json_schema.remembered import remembered
from dragoman.dialects.json_schema.tree import Node, UnreadableError, decode, encode, types_of
from dragoman.dialects.json_tree import members

EMPTY = b'{"type":"object","properties":{}}'
"""The schema of a tool without parameters."""


def anthropic_input_schema(schema: bytes | None, path: str, losses: list[Loss]) -> bytes:
    """An `input_schema` that is accepted, byte for byte the client's where it is so already.

    `path` is the schema's JSON path in the client's request.
    """
    return EMPTY if schema is None else _converted(schema, path, losses)


@remembered
def _converted(schema: bytes, path: str, losses: list[Loss]) -> bytes:
    notes = Notes(losses)
    try:
        fields = members(decode(schema))
        if fields is None or not fields:
            if fields is None:
                notes.note(path, "not a schema with keywords: any object is allowed")
            return EMPTY
        root = Node(fields, path)
        if fields.get("type") == "object" and not any(name in fields for name in COMBINED):
            return schema
        merged = _without_combinations(root, notes)
        if "type" in merged.fields and types_of(merged.fields) != ["object"]:
            notes.note(merged.at("type"), "the input of a tool is an object")
        return encode({**merged.fields, "type": "object"})
    except (UnreadableError, RecursionError):
        notes.note(path, "the schema is nested too deeply: any object is allowed")
        return EMPTY


def _without_combinations(root: Node, notes: Notes) -> Node:
    if not any(name in root.fields for name in COMBINED):
        return root
    try:
        merged = Merging(root).object(root, notes)
    except (TooLargeError, RecursionError):
        merged = root
    left = [name for name in (*COMBINED, "$ref") if name in merged.fields]
    for name in left:
        notes.note(merged.at(name), "not told: it leads nowhere, or on without end")
    return merged.without(*left)
