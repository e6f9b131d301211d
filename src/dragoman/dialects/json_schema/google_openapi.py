"""JSON Schema as Google's Schema, for models that know no JSON Schema.

One keyword that Google does not know fails the whole request, so everything is brought down to the
subset: references put in place, unions and bounds rewritten. A constraint that has no keyword goes
into the description, where the model still reads it.
"""

import math

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.merging import Merging, TooLargeError
from dragoman.dialects.json_schema.notes import Notes, describe
from dragoman.dialects.json_schema.remembered import remembered
from dragoman.dialects.json_schema.tree import (
    Node,
    Schema,
    UnreadableError,
    decode,
    encode,
    inferred_type,
    is_null,
    resolved,
    strings,
    types_of,
    united,
    value_types,
)
from dragoman.dialects.json_tree import elements, members

_MAX_NODES = 5_000
_MAX_REPEATS = 2
"""How often a schema that contains itself is put in place of a reference to it."""

_PER_TYPE = {
    "string": ("minLength", "maxLength", "pattern"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "boolean": (),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
_NUMBERS = frozenset(
    {"minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "minProperties", "maxProperties"}
)
_FORMATS = {
    "string": frozenset({"date-time"}),
    "integer": frozenset({"int32", "int64"}),
    "number": frozenset({"float", "double"}),
}
_READ = frozenset(
    {
        "$ref",
        "additionalItems",
        "allOf",
        "const",
        "default",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "nullable",
        "prefixItems",
        "properties",
        "required",
        "title",
        "type",
    }
)
_SILENT = frozenset(
    {
        "$anchor",
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "$vocabulary",
        "definitions",
        "deprecated",
        "propertyOrdering",
        "readOnly",
        "writeOnly",
    }
)
"""Keywords that constrain nothing."""


@remembered
def google_openapi_parameters(schema: bytes, path: str, losses: list[Loss]) -> bytes | None:
    """The schema for `parameters`: an object, None where it has no members, because Google wants no
    schema then. `path` is the schema's JSON path in the client's request.
    """
    tree = _converted(schema, path, losses, parameters=True)
    return encode(tree) if tree.get("properties") else None


@remembered
def google_openapi_schema(schema: bytes, path: str, losses: list[Loss]) -> bytes:
    """The schema for `responseSchema`. What is no schema, or too deep to be read, becomes an object."""
    return encode(_converted(schema, path, losses, parameters=False))


def _converted(schema: bytes, path: str, losses: list[Loss], *, parameters: bool) -> Schema:
    notes = Notes(losses)
    try:
        root = members(decode(schema))
        if root is None:
            notes.note(path, "not a schema with keywords: an object")
            return {"type": "OBJECT"}
        node = Node(root, path)
        if parameters:
            node = _as_object(node, notes)
        return _Conversion(Node(root, path), notes).schema(node)
    except (UnreadableError, RecursionError):
        notes.note(path, "the schema is nested too deeply: an object")
        return {"type": "OBJECT"}


def _as_object(node: Node, notes: Notes) -> Node:
    """A function's parameters: an object in any case, without a union at its top."""
    if not {"anyOf", "oneOf", "allOf", "$ref"}.isdisjoint(node.fields):
        try:
            node = Merging(node).object(node, notes)
        except TooLargeError:
            notes.note(node.path, "the schema is too large: any object is allowed")
            return Node({"type": "object"}, node.path)
    if "type" in node.fields and types_of(node.fields) != ["object"]:
        notes.note(node.at("type"), "the parameters of a function are an object")
    return Node({**node.without("$ref").fields, "type": "object"}, node.path, node.elsewhere)


class _Conversion:
    def __init__(self, root: Node, notes: Notes) -> None:
        self._root = root
        self._notes = notes
        self._left = _MAX_NODES

    def schema(self, node: Node) -> Schema:
        """The whole schema."""
        return self._node(node, ()) if node.fields else self._inner({}, node.path, ())

    def _inner(self, value: object, path: str, inlined: tuple[str, ...]) -> Schema:
        """The schema at one place; `inlined` are the references that led there."""
        fields = members(value)
        if not fields:
            words = "never given" if value is False else "any JSON value"
            self._notes.note(path, words)
            return {"type": "STRING", "description": words}
        return self._node(Node(fields, path), inlined)

    def _node(self, node: Node, inlined: tuple[str, ...]) -> Schema:
        self._left -= 1
        if self._left < 0:
            self._notes.note(self._root.path, "the schema is too large: a part of it is any object")
            return {"type": "OBJECT"}
        node, inlined = self._in_place(node, inlined)
        nullable = node.fields.get("nullable") is True
        union = "anyOf" if elements(node.fields.get("anyOf")) else "oneOf"
        variants = elements(node.fields.get(union))
        if variants:
            kept = [
                Node(members(one) or {}, node.at(union, place))
                for place, one in enumerate(variants)
                if not is_null(one)
            ]
            nullable = nullable or len(kept) < len(variants)
            own = node.without(union, "nullable")
            if not kept:
                return _marked(self._typed(own, inlined, nullable=nullable), nullable)
            if len(kept) == 1:
                return _marked(self._node(united([own, kept[0]], node.path), inlined), nullable)
            if not any(name in own.fields for name in ("properties", "items", "enum", "const")):
                return self._union(own, kept, inlined, nullable=nullable)
        return self._typed(node, inlined, nullable=nullable)

    def _in_place(self, node: Node, inlined: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        """The schema with its reference and its `allOf` replaced by what they stand for."""
        while "$ref" in node.fields or "allOf" in node.fields:
            self._left -= 1
            rest = node.without("$ref", "allOf")
            parts: list[Node] = []
            if "$ref" in node.fields:
                reference = str(node.fields["$ref"])
                target = resolved(self._root, reference)
                if target is None or inlined.count(reference) >= _MAX_REPEATS or self._left < 0:
                    words = f"as {reference}" if target is None else "nested further in the same way"
                    self._notes.note(node.at("$ref"), words)
                    kind = rest.fields.get("type", "object")
                    parts.append(Node({"type": kind, "description": words}, node.path))
                else:
                    inlined = (*inlined, reference)
                    parts.append(target)
            for place, one in enumerate(elements(node.fields.get("allOf")) or ()):
                part = Node(members(one) or {}, node.at("allOf", place))
                part, inlined = self._in_place(part, inlined)
                parts.append(part)
            node = united([*parts, rest], node.path)
        return node, inlined

    def _union(self, own: Node, variants: list[Node], inlined: tuple[str, ...], *, nullable: bool) -> Schema:
        """Google wants nothing beside `anyOf`: what stood there goes into each variant."""
        if "type" in own.fields and not any("type" in one.fields for one in variants):
            variants = [
                Node({"type": own.fields["type"], **one.fields}, one.path, one.elsewhere) for one in variants
            ]
        rendered: list[object] = []
        words: list[str] = []
        self._leftovers(own.without("type"), "object", words)
        for one in variants:
            variant = self._node(one, inlined) if one.fields else self._inner({}, one.path, inlined)
            sentences = (own.fields.get("description"), *words, variant.get("description"))
            if any(sentences[:-1]) and "anyOf" not in variant:
                variant["description"] = " ".join(str(sentence) for sentence in sentences if sentence)
            rendered.append(_marked(variant, nullable))
        return {"anyOf": rendered}

    def _typed(self, node: Node, inlined: tuple[str, ...], *, nullable: bool) -> Schema:
        named = types_of(node.fields) or _types_of_values(node.fields)
        kinds = [kind for kind in named if kind != "null"]
        nullable = nullable or len(kinds) < len(named)
        if len(kinds) > 1:
            variants: list[object] = []
            for kind in kinds:
                fields: Schema = {**node.without("nullable").fields, "type": kind}
                variants.append(
                    _marked(self._node(Node(fields, node.path, node.elsewhere), inlined), nullable)
                )
            return {"anyOf": variants}
        kind = kinds[0] if kinds else ("null" if named else inferred_type(node.fields) or "string")
        words: list[str] = []
        if kind not in _PER_TYPE:
            said = "always null" if kind == "null" else f"type {kind}"
            self._notes.note(node.at("type"), said)
            words.append(said)
            nullable = nullable or kind == "null"
            kind = "string"
        out: Schema = {"type": kind.upper()}
        if isinstance(title := node.fields.get("title"), str):
            out["title"] = title
        if "default" in node.fields:
            out["default"] = node.fields["default"]
        for name in _PER_TYPE[kind]:
            value = node.fields.get(name)
            if isinstance(value, int | float if name in _NUMBERS else str) and not isinstance(value, bool):
                out[name] = value
        nullable = self._values(out, node, kind, words) or nullable
        self._bounds(out, node, kind, words)
        if kind == "array":
            self._elements(out, node, inlined, words)
        elif kind == "object":
            self._members(out, node, inlined)
        self._leftovers(node, kind, words)
        if isinstance(description := node.fields.get("description"), str) and description:
            out["description"] = description
        describe(out, words)
        return _marked(out, nullable)

    def _values(self, out: Schema, node: Node, kind: str, words: list[str]) -> bool:
        """`enum`, `const` and `format`; whether null is among the values."""
        form = node.fields.get("format")
        if form is not None:
            if form in _FORMATS.get(kind, ()):
                out["format"] = form
            elif form != "enum":
                self._notes.move(node.at("format"), "format", form, words)
        name = "const" if "const" in node.fields else "enum"
        values = [node.fields["const"]] if name == "const" else elements(node.fields.get("enum"))
        if values is None:
            return False
        listed = [value for value in values if value is not None]
        if kind == "string" and listed and all(isinstance(value, str) and value for value in listed):
            out["enum"] = listed
        elif listed:
            self._notes.move(node.at(name), "enum", listed, words)
        return len(listed) < len(values)

    def _bounds(self, out: Schema, node: Node, kind: str, words: list[str]) -> None:
        """Google knows no exclusive bounds; those of integers can be said inclusively."""
        for name, plain, direction in (
            ("exclusiveMinimum", "minimum", 1),
            ("exclusiveMaximum", "maximum", -1),
        ):
            bound = node.fields.get(name)
            if bound is True:
                # draft 4: the plain bound is meant exclusively
                bound = out.pop(plain, None)
            if not isinstance(bound, int | float) or isinstance(bound, bool):
                continue
            if kind == "integer" and math.isfinite(bound):
                inner = (math.floor(bound) if direction > 0 else math.ceil(bound)) + direction
                other = out.get(plain)
                tight = isinstance(other, int | float) and (other > inner) == (direction > 0)
                out[plain] = other if tight else inner
            else:
                self._notes.move(node.at(name), name, bound, words)

    def _elements(self, out: Schema, node: Node, inlined: tuple[str, ...], words: list[str]) -> None:
        items = node.fields.get("items")
        name = "prefixItems" if elements(node.fields.get("prefixItems")) else "items"
        places = elements(node.fields.get(name))
        if places:
            said = f"{len(places)} elements in a fixed order"
            self._notes.note(node.at(name), said)
            words.append(said)
            variants = [
                self._inner(one, node.at(name, place), inlined)
                for place, one in enumerate(places)
                if one is not False
            ]
            rest = items if name == "prefixItems" else node.fields.get("additionalItems")
            if members(rest):
                variants.append(self._inner(rest, node.at("items"), inlined))
            unique = list({encode(one): one for one in variants}.values())
            out["items"] = unique[0] if len(unique) == 1 else {"anyOf": unique}
        elif members(items):
            out["items"] = self._inner(items, node.at("items"), inlined)
        else:
            self._notes.note(node.at("items"), "any JSON value")
            out["items"] = {"type": "STRING", "description": "any JSON value"}

    def _members(self, out: Schema, node: Node, inlined: tuple[str, ...]) -> None:
        properties = members(node.fields.get("properties"))
        if not properties:
            # an object without members must not say `properties` at all
            return
        out["properties"] = {
            name: self._inner(one, node.at("properties", name), inlined) for name, one in properties.items()
        }
        out["propertyOrdering"] = list(properties)
        required = [name for name in strings(node.fields.get("required")) if name in properties]
        if required:
            out["required"] = required

    def _leftovers(self, node: Node, kind: str, words: list[str]) -> None:
        known = _READ | _SILENT | {*_PER_TYPE[kind]}
        for name, value in node.fields.items():
            if name in known or (name == "additionalProperties" and isinstance(value, bool)):
                continue
            self._notes.move(node.at(name), name, value, words)


def _types_of_values(schema: Schema) -> list[str]:
    """The types of listed values that are of several."""
    kinds = value_types(schema)
    return kinds if len(kinds) > 1 and inferred_type(schema) is None else []


def _marked(schema: Schema, nullable: bool) -> Schema:
    """The schema, allowing null too."""
    if not nullable:
        return schema
    variants = elements(schema.get("anyOf"))
    if variants is not None:
        return {**schema, "anyOf": [_marked(members(one) or {}, nullable) for one in variants]}
    return {**schema, "nullable": True}
