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
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


class InexpressibleError(ValueError):
    """A schema that the grammar cannot hold answers to."""


def tool_schema(parameters: bytes | None) -> tuple[bytes, bool]:
    """An `input_schema` that is accepted, and whether that took a change of meaning."""
    if parameters is None:
        return EMPTY, False
    try:
        fields = _ROOT.decode(parameters)
    except msgspec.MsgspecError:
        return EMPTY, True
    if not fields:
        return EMPTY, False
    if bytes(fields.get("type", b"")) == b'"object"' and not any(name in fields for name in _COMBINED):
        return parameters, False
    root = _decode(parameters)
    changed = root.get("type", "object") != "object"
    if any(name in root for name in _COMBINED):
        changed = True
        try:
            root = _merged(root, root, every=False)
        except (InexpressibleError, RecursionError):
            root = {name: value for name, value in root.items() if name not in _COMBINED}
    return msgspec.json.encode({**root, "type": "object"}), changed


def strict_schema(schema: bytes) -> tuple[bytes, bool]:
    """A schema that the grammar takes, and whether constraints had to move into descriptions.

    Comes back byte for byte where nothing is wrong with it. Raises `InexpressibleError` where words
    do not help: recursion, references to elsewhere, objects of any shape, a root that is no object.
    """
    root = _decode(schema)
    try:
        if _is_recursive(root):
            raise InexpressibleError("the schema refers to itself")
        cleaned = _cleaned(root, root)
        if _resolved(cleaned, cleaned).get("type") != "object" or "anyOf" in cleaned:
            raise InexpressibleError("the schema's root is not an object")
        if cleaned == root:
            return schema, False
        return msgspec.json.encode(cleaned), _closed(root) != cleaned
    except RecursionError:
        raise InexpressibleError("the schema is nested too deeply") from None


def is_object_schema(schema: bytes) -> bool:
    """Whether the schema describes an object, so that a tool's input can have it."""
    try:
        root = _decode(schema)
    except (msgspec.MsgspecError, InexpressibleError):
        return False
    return root.get("type") == "object" or ("type" not in root and "properties" in root)


def _decode(schema: bytes) -> Schema:
    root = cast("JSON", msgspec.json.decode(schema))
    if not isinstance(root, dict):
        raise InexpressibleError("the schema is not an object")
    return root


def _cleaned(node: JSON, root: Schema) -> Schema:
    """One subschema in the grammar's terms."""
    if not isinstance(node, dict):
        raise InexpressibleError("a part of the schema allows anything")
    node = _merged(node, root, every=True) if "allOf" in node else node
    out: Schema = {}
    moved: dict[str, JSON] = {}
    for name, value in node.items():
        if name in {"$defs", "definitions", "properties"} and isinstance(value, dict):
            out[name] = {key: _cleaned(each, root) for key, each in value.items()}
        elif name in {"anyOf", "oneOf"} and isinstance(value, list):
            out["anyOf"] = [_cleaned(each, root) for each in value]
        elif name == "items" and isinstance(value, dict):
            out[name] = _cleaned(value, root)
        elif name == "additionalProperties":
            if isinstance(value, dict):
                moved[name] = value
        elif _kept(name, value):
            out[name] = value
        else:
            moved[name] = value
    _typed(out)
    if _is_object(out):
        if not out.get("properties"):
            if node.get("additionalProperties") is not False:
                raise InexpressibleError("an object of the schema has no properties of its own")
            out["properties"] = {}
        out["additionalProperties"] = False
    if moved:
        out["description"] = _described(out.get("description"), moved)
    return out


def _kept(name: str, value: JSON) -> bool:
    match name:
        case "$ref":
            if not isinstance(value, str) or not value.startswith("#"):
                raise InexpressibleError("the schema refers to another document")
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


def _typed(node: Schema) -> None:
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


def _described(description: JSON, moved: dict[str, JSON]) -> str:
    words = "; ".join(
        f"{_HUMP.sub(' ', name).lower()} {msgspec.json.encode(value).decode()}"
        for name, value in moved.items()
    )
    return f"{description} ({words})" if isinstance(description, str) and description else f"({words})"


def _merged(node: Schema, root: Schema, *, every: bool) -> Schema:
    """A schema without combinations at its top: the branches' properties side by side.

    With `every`, only `allOf` is resolved, of which all branches hold; without, any combination,
    and then only what all branches require stays required.
    """
    names = ("allOf",) if every else _COMBINED
    out: Schema = {name: value for name, value in node.items() if name not in names}
    for name in names:
        branches = node.get(name)
        if not isinstance(branches, list):
            continue
        shared: set[str] | None = None
        for branch in branches:
            if not isinstance(branch, dict):
                raise InexpressibleError("a part of the schema allows anything")
            resolved = _resolved(branch, root)
            if "allOf" in resolved:
                resolved = _merged(resolved, root, every=True)
            required = _names(resolved.get("required"))
            shared = set(required) if shared is None else shared & set(required)
            _take(out, resolved, required if name == "allOf" else [])
        if name != "allOf" and shared:
            _take(out, {}, sorted(shared))
    return out


def _take(out: Schema, branch: Schema, required: list[str]) -> None:
    for name, value in branch.items():
        if name == "properties" and isinstance(value, dict):
            own = out.get("properties")
            out["properties"] = {**value, **(own if isinstance(own, dict) else {})}
        elif name not in {"required", *_COMBINED}:
            out.setdefault(name, value)
    if required:
        own_required = _names(out.get("required"))
        out["required"] = [*own_required, *(name for name in required if name not in own_required)]


def _names(value: JSON) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _resolved(node: Schema, root: Schema) -> Schema:
    """What a reference within the document stands for, with what is said beside it."""
    for _ in range(32):
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return node
        found: JSON = root
        for part in ref.removeprefix("#").split("/")[1:]:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise InexpressibleError(f"the schema's reference {ref} leads nowhere")
        node = {**found, **{name: value for name, value in node.items() if name != "$ref"}}
    raise InexpressibleError("the schema refers to itself")


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
