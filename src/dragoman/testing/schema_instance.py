"""A value that a JSON Schema accepts, made from the words of a conversation where that is sensible.

Schemas are those of tools and of structured answers, Google's spelling (`OBJECT`, `nullable`)
included. The result is valid for every schema that can be met without search; contradictions and
endless recursion give the closest value at hand.
"""

import math
import re
from collections.abc import Iterator

from dragoman.testing.json_value import JSON, Object, is_number
from dragoman.testing.pattern_text import compiled, text_matching

_DEEPEST = 24
_FILLED_DEPTH = 6
"""Optional members and elements deeper than this are left out."""

_FORMATS = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT15M",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "byte": "ZGVtbw==",
    "json-pointer": "/demo",
    "regex": "^demo$",
}
_IN_TEXT = {
    "date": re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
    "date-time": re.compile(r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})"),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "uri": re.compile(r"https?://[^\s\"'<>)\]]+"),
    "url": re.compile(r"https?://[^\s\"'<>)\]]+"),
}
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")


def instance_of(schema: JSON, text: str = "", words: tuple[str, ...] = ()) -> JSON:
    """A value that the schema accepts.

    `words` fill strings in turn (names found in the conversation, say); once they are used up,
    `text` fills the rest. Numbers and enumerated words are looked for in `text`.
    """
    return _Maker(schema, text, words).make(schema, 0)


class _Maker:
    def __init__(self, root: JSON, text: str, words: tuple[str, ...]) -> None:
        self._root = root
        self._text = text
        self._words = iter(words)
        self._numbers: Iterator[str] = iter(_NUMBER.findall(text))

    def make(self, schema: JSON, depth: int) -> JSON:
        if not isinstance(schema, dict):
            return self._text
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if isinstance(choices := schema.get("enum"), list) and choices:
            return self._mentioned(choices)
        if depth < _DEEPEST:
            for key in ("anyOf", "oneOf"):
                options = schema.get(key)
                if isinstance(options, list) and options:
                    rest = {name: value for name, value in schema.items() if name != key}
                    chosen = _preferred(options, ended=depth >= _FILLED_DEPTH)
                    return self.make(_merged(rest, chosen), depth + 1)
        return self._of_type(_type_of(schema), schema, depth)

    def _of_type(self, kind: str, schema: Object, depth: int) -> JSON:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer":
                return int(self._number(schema, 1))
            case "number":
                value = self._number(schema, 0)
                return int(value) if value.is_integer() else value
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._string(schema)

    def _resolved(self, schema: Object, depth: int) -> Object:
        """The schema with its references followed and its `allOf` merged in."""
        for _ in range(_DEEPEST - min(depth, _DEEPEST - 1)):
            if isinstance(reference := schema.get("$ref"), str):
                target = self._referenced(reference)
                schema = _merged({key: value for key, value in schema.items() if key != "$ref"}, target)
            elif isinstance(parts := schema.get("allOf"), list):
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    inner = self._resolved(part, depth + 1) if isinstance(part, dict) else {}
                    schema = _merged(schema, inner)
            else:
                break
        return schema

    def _referenced(self, reference: str) -> Object:
        value: JSON = self._root
        for step in reference.removeprefix("#").split("/"):
            if step and isinstance(value, dict):
                value = value.get(step.replace("~1", "/").replace("~0", "~"))
        return value if isinstance(value, dict) else {}

    def _mentioned(self, choices: list[JSON]) -> JSON:
        """The choice that the text names, else the first."""
        lowered = self._text.lower()
        for choice in choices:
            if isinstance(choice, str) and choice and re.search(rf"\b{re.escape(choice.lower())}\b", lowered):
                return choice
        return choices[0]

    def _object(self, schema: Object, depth: int) -> Object:
        properties = schema.get("properties")
        members = properties if isinstance(properties, dict) else {}
        listed = schema.get("required")
        required = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        wanted = list(required)
        if not required and depth < _FILLED_DEPTH:
            wanted = list(members)
        value: Object = {}
        for name in [*(name for name in members if name in wanted), *(n for n in wanted if n not in members)]:
            value[name] = self.make(members.get(name, {}), depth + 1) if depth < _DEEPEST else None
        fewest = schema.get("minProperties")
        spare = [name for name in members if name not in value]
        extra = schema.get("additionalProperties")
        while isinstance(fewest, int) and len(value) < min(fewest, 64):
            if spare:
                name = spare.pop(0)
                value[name] = self.make(members[name], depth + 1)
            else:
                value[f"key{len(value) + 1}"] = self.make(extra if isinstance(extra, dict) else {}, depth + 1)
        return value

    def _array(self, schema: Object, depth: int) -> list[JSON]:
        prefix = schema.get("prefixItems")
        value: list[JSON] = (
            [self.make(item, depth + 1) for item in prefix] if isinstance(prefix, list) else []
        )
        items = schema.get("items", {})
        if isinstance(contained := schema.get("contains"), dict):
            items = contained
        fewest = _whole(schema.get("minItems"), 0)
        most = _whole(schema.get("maxItems"), 64)
        wanted = fewest if depth >= _FILLED_DEPTH or items is False else max(1, fewest)
        wanted = min(wanted, most, 64)
        while len(value) < wanted:
            value.append(self.make(items, depth + 1))
        if schema.get("uniqueItems") is True:
            _make_unique(value, items)
        return value[:most]

    def _number(self, schema: Object, step: int) -> float:
        """A number in the schema's bounds, one of the text's if one fits; whole for a `step` of 1."""
        low, high = _bounds(schema, step)
        multiple = schema.get("multipleOf")
        for written in self._numbers:
            value = float(written)
            whole = value.is_integer() or not step
            if low <= value <= high and whole and _is_multiple(value, multiple):
                return value
        value = min(max(1.0, low), high)
        if step:
            value = math.ceil(value) if low > -math.inf else math.floor(value)
        if isinstance(multiple, int | float) and multiple > 0:
            value = math.ceil(max(value, multiple if low <= multiple <= high else low) / multiple) * multiple
        return float(value)

    def _string(self, schema: Object) -> str:
        fewest, most = _whole(schema.get("minLength"), 0), _whole(schema.get("maxLength"), 4096)
        if isinstance(pattern := schema.get("pattern"), str):
            return self._patterned(pattern, fewest, most)
        kind = schema.get("format")
        if isinstance(kind, str) and kind in _FORMATS:
            found = _IN_TEXT[kind].search(self._text) if kind in _IN_TEXT else None
            return found.group() if found else _FORMATS[kind]
        text = next(self._words, self._text) or "demo"
        text = text[:most]
        return text + "." * (fewest - len(text))

    def _patterned(self, pattern: str, fewest: int, most: int) -> str:
        made = text_matching(pattern)
        candidates = [next(self._words, ""), self._text, made or ""]
        if made is not None:
            # open-ended patterns grow by what they are made of
            candidates += [made + made[-1:] * max(0, fewest - len(made)), made * fewest]
        expression = compiled(pattern)
        for candidate in candidates:
            if fewest <= len(candidate) <= most and (expression is None or expression.search(candidate)):
                return candidate
        return made or "demo"


def _preferred(options: list[JSON], *, ended: bool) -> Object:
    """The first option that is more than `null`; once recursion should end, one that does not refer."""
    schemas = [option for option in options if isinstance(option, dict)]
    if ended:
        schemas.sort(key=lambda schema: "$ref" in schema)
    else:
        schemas.sort(key=lambda schema: schema.get("type") == "null")
    return schemas[0] if schemas else {}


def _merged(base: Object, other: Object) -> Object:
    """Both schemas at once; lists of required members and members themselves are joined."""
    merged = dict(base)
    for key, value in other.items():
        present = merged.get(key)
        if isinstance(present, dict) and isinstance(value, dict) and key in {"properties", "$defs"}:
            merged[key] = {**present, **value}
        elif isinstance(present, list) and isinstance(value, list) and key == "required":
            merged[key] = [*present, *(name for name in value if name not in present)]
        elif key not in merged or key in {"type", "enum", "const"}:
            merged[key] = value
    return merged


def _type_of(schema: Object) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if isinstance(one, str) and one.lower() != "null"), "null")
    if isinstance(kind, str) and kind != "TYPE_UNSPECIFIED":
        return kind.lower()
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if any(key in schema for key in ("minimum", "maximum", "multipleOf")):
        return "number"
    return "string"


def _bounds(schema: Object, step: int) -> tuple[float, float]:
    """The least and the greatest number allowed; bounds that are excluded move by a step."""
    low, high = -math.inf, math.inf
    if isinstance(value := schema.get("minimum"), int | float):
        low = value
    if isinstance(value := schema.get("maximum"), int | float):
        high = value
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is True:
        low = _beyond(low, math.inf, step)
    elif is_number(above) and isinstance(above, int | float):
        low = max(low, _beyond(above, math.inf, step))
    if below is True:
        high = _beyond(high, -math.inf, step)
    elif is_number(below) and isinstance(below, int | float):
        high = min(high, _beyond(below, -math.inf, step))
    if step:
        low = math.ceil(low) if math.isfinite(low) else low
        high = math.floor(high) if math.isfinite(high) else high
    return low, high


def _beyond(bound: float, direction: float, step: int) -> float:
    if step:
        return math.floor(bound) + 1 if direction > 0 else math.ceil(bound) - 1
    return math.nextafter(bound, direction)


def _is_multiple(value: float, multiple: JSON) -> bool:
    if not isinstance(multiple, int | float) or multiple <= 0:
        return True
    return (value / multiple).is_integer()


def _whole(value: JSON, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _make_unique(value: list[JSON], items: JSON) -> None:
    """Change repeated elements: the next of the enumeration, or a number at the end."""
    choices = items.get("enum") if isinstance(items, dict) else None
    seen: list[JSON] = []
    for place, element in enumerate(value):
        changed = element
        if isinstance(choices, list):
            changed = next((choice for choice in choices if choice not in seen), element)
        elif element in seen:
            match element:
                case str():
                    changed = f"{element} {place + 1}"
                case bool():
                    changed = not element
                case int() | float():
                    changed = element + place
                case _:
                    pass
        value[place] = changed
        seen.append(changed)
