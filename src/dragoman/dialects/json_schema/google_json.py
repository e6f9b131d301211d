"""JSON Schema as Google's `parametersJsonSchema` and `responseJsonSchema` take it.

They take JSON Schema itself but for a few keywords; whatever is accepted stays as it is, byte for
byte where nothing has to change.
"""

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.notes import Notes, describe, described
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
    resolved,
    same,
    steps_of,
    types_of,
    united,
)
from dragoman.dialects.json_tree import elements, members

_MAX_NODES = 20_000
_MAX_REPEATS = 2
"""How often a schema that contains itself is put in place of a reference to it."""

ANYTHING = b"{}"


@remembered
def google_parameters(schema: bytes, path: str, losses: list[Loss]) -> bytes | None:
    """The schema for `parametersJsonSchema`; None for a function without parameters, where Google
    wants none. `path` is the schema's JSON path in the client's request.
    """
    converted = google_json_schema(schema, path, losses)
    return None if _is_memberless(converted) else converted


@remembered
def google_json_schema(schema: bytes, path: str, losses: list[Loss]) -> bytes:
    """The schema for `responseJsonSchema`. What is no schema, or too deep to be read, becomes one that
    allows anything.
    """
    notes = Notes(losses)
    try:
        root = decode(schema)
        fields = members(root)
        if fields is None:
            if root is not True:
                notes.note(path, "not a schema: anything is allowed")
            return ANYTHING
        tree = _Conversion(Node(fields, path), notes).schema(root, path, ())
        return schema if same(tree, root) else encode(tree)
    except (UnreadableError, RecursionError):
        notes.note(path, "the schema is nested too deeply: anything is allowed")
        return ANYTHING


def _is_memberless(schema: bytes) -> bool:
    """Whether a function's schema is an object that has no members."""
    root = members(decode(schema)) or {}
    if members(root.get("properties")) or root.get("additionalProperties"):
        return False
    return not any(name in root for name in ("$ref", "anyOf", "oneOf", "allOf", "patternProperties"))


class _Conversion:
    def __init__(self, root: Node, notes: Notes) -> None:
        self._root = root
        self._notes = notes
        self._left = _MAX_NODES

    def schema(self, value: object, path: str, inlined: tuple[str, ...]) -> object:
        """The schema at one place; `inlined` are the references that led there."""
        fields = members(value)
        if fields is None:
            return self._boolean(value, path)
        return self._node(Node(fields, path), inlined)

    def _boolean(self, value: object, path: str) -> object:
        if value is False:
            self._notes.note(path, "never given")
            return {"description": "never given"}
        if value is not True:
            self._notes.note(path, "not a schema: anything is allowed")
        return {}

    def _node(self, node: Node, inlined: tuple[str, ...]) -> object:
        self._left -= 1
        if self._left < 0:
            self._notes.note(self._root.path, "the schema is too large: a part of it allows anything")
            return {}
        if elements(node.fields.get("allOf")):
            node, inlined = self._flattened(node, inlined)
        out: Schema = {}
        words: list[str] = []
        for name, value in node.fields.items():
            self._keyword(out, node, name, value, inlined, words)
        describe(out, words)
        if "$ref" in out:
            return self._referring(out, node, inlined)
        return out

    def _keyword(
        self,
        out: Schema,
        node: Node,
        name: str,
        value: object,
        inlined: tuple[str, ...],
        words: list[str],
    ) -> None:
        listed, named = elements(value), members(value)
        if name == "const":
            self._values(out, node, name, [value], words)
        elif name == "enum" and listed is not None:
            self._values(out, node, name, listed, words)
        elif name == "oneOf" and listed is not None:
            if "anyOf" in node.fields:
                self._notes.move(node.at(name), name, value, words)
            elif listed:
                out["anyOf"] = self._each(node, name, listed, inlined)
        elif name in SCHEMA_LISTS and listed is not None:
            if listed:
                out[name] = self._each(node, name, listed, inlined)
        elif name == "items" and listed is not None:
            if listed:
                out["prefixItems"] = self._each(node, name, listed, inlined)
        elif name in SCHEMAS and named is not None:
            out[name] = self.schema(value, node.at(name), inlined)
        elif name in SCHEMAS and value is True:
            out[name] = True if name == "additionalProperties" else {}
        elif name in NAMED_SCHEMAS and named is not None:
            out["$defs" if name == "definitions" else name] = {
                **(members(out.get("$defs")) or {} if name in {"definitions", "$defs"} else {}),
                **{key: self.schema(one, node.at(name, key), inlined) for key, one in named.items()},
            }
        elif name == "$ref" and isinstance(value, str):
            out[name] = value.replace("#/definitions/", "#/$defs/", 1)
        else:
            out[name] = value

    def _each(self, node: Node, name: str, values: list[object], inlined: tuple[str, ...]) -> list[object]:
        return [self.schema(one, node.at(name, place), inlined) for place, one in enumerate(values)]

    def _values(self, out: Schema, node: Node, name: str, values: list[object], words: list[str]) -> None:
        """Google's `enum` takes strings and numbers; null is a type, other values are told in words."""
        plain = [
            each for each in values if isinstance(each, str | int | float) and not isinstance(each, bool)
        ]
        if len(plain) == len(values):
            out["enum"] = values
        elif not plain and all(each is None for each in values) and types_of(node.fields) in ([], ["null"]):
            out["type"] = "null"
        elif len(plain) + values.count(None) == len(values) and "null" in types_of(node.fields):
            # the type allows null already, and each branch of a union has its own
            if "anyOf" in node.fields or "oneOf" in node.fields:
                self._notes.move(node.at(name), name, values[0] if name == "const" else values, words)
                return
            kinds = [kind for kind in types_of(node.fields) if kind != "null"]
            typed: Schema = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {}
            out["anyOf"] = [{**typed, "enum": plain}, {"type": "null"}]
            out.pop("type", None)
        else:
            self._notes.move(node.at(name), name, values[0] if name == "const" else values, words)

    # --- references and `allOf` -------------------------------------------------------------------

    def _flattened(self, node: Node, inlined: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        """`allOf` does not exist for Google: all its members in one, and the references followed."""
        rest = node.without("allOf")
        parts = _branches(node)
        if len(parts) == 1 and "$ref" in parts[0].fields and "$ref" not in rest.fields:
            return united([parts[0], rest], node.path), inlined
        found: list[Node] = []
        for part in parts:
            one, inlined = self._looked_up(part, inlined)
            found.append(one)
        return united([rest, *found], node.path), inlined

    def _looked_up(self, part: Node, inlined: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        """A member of `allOf` without a reference or an `allOf` of its own."""
        self._left -= 1
        rest = part.without("$ref", "allOf")
        targets = _branches(part)
        if "$ref" in part.fields:
            reference = str(part.fields["$ref"])
            target = resolved(self._root, reference)
            if target is None or inlined.count(reference) >= _MAX_REPEATS or self._left < 0:
                self._notes.note(part.at("$ref"), f"as {reference}")
            else:
                inlined = (*inlined, reference)
                targets.insert(0, target)
        found: list[Node] = []
        for target in targets:
            one, inlined = self._looked_up(target, inlined)
            found.append(one)
        return united([*found, rest], part.path), inlined

    def _referring(self, out: Schema, node: Node, inlined: tuple[str, ...]) -> object:
        """Google takes a reference into `$defs`, and nothing but `$` members beside it."""
        reference = out["$ref"]
        rest: Schema = {name: value for name, value in out.items() if name != "$ref"}
        steps = steps_of(reference) if isinstance(reference, str) else None
        if steps is not None and steps[:1] in ([], ["$defs"]) and "anyOf" not in rest:
            if all(name.startswith("$") for name in rest):
                return out
            return {"anyOf": [{"$ref": reference}], **rest}
        target = resolved(self._root, node.fields["$ref"])
        if target is None or not isinstance(reference, str) or reference in inlined:
            words = f"as {reference}"
            self._notes.note(node.at("$ref"), words)
            return {**rest, "description": described(rest.get("description"), [words])}
        found = self._node(target, (*inlined, reference))
        return united([Node(members(found) or {}, node.path), Node(rest, node.path)], node.path).fields


def _branches(node: Node) -> list[Node]:
    """The members of `allOf` that say something."""
    parts = enumerate(elements(node.fields.get("allOf")) or ())
    return [Node(fields, node.at("allOf", place)) for place, part in parts if (fields := members(part))]
