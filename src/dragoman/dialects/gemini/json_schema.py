"""JSON Schema as Google's `parametersJsonSchema` and `responseJsonSchema` take it.

They take JSON Schema itself but for a few keywords; whatever is accepted stays as it is, byte for
byte where nothing has to change.
"""

import msgspec

from dragoman.conversation.failure import invalid
from dragoman.dialects.gemini.schema_tree import (
    NAMED_SCHEMAS,
    SCHEMA_LISTS,
    SCHEMAS,
    Schema,
    resolved,
    united,
)
from dragoman.dialects.gemini.tree import ANY, elements, members

_MAX_NODES = 20_000
_MAX_DEPTH = 6
"""How far `allOf` is followed: into references into `allOf` of schemas referred to."""


class Relaxed(msgspec.Struct, frozen=True):
    """A schema for the target, None for a function without parameters, and the keywords that could
    only be described or had to go.
    """

    schema: msgspec.Raw | None
    notes: tuple[str, ...] = ()


def render_json_schema(schema: bytes, path: str) -> Relaxed:
    """The schema for a `...JsonSchema` field.

    Raises `FailureError` (invalid request, naming `path`) for what is no schema.
    """
    root = schema_root(schema, path)
    rendering = _Rendering(root)
    try:
        tree = rendering.schema(root, ())
    except RecursionError:
        raise invalid(f"'{path}': nested too deeply.", param=path) from None
    same = tree == root and not rendering.notes
    raw = msgspec.Raw(schema if same else msgspec.json.encode(tree))
    return Relaxed(raw, tuple(sorted(rendering.notes)))


def schema_root(schema: bytes, path: str) -> Schema:
    """A schema's tree. Raises `FailureError` for anything but an object."""
    try:
        root = members(ANY.decode(schema))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        root = None
    if root is None:
        raise invalid(f"'{path}': expected a JSON Schema (an object).", param=path, code="invalid_value")
    return root


def has_no_parameters(schema: bytes) -> bool:
    """Whether a function's schema is an object that has no members: Google wants no schema then."""
    root = members(ANY.decode(schema)) or {}
    if members(root.get("properties")) or root.get("additionalProperties"):
        return False
    return not any(name in root for name in ("$ref", "anyOf", "oneOf", "allOf", "patternProperties"))


class _Rendering:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = _MAX_NODES
        self.notes: set[str] = set()

    def schema(self, node: object, inlined: tuple[str, ...]) -> object:
        """The schema at one place; `inlined` are the references that led there."""
        self._left -= 1
        if self._left < 0:
            self.notes.add("size")
            return {}
        if node is True:
            return {}
        schema = members(node)
        if schema is None:
            return node
        if "allOf" in schema:
            schema = self._united(schema)
        out: Schema = {}
        for name, value in schema.items():
            self._keyword(out, name, value, inlined)
        reference = out.get("$ref")
        if reference is not None:
            return self._referring(out, reference, inlined)
        return out

    def _keyword(self, out: Schema, name: str, value: object, inlined: tuple[str, ...]) -> None:
        if name == "const":
            self._constant(out, value)
        elif name == "oneOf":
            variants = [self.schema(one, inlined) for one in elements(value) or ()]
            if "anyOf" in out:
                self.notes.add("oneOf")
            out["anyOf"] = variants
        elif name == "additionalProperties" and isinstance(value, bool):
            out[name] = value
        elif name in SCHEMAS and elements(value) is None:
            out[name] = self.schema(value, inlined)
        elif name in NAMED_SCHEMAS:
            named = {key: self.schema(one, inlined) for key, one in (members(value) or {}).items()}
            out["$defs" if name == "definitions" else name] = named
        elif name in SCHEMA_LISTS or (name == "items" and elements(value) is not None):
            listed = [self.schema(one, inlined) for one in elements(value) or ()]
            out["prefixItems" if name == "items" else name] = listed
        elif name == "$ref" and isinstance(value, str):
            out[name] = value.replace("#/definitions/", "#/$defs/", 1)
        else:
            out[name] = value

    def _constant(self, out: Schema, value: object) -> None:
        """Google's `enum` takes strings and numbers."""
        if value is None:
            out["type"] = "null"
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            out["enum"] = [value]
        else:
            self.notes.add("const")
            self.describe(out, f"must be {msgspec.json.encode(value).decode()}")

    def describe(self, out: Schema, words: str) -> None:
        """Say in words what the schema cannot say."""
        before = out.get("description")
        out["description"] = f"{before} ({words})" if before else words

    def _united(self, schema: Schema) -> Schema:
        """`allOf` does not exist for Google: all its members in one."""
        rest: Schema = {name: value for name, value in schema.items() if name != "allOf"}
        parts = [part for one in elements(schema["allOf"]) or () if (part := members(one))]
        if len(parts) == 1 and "$ref" in parts[0] and "$ref" not in rest:
            return {**parts[0], **rest}
        return united([rest, *(self._looked_up(part, 0) for part in parts)])

    def _looked_up(self, part: Schema, depth: int) -> Schema:
        """A member of `allOf` without a reference of its own."""
        self._left -= 1
        if depth > _MAX_DEPTH or self._left < 0:
            self.notes.add("allOf")
            return {}
        rest: Schema = {name: value for name, value in part.items() if name not in {"$ref", "allOf"}}
        targets: list[Schema] = []
        if "$ref" in part:
            target = members(resolved(self._root, part["$ref"]))
            if target is None:
                self.notes.add("$ref")
            targets.append(target or {})
        targets.extend(one for member in elements(part.get("allOf")) or () if (one := members(member)))
        return united([*(self._looked_up(target, depth + 1) for target in targets), rest])

    def _referring(self, out: Schema, reference: object, inlined: tuple[str, ...]) -> object:
        """Google takes a reference into `$defs`, and nothing but `$` members beside it."""
        rest: Schema = {name: value for name, value in out.items() if name != "$ref"}
        kept = isinstance(reference, str) and (reference == "#" or reference.startswith("#/$defs/"))
        if kept and "anyOf" not in rest:
            if all(name.startswith("$") for name in rest):
                return out
            return {"anyOf": [{"$ref": reference}], **rest}
        target = resolved(self._root, reference)
        if target is None or not isinstance(reference, str) or reference in inlined:
            self.notes.add("$ref")
            self.describe(rest, f"as {reference}")
            return rest
        found = self.schema(target, (*inlined, reference))
        return united([members(found) or {}, rest])
