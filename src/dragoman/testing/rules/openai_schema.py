"""What OpenAI refuses in JSON Schemas: of tools, and of structured answers.

Without `strict` little is looked at. With it, a schema must be of the subset that answers can be
held to: every object closed, every member required, nothing that cannot be enforced.
"""

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.openai_errors import refused
from dragoman.testing.rules.refusal import RefusedError

_REFUSED_KEYWORDS = (
    "allOf",
    "not",
    "oneOf",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
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
)
_DEEPEST = 10


class SchemaOf:
    """Whose schema is checked: how messages name it, and the request's field it stands in."""

    def __init__(self, owner: str, param: str, code: str | None) -> None:
        self._owner = owner
        self._param = param
        self._code = code

    def invalid(self, problem: str, path: tuple[str, ...] | None = None) -> RefusedError:
        """The schema is refused; `path` leads to the place inside it."""
        where = "" if path is None else f"In context={path!r}, "
        return refused(f"Invalid schema for {self._owner}: {where}{problem}", self._param, self._code)

    def check(self, schema: JSON, *, strict: bool) -> None:
        """Raise `RefusedError` for a schema that OpenAI refuses."""
        kind = schema.get("type") if isinstance(schema, dict) else None
        if not isinstance(schema, dict) or kind != "object":
            shown = "None" if kind is None else str(kind)
            raise self.invalid(
                f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{shown}\"'."
            )
        if strict:
            if "anyOf" in schema:
                raise self.invalid("schema must have type 'object' and not have 'anyOf' at the top level.")
            for place in ("$defs", "definitions"):
                definitions = schema.get(place)
                if isinstance(definitions, dict):
                    for name, definition in definitions.items():
                        self._check_strict(definition, (place, name))
            self._check_strict(schema, ())
        else:
            self._check_arrays(schema, ())

    def _check_arrays(self, schema: JSON, path: tuple[str, ...]) -> None:
        """Even a schema that is not strict needs `items` with each array."""
        if not isinstance(schema, dict):
            return
        if schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
            raise self.invalid("array schema missing items.", path)
        for step, inner in _children(schema):
            self._check_arrays(inner, (*path, *step))

    def _check_strict(self, schema: JSON, path: tuple[str, ...]) -> None:
        if not isinstance(schema, dict):
            return
        if path.count("properties") > _DEEPEST:
            raise self.invalid(f"{_DEEPEST} levels of nesting exceeded.", path)
        for keyword in _REFUSED_KEYWORDS:
            if keyword in schema:
                raise self.invalid(f"'{keyword}' is not permitted.", path)
        if "$ref" in schema:
            extra = [key for key in schema if key not in {"$ref", "$defs", "definitions", "description"}]
            if extra:
                raise self.invalid(f"$ref cannot have keywords {{{', '.join(map(repr, extra))}}}.", path)
        elif not {"type", "anyOf", "enum", "const"} & schema.keys():
            raise self.invalid("schema must have a 'type' key.", path)
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "object" in kinds:
            self._check_closed(schema, path)
        if "array" in kinds and "items" not in schema:
            raise self.invalid("array schema missing items.", path)
        for step, inner in _children(schema):
            self._check_strict(inner, (*path, *step))

    def _check_closed(self, schema: Object, path: tuple[str, ...]) -> None:
        if schema.get("additionalProperties") is not False:
            raise self.invalid("'additionalProperties' is required to be supplied and to be false.", path)
        properties = schema.get("properties")
        names = list(properties) if isinstance(properties, dict) else []
        required = schema.get("required")
        listed = required if isinstance(required, list) else []
        needed = "'required' is required to be supplied and to be an array including every key in properties."
        for name in names:
            if name not in listed:
                raise self.invalid(f"{needed} Missing '{name}'.", path)
        for name in listed:
            if name not in names:
                raise self.invalid(f"{needed} Extra required key '{name}' supplied.", path)


def _children(schema: Object) -> list[tuple[tuple[str, ...], JSON]]:
    """The schemas inside a schema, each with the steps that lead to it."""
    found: list[tuple[tuple[str, ...], JSON]] = []
    if isinstance(properties := schema.get("properties"), dict):
        found += [(("properties", name), inner) for name, inner in properties.items()]
    if "items" in schema:
        found.append((("items",), schema["items"]))
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(options := schema.get(keyword), list):
            found += [((keyword, str(place)), inner) for place, inner in enumerate(options)]
    return found
