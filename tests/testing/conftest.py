"""What several tests of the fake provider share."""

import re
from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object, is_integer, is_number, kind_of

Validate = Callable[[JSON, JSON], list[str]]


class Validator:
    """As much of JSON Schema as the tests' schemas use, written apart from what makes instances."""

    def __init__(self, root: JSON) -> None:
        self._root = root
        self.errors: list[str] = []

    def check(self, schema: JSON, value: JSON, path: str = "$") -> None:
        if not isinstance(schema, dict):
            return
        if isinstance(reference := schema.get("$ref"), str):
            self.check(self._find(reference), value, path)
        for part in _list(schema.get("allOf")):
            self.check(part, value, path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema and not any(self._fits(one, value) for one in _list(schema[keyword])):
                self.errors.append(f"{path}: fits no {keyword}")
        if "const" in schema and value != schema["const"]:
            self.errors.append(f"{path}: is not the constant")
        if "enum" in schema and value not in _list(schema["enum"]):
            self.errors.append(f"{path}: {value!r} is not in the enumeration")
        if "type" in schema and not self._has_type(schema, value):
            self.errors.append(f"{path}: {value!r} is no {schema['type']}")
            return
        self._check_bounds(schema, value, path)
        match value:
            case dict():
                self._check_object(schema, value, path)
            case list():
                self._check_array(schema, value, path)
            case str():
                pattern = schema.get("pattern")
                if isinstance(pattern, str) and not re.search(pattern, value):
                    self.errors.append(f"{path}: {value!r} does not match {pattern}")
            case _:
                pass

    def _find(self, reference: str) -> JSON:
        value = self._root
        for step in reference.removeprefix("#").split("/"):
            if step:
                assert isinstance(value, dict)
                value = value[step]
        return value

    def _fits(self, schema: JSON, value: JSON) -> bool:
        inner = Validator(self._root)
        inner.check(schema, value)
        return not inner.errors

    def _has_type(self, schema: Object, value: JSON) -> bool:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        names = {str(kind).lower() for kind in kinds}
        if schema.get("nullable"):
            names.add("null")
        return kind_of(value) in names or ("number" in names and is_number(value))

    def _check_bounds(self, schema: Object, value: JSON, path: str) -> None:
        if isinstance(value, bool):
            return
        sizes: dict[str, float] = {}
        match value:
            case str():
                sizes = {"minLength": len(value), "maxLength": len(value)}
            case list():
                sizes = {"minItems": len(value), "maxItems": len(value)}
            case int() | float():
                sizes = dict.fromkeys(
                    ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), value
                )
            case _:
                pass
        for keyword, size in sizes.items():
            bound = schema.get(keyword)
            if not isinstance(bound, int | float) or isinstance(bound, bool):
                continue
            broken = {
                "m": size < bound if keyword.startswith("min") else size > bound,
                "e": size <= bound if keyword == "exclusiveMinimum" else size >= bound,
            }[keyword[0]]
            if keyword == "multipleOf":
                broken = not is_integer(int(size / bound)) or (size / bound) % 1 != 0
            if broken:
                self.errors.append(f"{path}: {value!r} breaks {keyword} {bound}")

    def _check_object(self, schema: Object, value: Object, path: str) -> None:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        self.errors.extend(
            f"{path}: {name} is missing" for name in _list(schema.get("required")) if name not in value
        )
        for name, member in value.items():
            if name in known:
                self.check(known[name], member, f"{path}.{name}")
            elif schema.get("additionalProperties") is False:
                self.errors.append(f"{path}: {name} is one too many")
            else:
                self.check(schema.get("additionalProperties"), member, f"{path}.{name}")

    def _check_array(self, schema: Object, value: list[JSON], path: str) -> None:
        prefix = _list(schema.get("prefixItems"))
        for place, element in enumerate(value):
            inner = prefix[place] if place < len(prefix) else schema.get("items")
            self.check(inner, element, f"{path}[{place}]")
        if schema.get("uniqueItems") and any(element in value[:place] for place, element in enumerate(value)):
            self.errors.append(f"{path}: an element is repeated")


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


@pytest.fixture
def validate() -> Validate:
    """What is wrong with a value by a JSON Schema; nothing for a valid one."""

    def run(schema: JSON, value: JSON) -> list[str]:
        validator = Validator(schema)
        validator.check(schema, value)
        return validator.errors

    return run
