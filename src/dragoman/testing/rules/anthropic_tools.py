"""What Anthropic refuses in tools, in the choice among them, and in schemas that answers are held to."""

import re

from dragoman.models.profile import Profile
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.anthropic_blocks import check_mark
from dragoman.testing.rules.anthropic_errors import Node, refused
from dragoman.testing.rules.refusal import RefusedError

_CUSTOM = frozenset(
    {
        "allowed_callers",
        "cache_control",
        "defer_loading",
        "description",
        "eager_input_streaming",
        "input_examples",
        "input_schema",
        "name",
        "strict",
        "type",
    }
)
_DATED = re.compile(
    r"(?:web_search|web_fetch|code_execution|bash|text_editor|memory|computer|computer_toolset|advisor"
    r"|tool_search_tool_(?:bm25|regex))_\d{8}"
)
_CHOICE_MEMBERS = {
    "auto": frozenset({"type", "disable_parallel_tool_use"}),
    "any": frozenset({"type", "disable_parallel_tool_use"}),
    "tool": frozenset({"type", "name", "disable_parallel_tool_use"}),
    "none": frozenset({"type"}),
}
_NUMBER_BOUNDS = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf")
_UNSUPPORTED = {
    "object": ("patternProperties", "propertyNames", "minProperties", "maxProperties"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains"),
    "integer": _NUMBER_BOUNDS,
    "number": _NUMBER_BOUNDS,
}


def check_tools(body: Node, profile: Profile, *, thinking_by_budget: bool, beta: bool) -> None:
    """Raise `RefusedError` for tools, or a choice among them, that Anthropic refuses."""
    names: list[str] = []
    tools = body.member("tools")
    for tool in tools.elements() if tools is not None else []:
        name = _check_tool(tool, beta=beta)
        if name in names:
            raise refused("tools: Tool names must be unique.")
        names.append(name)
    if (choice := body.member("tool_choice")) is not None:
        _check_choice(choice, names, profile, thinking_by_budget=thinking_by_budget)


def _check_tool(tool: Node, *, beta: bool) -> str:
    kind = tool.under("type").value
    if kind not in {None, "custom"}:
        if not (isinstance(kind, str) and (_DATED.fullmatch(kind) or beta)):
            raise tool.error(
                f"Input tag '{kind}' found using 'type' does not match any of the expected tags: "
                "'bash_20250124', 'custom', 'text_editor_20250728', 'web_search_20260318'"
            )
        return str(tool.under("name").value or kind)
    custom = tool.tagged("custom")
    custom.object(_CUSTOM)
    name = custom.required("name").string("^[a-zA-Z0-9_-]{1,64}$")
    schema = custom.required("input_schema")
    schema.object()
    if schema.required("type").value != "object":
        raise schema.under("type").error("Input should be 'object'")
    if {"oneOf", "allOf", "anyOf"} & schema.object().keys():
        raise schema.error("input_schema does not support oneOf, allOf, or anyOf at the top level")
    if (description := custom.member("description")) is not None:
        description.string()
    if (mark := custom.member("cache_control")) is not None:
        check_mark(mark)
    if (strict := custom.member("strict")) is not None and strict.boolean():
        StrictSchema(custom.path, schema.value).check()
    return name


def _check_choice(choice: Node, names: list[str], profile: Profile, *, thinking_by_budget: bool) -> None:
    kind = choice.tag("auto", "any", "tool", "none")
    inner = choice.tagged(kind)
    inner.object(_CHOICE_MEMBERS[kind])
    if (single := inner.member("disable_parallel_tool_use")) is not None:
        single.boolean()
    if not names:
        raise refused("tool_choice: tool_choice may only be specified while providing tools")
    if kind == "tool" and inner.required("name").string() not in names:
        raise refused(
            f"tool_choice.tool.name: Tool '{inner.under('name').value}' not found in provided tools"
        )
    if kind in {"any", "tool"}:
        if thinking_by_budget:
            raise refused("Thinking may not be enabled when tool_choice forces tool use.")
        if not profile.forced_tools:
            raise refused(f"tool_choice: type '{kind}' is not supported on this model. Use 'auto' or 'none'.")


class StrictSchema:
    """A schema that the model's output is held to: of a strict tool, or of the answer."""

    def __init__(self, path: str, schema: JSON) -> None:
        self._path = path
        self._root = schema

    def check(self) -> None:
        """Raise `RefusedError` for a schema that Anthropic cannot compile."""
        self._check_cycles()
        self._check(self._root)

    def _error(self, problem: str) -> RefusedError:
        return refused(f"{self._path}: {problem}")

    def _check(self, schema: JSON) -> None:
        if isinstance(schema, list):
            for inner in schema:
                self._check(inner)
        if not isinstance(schema, dict):
            return
        kinds = schema.get("type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if isinstance(kind, str):
                self._check_kind(kind, schema)
        if "oneOf" in schema:
            raise self._error("Schema type 'oneOf' is not supported")
        for keyword in ("items", "anyOf", "allOf"):
            self._check(schema.get(keyword))
        for place in ("properties", "$defs", "definitions"):
            if isinstance(named := schema.get(place), dict):
                for inner in named.values():
                    self._check(inner)

    def _check_kind(self, kind: str, schema: Object) -> None:
        if kind == "object" and schema.get("additionalProperties") is not False:
            raise self._error("For 'object' type, 'additionalProperties' must be explicitly set to false")
        found = [keyword for keyword in _UNSUPPORTED.get(kind, ()) if keyword in schema]
        if len(found) > 1:
            raise self._error(f"For '{kind}' type, properties {', '.join(found)} are not supported")
        if found:
            raise self._error(f"For '{kind}' type, property '{found[0]}' is not supported")
        if kind == "array" and schema.get("minItems", 0) not in {0, 1}:
            raise self._error("For 'array' type, 'minItems' values other than 0 or 1 are not supported")

    def _check_cycles(self) -> None:
        definitions: Object = {}
        if isinstance(self._root, dict):
            for place in ("$defs", "definitions"):
                if isinstance(found := self._root.get(place), dict):
                    definitions |= found
        for name in definitions:
            self._follow(name, definitions, [])

    def _follow(self, name: str, definitions: Object, path: list[str]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise self._error(
                f"Invalid schema: Circular reference detected in schema definitions: {circle}. "
                "Self-referencing or mutually-referencing definitions are not supported."
            )
        for other in _references(definitions.get(name)):
            self._follow(other, definitions, [*path, name])


def _references(schema: JSON) -> list[str]:
    if isinstance(schema, list):
        return [name for inner in schema for name in _references(inner)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("$ref")
    names = [own.rpartition("/")[2]] if isinstance(own, str) else []
    return names + [name for inner in schema.values() for name in _references(inner)]
