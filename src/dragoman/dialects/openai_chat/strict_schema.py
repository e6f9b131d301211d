"""OpenAI's rules for schemas that answers and arguments are held to (`strict`)."""

from collections.abc import Iterator

from dragoman.dialects.json_tree import ANY, UNREADABLE, elements, members

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


def qualifies(schema: bytes) -> bool:
    """Whether every model takes the schema as strict."""
    nodes = _nodes_of(schema)
    return nodes is not None and all(node.keys() <= _KNOWN for node in nodes)


def is_refused(schema: bytes) -> bool:
    """Whether no model takes the schema as strict: its root is no object, an object in it is open or has
    optional properties, or a keyword in it cannot be enforced.
    """
    nodes = _nodes_of(schema)
    return nodes is None or any(node.keys() & _REFUSED for node in nodes)


def types_of(schema: object) -> list[object]:
    """The types that a decoded schema allows; a single None where it does not say."""
    given = (members(schema) or {}).get("type")
    return elements(given) or [given]


def _nodes_of(schema: bytes) -> list[dict[str, object]] | None:
    """The schema and all schemas in it; None where their shape is one that is refused."""
    try:
        root = members(ANY.decode(schema))
        if root is None or "object" not in types_of(root) or "anyOf" in root:
            return None
        nodes = [members(node) for node in _walk(root)]
    except UNREADABLE:
        return None
    sound = [node for node in nodes if node is not None and _is_sound(node)]
    return sound if len(sound) == len(nodes) else None


def _walk(schema: object) -> Iterator[object]:
    yield schema
    fields = members(schema) or {}
    below = [*(elements(fields.get("anyOf")) or ())]
    for name in ("properties", "$defs", "definitions"):
        below.extend((members(fields.get(name)) or {}).values())
    if "items" in fields:
        below.append(fields["items"])
    for one in below:
        yield from _walk(one)


def _is_sound(node: dict[str, object]) -> bool:
    """Whether a schema says its type, and closes and requires everything where that is an object."""
    types = types_of(node)
    properties = members(node.get("properties")) or {}
    if "object" in types or properties:
        required = {name for name in elements(node.get("required")) or () if isinstance(name, str)}
        if node.get("additionalProperties") is not False or required != properties.keys():
            return False
    if "array" in types and "items" not in node:
        return False
    if "$ref" in node and not node.keys() <= _BESIDE_REF:
        return False
    return bool(node.keys() & _TYPED)
