"""JSON Schemas made acceptable, and only schemas: what this format refuses moves into words.

Two grades. Any tool's `input_schema` must be an object at its root, without `anyOf` and its like
there. Schemas that answers are held to (strict tools, `output_config.format`) are compiled into a
grammar, which knows less: no recursion, no open objects, few constraints.
"""

import re
from typing import cast

import msgspec

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
Schema = dict[str, JSON]

EMPTY = b'{"type":"object","properties":{}}'
"""The schema of a tool without parameters."""

_ROOT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COMBINED = ("anyOf", "oneOf", "allOf")
_KEPT = frozenset(
    {"type", "description", "title", "default", "enum", "const", "required", "$schema", "$ref", "$comment"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_HARD_PATTERN = re.compile(r"\(\?[=!<]|\\[bB1-9]")
"""Look-around, word boundaries and back references: the grammar has none."""
_DEFINITION = re.compile(r"#/(?:\$defs|definitions)/[^/]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


_MAX_STEPS = 20_000
"""Subschemas that are looked at before a schema counts as too large: references that are resolved
side by side can double it at every step.
"""


class InexpressibleError(ValueError):
    """A schema that the grammar cannot hold answers to."""


def tool_schema(parameters: bytes | None) -> tuple[bytes, bool]:
    """An `input_schema` that is accepted, and whether that took a change of meaning."""
    if parameters is None:
        return EMPTY, False
    try:
        fields = _ROOT.decode(parameters)
        if not fields:
            return EMPTY, False
        combined = any(name in fields for name in _COMBINED)
        if bytes(fields.get("type", b"")) == b'"object"' and not combined:
            return parameters, False
        root = _decode(parameters)
    except (msgspec.MsgspecError, RecursionError):
        return EMPTY, True
    changed = combined or root.get("type", "object") != "object"
    if combined:
        try:
            root = _Document(root).merged(root, _COMBINED)
        except (InexpressibleError, RecursionError):
            root = {name: value for name, value in root.items() if name not in _COMBINED}
    return msgspec.json.encode({**root, "type": "object"}), changed


def strict_schema(schema: bytes) -> tuple[bytes, bool]:
    """A schema that the grammar takes, and whether constraints had to move into descriptions.

    Comes back byte for byte where nothing is wrong with it. Raises `InexpressibleError` where words
    do not help: recursion, references to elsewhere, objects of any shape, a root that is no object.
    """
    try:
        root = _decode(schema)
        if _is_recursive(root):
            raise InexpressibleError("the schema refers to itself")
        cleaned = _Document(root).cleaned(root)
        if _Document(cleaned).resolved(cleaned).get("type") != "object" or "anyOf" in cleaned:
            raise InexpressibleError("the schema's root is not an object")
        if cleaned == root:
            return schema, False
        return msgspec.json.encode(cleaned), _closed(root) != cleaned
    except msgspec.MsgspecError as error:
        raise InexpressibleError(f"the schema is not valid JSON: {error}") from None
    except RecursionError:
        raise InexpressibleError("the schema is nested too deeply") from None


def is_object_schema(schema: bytes) -> bool:
    """Whether the schema describes an object, so that a tool's input can have it."""
    try:
        root = _decode(schema)
    except (msgspec.MsgspecError, InexpressibleError, RecursionError):
        return False
    return root.get("type") == "object" or ("type" not in root and "properties" in root)


def _decode(schema: bytes) -> Schema:
    root = cast("JSON", msgspec.json.decode(schema))
    if not isinstance(root, dict):
        raise InexpressibleError("the schema is not an object")
    return root


class _Document:
    """One schema with the definitions that its parts refer to."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._steps = 0

    def cleaned(self, node: JSON) -> Schema:
        """A part of the schema in the grammar's terms."""
        self._step()
        node = _object(node)
        if "allOf" in node:
            node = self.merged(node, ("allOf",))
        out: Schema = {}
        moved: Schema = {}
        for name, value in node.items():
            if name in {"$defs", "definitions", "properties"} and isinstance(value, dict):
                out[name] = {key: self.cleaned(each) for key, each in value.items()}
            elif name in {"anyOf", "oneOf"} and isinstance(value, list):
                out["anyOf"] = [self.cleaned(each) for each in value]
            elif name == "items" and isinstance(value, dict):
                out[name] = self.cleaned(value)
            elif name == "additionalProperties":
                if isinstance(value, dict):
                    moved[name] = value
            elif _kept(name, value):
                out[name] = value
            else:
                moved[name] = value
        _say_type(out)
        if _is_object(out):
            if not out.get("properties"):
                if node.get("additionalProperties") is not False:
                    raise InexpressibleError("an object of the schema has no properties of its own")
                out["properties"] = {}
            out["additionalProperties"] = False
        if moved:
            out["description"] = _described(out.get("description"), moved)
        return out

    def merged(self, node: Schema, names: tuple[str, ...]) -> Schema:
        """The part without these combinations at its top, their branches' properties side by side.

        All branches of `allOf` hold, so that what one of them requires is required; of the others,
        only what all branches require stays so.
        """
        out: Schema = {name: value for name, value in node.items() if name not in names}
        for name in names:
            branches = node.get(name)
            if not isinstance(branches, list):
                continue
            required: list[list[str]] = []
            for branch in branches:
                self._step()
                resolved = self.resolved(_object(branch))
                if "allOf" in resolved:
                    resolved = self.merged(resolved, ("allOf",))
                required.append(_strings(resolved.get("required")))
                _take(out, resolved)
            every = [each for names_of_one in required for each in names_of_one]
            if name != "allOf":
                every = [each for each in every if all(each in names_of_one for names_of_one in required)]
            if every:
                out["required"] = list(dict.fromkeys([*_strings(out.get("required")), *every]))
        return out

    def resolved(self, node: Schema) -> Schema:
        """What a reference within the document stands for, with what is said beside it."""
        while isinstance(ref := node.get("$ref"), str):
            self._step()
            found: JSON = self._root
            for part in ref.removeprefix("#").split("/")[1:]:
                key = part.replace("~1", "/").replace("~0", "~")
                found = found.get(key) if isinstance(found, dict) else None
            if not isinstance(found, dict):
                raise InexpressibleError(f"the schema's reference {ref} leads nowhere")
            node = {**found, **{name: value for name, value in node.items() if name != "$ref"}}
        return node

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise InexpressibleError("the schema is too large")


def _object(node: JSON) -> Schema:
    if not isinstance(node, dict):
        raise InexpressibleError("a part of the schema allows anything")
    return node


def _kept(name: str, value: JSON) -> bool:
    """Whether the grammar takes a member as it is."""
    match name:
        case "$ref":
            if not isinstance(value, str) or _DEFINITION.fullmatch(value) is None:
                raise InexpressibleError("the schema refers to something outside of its definitions")
            return True
        case "enum":
            return isinstance(value, list) and not any(isinstance(each, dict | list) for each in value)
        case "const":
            return not isinstance(value, dict | list)
        case "format":
            return value in _FORMATS
        case "minItems":
            return value in {0, 1}
        case "pattern":
            return isinstance(value, str) and _HARD_PATTERN.search(value) is None
        case _:
            return name in _KEPT


def _say_type(node: Schema) -> None:
    """Say the type where the schema leaves it to be guessed."""
    if any(name in node for name in ("type", "anyOf", "$ref", "enum", "const")):
        return
    if "properties" in node:
        node["type"] = "object"
    elif "items" in node:
        node["type"] = "array"
    elif any(name in node for name in ("pattern", "format")):
        node["type"] = "string"
    else:
        raise InexpressibleError("a part of the schema allows anything")


def _is_object(node: Schema) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _closed(node: JSON) -> JSON:
    """The schema with objects closed and nothing else: that alone is not worth a report."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    out: Schema = {name: _closed(value) for name, value in node.items()}
    if out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


def _described(description: JSON, moved: Schema) -> str:
    words = "; ".join(
        f"{_HUMP.sub(' ', name).lower()} {msgspec.json.encode(value).decode()}"
        for name, value in moved.items()
    )
    return f"{description} ({words})" if isinstance(description, str) and description else f"({words})"


def _take(out: Schema, branch: Schema) -> None:
    """Add what a branch says and `out` does not; what is required is the caller's business."""
    for name, value in branch.items():
        if name == "properties" and isinstance(value, dict):
            own = out.get("properties")
            out["properties"] = {**value, **(own if isinstance(own, dict) else {})}
        elif name not in {"required", *_COMBINED}:
            out.setdefault(name, value)


def _strings(value: JSON) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _is_recursive(root: Schema) -> bool:
    """Whether following references leads back to where they stand."""
    targets: dict[str, set[str]] = {"#": set()}
    for container in ("$defs", "definitions"):
        definitions = root.get(container)
        if isinstance(definitions, dict):
            for name, definition in definitions.items():
                targets[f"#/{container}/{name}"] = _references(definition)
    body = {name: value for name, value in root.items() if name not in {"$defs", "definitions"}}
    targets["#"] = _references(body)
    seen: set[str] = set()
    path: set[str] = set()

    def leads_back(place: str) -> bool:
        if place in path:
            return True
        if place in seen:
            return False
        seen.add(place)
        path.add(place)
        found = any(leads_back(each) for each in targets.get(place, ()))
        path.discard(place)
        return found

    return any(leads_back(place) for place in targets)


def _references(node: JSON) -> set[str]:
    if isinstance(node, list):
        return {ref for each in node for ref in _references(each)}
    if not isinstance(node, dict):
        return set()
    refs = {ref for each in node.values() for ref in _references(each)}
    own = node.get("$ref")
    return refs | {own} if isinstance(own, str) else refs
