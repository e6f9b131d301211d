"""JSON Schema as Google's Schema, for models that know no JSON Schema.

One keyword that Google does not know fails the whole request, so everything is brought down to the
subset: references put in place, unions and bounds rewritten. A constraint that has no keyword goes
into the description, where the model still reads it.
"""

import math

import msgspec

from dragoman.conversation.failure import invalid
from dragoman.dialects.gemini.json_schema import Relaxed, schema_root
from dragoman.dialects.gemini.schema_tree import Schema, is_null, resolved, united
from dragoman.dialects.json_tree import elements, members

_MAX_NODES = 5_000
_MAX_REPEATS = 2
"""How often a schema that contains itself is put in place of a reference to it."""
_MAX_WORDS = 240

_COMMON = ("title", "default")
_PER_TYPE = {
    "string": ("minLength", "maxLength", "pattern"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "boolean": (),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
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


def render_openapi_schema(schema: bytes, path: str, *, parameters: bool) -> Relaxed:
    """The schema for `parameters` (an object, None without members) or for `responseSchema`.

    Raises `FailureError` (invalid request, naming `path`) for what is no schema.
    """
    root = schema_root(schema, path)
    rendering = _Rendering(root)
    try:
        tree = rendering.schema({"type": "object", **root} if parameters else root, ())
    except RecursionError:
        raise invalid(f"'{path}': nested too deeply.", param=path) from None
    notes = tuple(sorted(rendering.notes))
    if parameters and not tree.get("properties"):
        return Relaxed(None, notes)
    return Relaxed(msgspec.Raw(msgspec.json.encode(tree)), notes)


class _Rendering:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = _MAX_NODES
        self.notes: set[str] = set()

    def schema(self, node: object, inlined: tuple[str, ...]) -> Schema:
        """The schema at one place; `inlined` are the references that led there."""
        self._left -= 1
        if self._left < 0:
            self.notes.add("size")
            return {"type": "OBJECT"}
        found = members(node)
        if not found:
            return self._anything("never given" if node is False else "any JSON value")
        schema, inlined = self._in_place(found, inlined)
        nullable = schema.get("nullable") is True
        union = "anyOf" if "anyOf" in schema else "oneOf"
        variants = elements(schema.get(union))
        if variants:
            kept = [one for one in variants if not is_null(one)]
            nullable = nullable or len(kept) < len(variants)
            own = {name: value for name, value in schema.items() if name not in {union, "nullable"}}
            if len(kept) == 1:
                return _marked(self.schema(united([own, members(kept[0]) or {}]), inlined), nullable)
            if kept and not any(name in own for name in ("properties", "items", "enum", "const")):
                return self._union(own, kept, inlined, nullable)
            schema = {**own, union: kept} if kept else own
        return self._typed(schema, inlined, nullable)

    def _anything(self, words: str) -> Schema:
        self.notes.add("type")
        return {"type": "STRING", "description": words}

    def _in_place(self, schema: Schema, inlined: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """The schema with its reference and its `allOf` replaced by what they stand for."""
        while "$ref" in schema or "allOf" in schema:
            rest = {name: value for name, value in schema.items() if name not in {"$ref", "allOf"}}
            parts: list[Schema] = []
            if "$ref" in schema:
                reference = str(schema["$ref"])
                target = members(resolved(self._root, reference))
                if target is None or inlined.count(reference) >= _MAX_REPEATS:
                    self.notes.add("$ref")
                    words = f"as {reference}" if target is None else "nested further in the same way"
                    parts.append({"type": rest.get("type", "object"), "description": words})
                else:
                    inlined = (*inlined, reference)
                    parts.append(target)
            for one in elements(schema.get("allOf")) or ():
                part, inlined = self._in_place(members(one) or {}, inlined)
                parts.append(part)
            schema = united([*parts, rest])
        return schema, inlined

    def _union(self, own: Schema, variants: list[object], inlined: tuple[str, ...], nullable: bool) -> Schema:
        """Google wants nothing beside `anyOf`: what stood there goes into each variant."""
        if "type" in own and not any("type" in (members(one) or {}) for one in variants):
            variants = [{"type": own["type"], **(members(one) or {})} for one in variants]
        rendered: list[object] = []
        words: list[str] = []
        self._leftovers({name: value for name, value in own.items() if name != "type"}, "object", words)
        for one in variants:
            variant = self.schema(one, inlined)
            described = (own.get("description"), *words, variant.get("description"))
            if any(described[:-1]) and "anyOf" not in variant:
                variant["description"] = " ".join(str(sentence) for sentence in described if sentence)
            rendered.append(_marked(variant, nullable))
        return {"anyOf": rendered}

    def _typed(self, schema: Schema, inlined: tuple[str, ...], nullable: bool) -> Schema:
        kinds = [kind for kind in _kinds(schema) if kind != "null"]
        nullable = nullable or len(kinds) < len(_kinds(schema))
        if len(kinds) > 1:
            variants: list[object] = [
                {**{name: value for name, value in schema.items() if name != "nullable"}, "type": kind}
                for kind in kinds
            ]
            return {"anyOf": [_marked(self.schema(one, inlined), nullable) for one in variants]}
        kind = kinds[0] if kinds else ("null" if "type" in schema else _inferred(schema))
        words: list[str] = []
        if kind not in _PER_TYPE:
            words.append("always null" if kind == "null" else f"type {kind}")
            nullable = nullable or kind == "null"
            self.notes.add("type")
            kind = "string"
        out: Schema = {"type": kind.upper()}
        for name in (*_COMMON, *_PER_TYPE[kind]):
            if name in schema:
                out[name] = schema[name]
        nullable = self._values(out, schema, kind, words) or nullable
        self._bounds(out, schema, kind, words)
        if kind == "array":
            self._elements(out, schema, inlined, words)
        elif kind == "object":
            self._members(out, schema, inlined)
        self._leftovers(schema, kind, words)
        self._describe(out, schema, words)
        return _marked(out, nullable)

    def _values(self, out: Schema, schema: Schema, kind: str, words: list[str]) -> bool:
        """`enum`, `const` and `format`; whether null is among the values."""
        form = schema.get("format")
        if form is not None:
            if form in _FORMATS.get(kind, ()):
                out["format"] = form
            elif form != "enum":
                self._note("format", f"format {form}", words)
        values = [schema["const"]] if "const" in schema else elements(schema.get("enum"))
        if values is None:
            return False
        named = [value for value in values if value is not None]
        if kind == "string" and named and all(isinstance(value, str) and value for value in named):
            out["enum"] = named
        elif named:
            listed = ", ".join(msgspec.json.encode(value).decode() for value in named)
            self._note("enum", f"must be {listed}" if len(named) == 1 else f"one of {listed}", words)
        return len(named) < len(values)

    def _bounds(self, out: Schema, schema: Schema, kind: str, words: list[str]) -> None:
        """Google knows no exclusive bounds; those of integers can be said inclusively."""
        for name, plain, step, relation in (
            ("exclusiveMinimum", "minimum", 1, "greater than"),
            ("exclusiveMaximum", "maximum", -1, "less than"),
        ):
            bound = schema.get(name)
            if bound is True:
                # draft 4: the plain bound is meant exclusively
                bound = out.pop(plain, None)
            if not isinstance(bound, int | float) or isinstance(bound, bool):
                continue
            if kind == "integer" and math.isfinite(bound):
                inner = (math.floor(bound) if step > 0 else math.ceil(bound)) + step
                other = out.get(plain)
                tight = isinstance(other, int | float) and (other > inner) == (step > 0)
                out[plain] = other if tight else inner
            else:
                self._note(name, f"{relation} {bound}", words)

    def _elements(self, out: Schema, schema: Schema, inlined: tuple[str, ...], words: list[str]) -> None:
        items = schema.get("items")
        places = elements(schema.get("prefixItems")) or elements(items)
        if places:
            self._note("prefixItems", f"{len(places)} elements in a fixed order", words)
            variants = [self.schema(one, inlined) for one in places]
            unique = list({msgspec.json.encode(one): one for one in variants}.values())
            out["items"] = unique[0] if len(unique) == 1 else {"anyOf": unique}
        elif members(items):
            out["items"] = self.schema(items, inlined)
        else:
            out["items"] = {"type": "STRING"}

    def _members(self, out: Schema, schema: Schema, inlined: tuple[str, ...]) -> None:
        properties = members(schema.get("properties"))
        if not properties:
            # an object without members must not say `properties` at all
            return
        out["properties"] = {name: self.schema(one, inlined) for name, one in properties.items()}
        out["propertyOrdering"] = list(properties)
        names = [name for name in elements(schema.get("required")) or () if isinstance(name, str)]
        required = [name for name in names if name in properties]
        if required:
            out["required"] = required

    def _leftovers(self, schema: Schema, kind: str, words: list[str]) -> None:
        known = _READ | _SILENT | {*_COMMON, *_PER_TYPE[kind]}
        for name, value in schema.items():
            if name in known or (name == "additionalProperties" and isinstance(value, bool)):
                continue
            said = msgspec.json.encode(value).decode()
            self._note(name, f"{name}: {said}" if len(said) <= _MAX_WORDS else name, words)

    def _note(self, keyword: str, sentence: str, words: list[str]) -> None:
        self.notes.add(keyword)
        words.append(sentence)

    def _describe(self, out: Schema, schema: Schema, words: list[str]) -> None:
        description = schema.get("description")
        text = description if isinstance(description, str) else ""
        if words:
            text = f"{text} ({'; '.join(words)})" if text else "; ".join(words)
        if text:
            out["description"] = text


def _marked(schema: Schema, nullable: bool) -> Schema:
    """The schema, allowing null too."""
    variants = elements(schema.get("anyOf"))
    if not nullable:
        return schema
    if variants is not None:
        return {**schema, "anyOf": [_marked(members(one) or {}, nullable) for one in variants]}
    return {**schema, "nullable": True}


def _kinds(schema: Schema) -> list[str]:
    kind = schema.get("type")
    listed = elements(kind) if not isinstance(kind, str) else [kind]
    return list(dict.fromkeys(one.lower() for one in listed or () if isinstance(one, str)))


def _inferred(schema: Schema) -> str:
    """The type of a schema that does not say it."""
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    values = [schema["const"]] if "const" in schema else elements(schema.get("enum")) or []
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "integer"
    if kinds and kinds <= {int, float}:
        return "number"
    return "number" if "minimum" in schema or "maximum" in schema else "string"
