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
from dragoman.dialects.json_tree import ANY, elements, members

_MAX_NODES = 20_000
_MAX_REPEATS = 2
"""How often a schema that contains itself is put in place of a reference to it."""


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
            schema, inlined = self._united(schema, inlined)
        out: Schema = {}
        words: list[str] = []
        for name, value in schema.items():
            self._keyword(out, name, value, inlined, words)
        if words:
            described = out.get("description")
            out["description"] = f"{described} ({words[0]})" if described else words[0]
        reference = out.get("$ref")
        if reference is not None:
            return self._referring(out, reference, inlined)
        return out

    def _keyword(
        self, out: Schema, name: str, value: object, inlined: tuple[str, ...], words: list[str]
    ) -> None:
        if name == "const":
            self._constant(out, value, words)
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

    def _constant(self, out: Schema, value: object, words: list[str]) -> None:
        """Google's `enum` takes strings and numbers; other values can only be said in words."""
        if value is None:
            out["type"] = "null"
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            out["enum"] = [value]
        else:
            self.notes.add("const")
            words.append(f"must be {msgspec.json.encode(value).decode()}")

    def _united(self, schema: Schema, inlined: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """`allOf` does not exist for Google: all its members in one, and the references followed."""
        rest: Schema = {name: value for name, value in schema.items() if name != "allOf"}
        parts = [part for one in elements(schema["allOf"]) or () if (part := members(one))]
        if len(parts) == 1 and "$ref" in parts[0] and "$ref" not in rest:
            return {**parts[0], **rest}, inlined
        found: list[Schema] = []
        for part in parts:
            one, inlined = self._looked_up(part, inlined)
            found.append(one)
        return united([rest, *found]), inlined

    def _looked_up(self, part: Schema, inlined: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """A member of `allOf` without a reference or an `allOf` of its own."""
        self._left -= 1
        rest: Schema = {name: value for name, value in part.items() if name not in {"$ref", "allOf"}}
        targets = [one for member in elements(part.get("allOf")) or () if (one := members(member))]
        if "$ref" in part:
            reference = str(part["$ref"])
            target = members(resolved(self._root, reference))
            if target is None or inlined.count(reference) >= _MAX_REPEATS or self._left < 0:
                self.notes.add("$ref")
            else:
                inlined = (*inlined, reference)
                targets.insert(0, target)
        found: list[Schema] = []
        for target in targets:
            one, inlined = self._looked_up(target, inlined)
            found.append(one)
        return united([*found, rest]), inlined

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
            return {"description": f"as {reference}", **rest}
        found = self.schema(target, (*inlined, reference))
        return united([members(found) or {}, rest])
