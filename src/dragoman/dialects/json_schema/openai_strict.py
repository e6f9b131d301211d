"""JSON Schema as OpenAI takes it with `strict`: every object closed, every member required, and
nothing that answers cannot be held to.
"""

from collections.abc import Iterator

import msgspec

from dragoman.conversation.loss import Loss, approximated, emulated
from dragoman.dialects.json_schema.merging import Merging, TooLargeError
from dragoman.dialects.json_schema.notes import Notes, describe
from dragoman.dialects.json_schema.openai_plain import openai_schema
from dragoman.dialects.json_schema.remembered import remembered
from dragoman.dialects.json_schema.tree import (
    Node,
    Schema,
    UnreadableError,
    decode,
    encode,
    inferred_type,
    same,
    strings,
    types_of,
)
from dragoman.dialects.json_schema.wrapping import WRAPPED, inner_losses, object_schema
from dragoman.dialects.json_tree import elements, members

_KNOWN = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "anyOf",
        "$ref",
        "$defs",
        "definitions",
        "enum",
        "const",
        "title",
        "description",
        "$schema",
    }
)
"""Keywords that strict mode takes on every model."""

_REFUSED = frozenset(
    {
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
        "contains",
        "minLength",
        "maxLength",
    }
)
"""Keywords that it takes on none. Of all others it depends on the model."""

NOT_STRICT = "the schema breaks OpenAI's rules for strict ones: it is a guide only"
"""What is lost where a schema is sent as one that is not strict."""

_TYPED = frozenset({"type", "anyOf", "$ref", "enum", "const"})
_BESIDE_REF = frozenset({"$ref", "$defs", "definitions", "description"})
_DEEPEST = 10
_MAX_MEMBERS = 5000


@remembered
def openai_strict_schema(schema: bytes, path: str, losses: list[Loss]) -> bytes | None:
    """A schema that strict mode takes and that allows everything the client's does, byte for byte the
    client's where it is accepted already; None, with nothing added to `losses`, where there is no such
    schema: the root is no object, or objects in it are open or have members that may be left out.

    `path` is the schema's JSON path in the client's request.
    """
    found: list[Loss] = []
    try:
        root = decode(schema)
        fields = members(root)
        if fields is None:
            return None
        node = Node(fields, path)
        tree = _Conversion(node, Notes(found)).schema(node)
        if tree.get("type") != "object" or not _is_sound(tree):
            return None
        losses.extend(found)
        return schema if same(tree, root) else encode(tree)
    except (UnreadableError, RecursionError, TooLargeError):
        return None


def openai_form(
    schema: bytes, strict: bool | None, path: str, losses: list[Loss]
) -> tuple[bytes, bool | None]:
    """The schema in the form that `strict` asks for, and what `strict` becomes: False, with a loss,
    where the schema cannot be held to. `path` is the schema's JSON path in the client's request.
    """
    if strict:
        converted = openai_strict_schema(schema, path, losses)
        if converted is not None:
            return converted, True
        strict = False
        losses.append(approximated(f"{path.rpartition('.')[0]}.strict", "strict", NOT_STRICT))
    return openai_schema(schema, path, losses), strict


class AnswerSchema(msgspec.Struct, frozen=True):
    """A schema that answers are held to: `strict` as it is to be sent (None: not at all), and the
    property that the client's own schema was put into, if it was.
    """

    schema: bytes
    strict: bool | None
    wrapped_in: str | None = None


def openai_answer(
    schema: bytes, strict: bool | None, path: str, losses: list[Loss], *, native: bool
) -> AnswerSchema:
    """The schema of an answer. `native` says that the client speaks a format of OpenAI itself: nothing
    is made of its schema that it did not ask for. Others' are objects in any case, and strict where they
    qualify and the client does not say.
    """
    wrapped_in = None
    found: list[Loss] = []
    if not native:
        schema, wrapped_in = object_schema(schema)
        if wrapped_in is not None:
            losses.append(emulated("$.response_format", "schema_wrapped", WRAPPED))
        if strict is None:
            strict = qualifies(schema)
    if not native or strict:
        schema, strict = openai_form(schema, strict, path, found)
    losses.extend(inner_losses(found, path, wrapped_in))
    return AnswerSchema(schema, strict, wrapped_in)


def qualifies(schema: bytes) -> bool:
    """Whether every model takes the schema as strict, as it is."""
    try:
        root = members(decode(schema))
        if root is None or root.get("type") != "object":
            return False
        return _is_sound(root) and all((members(node) or {}).keys() <= _KNOWN for node, _ in _walk(root, 0))
    except (UnreadableError, RecursionError):
        return False


class _Conversion:
    def __init__(self, root: Node, notes: Notes) -> None:
        self._merging = Merging(root)
        self._notes = notes

    def schema(self, node: Node) -> Schema:
        """A schema without the keywords that are refused; whether it is closed is looked at later."""
        if "allOf" in node.fields:
            node = self._merging.flat(node)
        if "$ref" in node.fields and not node.fields.keys() <= _BESIDE_REF:
            node = self._alone(node)
        out: Schema = {}
        words: list[str] = []
        for name, value in node.fields.items():
            named, listed = members(value), elements(value)
            if name in {"$defs", "definitions", "properties"} and named is not None:
                out[name] = {key: self._inner(one, node.at(name, key)) for key, one in named.items()}
            elif listed is not None and (name == "anyOf" or (name == "oneOf" and "anyOf" not in node.fields)):
                out["anyOf"] = [self._inner(one, node.at(name, place)) for place, one in enumerate(listed)]
            elif name == "items" and named is not None:
                out[name] = self.schema(Node(named, node.at(name)))
            elif name in _REFUSED:
                self._notes.move(node.at(name), name, value, words)
            else:
                out[name] = value
        if not out.keys() & _TYPED and (kind := inferred_type(out)) is not None:
            out["type"] = kind
        describe(out, words)
        return out

    def _inner(self, value: object, path: str) -> object:
        fields = members(value)
        return value if fields is None else self.schema(Node(fields, path))

    def _alone(self, node: Node) -> Node:
        """A reference may have only a description beside it: what else is said moves there or, where it
        says what the value is, goes; the reference says it too.
        """
        words: list[str] = []
        for name, value in node.fields.items():
            if name in {"default", "examples"}:
                words.append(f"{name}: {encode(value).decode()}")
            elif name not in _BESIDE_REF and name != "title":
                self._notes.move(node.at(name), name, value, words)
        fields: Schema = {name: value for name, value in node.fields.items() if name in _BESIDE_REF}
        describe(fields, words)
        return Node(fields, node.path, node.elsewhere)


def _is_sound(root: Schema) -> bool:
    """Whether all objects are closed and require everything, and all schemas say their type."""
    if "anyOf" in root:
        return False
    total = 0
    for value, depth in _walk(root, 0):
        node = members(value)
        if node is None or depth > _DEEPEST:
            return False
        properties = members(node.get("properties")) or {}
        total += len(properties)
        if not _says_all(node, properties) or total > _MAX_MEMBERS:
            return False
    return True


def _says_all(node: Schema, properties: Schema) -> bool:
    types = types_of(node)
    if "object" in types or properties:
        if node.get("additionalProperties") is not False:
            return False
        if set(strings(node.get("required"))) != properties.keys():
            return False
    if "array" in types and members(node.get("items")) is None:
        return False
    if "$ref" in node and not node.keys() <= _BESIDE_REF:
        return False
    return bool(node.keys() & _TYPED) and not node.keys() & _REFUSED


def _walk(schema: object, depth: int) -> Iterator[tuple[object, int]]:
    """All schemas inside one, each with how many objects it stands in."""
    yield schema, depth
    fields = members(schema) or {}
    for one in elements(fields.get("anyOf")) or ():
        yield from _walk(one, depth)
    for name in ("$defs", "definitions"):
        for one in (members(fields.get(name)) or {}).values():
            yield from _walk(one, depth)
    for one in (members(fields.get("properties")) or {}).values():
        yield from _walk(one, depth + 1)
    if "items" in fields:
        yield from _walk(fields["items"], depth)
