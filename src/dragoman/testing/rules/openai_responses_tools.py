"""What OpenAI refuses in tools, in the choice among them, and in the form of answers, of Responses."""

from dragoman.models.profile import Profile
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.openai_schema import SchemaOf
from dragoman.testing.rules.openai_tools import MOST_TOOLS

_NAME = "^[a-zA-Z0-9_-]+$"
_LONGEST_NAME = 64

_FUNCTION = (
    "allowed_callers",
    "async",
    "defer_loading",
    "description",
    "name",
    "output_schema",
    "parameters",
    "strict",
    "type",
)
_CUSTOM = ("allowed_callers", "defer_loading", "description", "format", "name", "type")
_SEARCH = ("external_web_access", "filters", "search_content_types", "search_context_size", "user_location")
_SEARCHES = (
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
)
_HOSTED = {
    "apply_patch": (),
    "code_interpreter": ("container",),
    "computer": (),
    "computer_use_preview": ("display_height", "display_width", "environment"),
    "file_search": ("vector_store_ids",),
    "image_generation": (),
    "local_shell": (),
    "mcp": ("server_label",),
    "programmatic_tool_calling": (),
    "shell": (),
    "tool_search": (),
}
"""Tools that OpenAI runs or defines itself, with the members that have to be there."""

_KINDS = ("function", "custom", "namespace", *_SEARCHES, *_HOSTED)
_CHOSEN_KINDS = tuple(kind for kind in _KINDS if kind not in {"function", "custom", "namespace"})


def check_tools(body: Field) -> frozenset[tuple[str, str]]:
    """What may be chosen among: a kind with a name (of tools without one: empty). Raises `RefusedError`
    for tools that OpenAI refuses.
    """
    tools = body.member("tools")
    if tools is None:
        return frozenset()
    offered: set[tuple[str, str]] = set()
    for tool in tools.elements("objects", most=MOST_TOOLS):
        offered |= _check_tool(tool)
    return frozenset(offered)


def _check_tool(tool: Field) -> set[tuple[str, str]]:
    kind = tool.required("type").word(*_KINDS)
    match kind:
        case "function":
            return {(kind, _check_function(tool))}
        case "custom":
            return {(kind, _check_custom(tool))}
        case "namespace":
            tool.only("type", "name", "description", "tools")
            tool.required("name").string(_LONGEST_NAME, _NAME)
            tool.required("description").string()
            inner = tool.required("tools").elements("objects", least=1)
            return set[tuple[str, str]]().union(*(_check_tool(one) for one in inner))
        case _ if kind in _SEARCHES:
            _check_search(tool)
        case _:
            for member in _HOSTED[kind]:
                tool.required(member)
    return {(kind, "")}


def _check_function(tool: Field) -> str:
    tool.only(*_FUNCTION)
    name = tool.required("name").string(_LONGEST_NAME, _NAME)
    if (description := tool.member("description")) is not None:
        description.string()
    strict = tool.member("strict")
    held = strict is not None and strict.boolean()
    if (parameters := tool.member("parameters")) is not None:
        schema = SchemaOf(f"function '{name}'", parameters.path, "invalid_function_parameters")
        schema.check(parameters.value, strict=held)
    return name


def _check_custom(tool: Field) -> str:
    tool.only(*_CUSTOM)
    name = tool.required("name").string(_LONGEST_NAME, _NAME)
    if (description := tool.member("description")) is not None:
        description.string()
    if (form := tool.member("format")) is not None:
        # flat here, where Chat Completions has the grammar in an object of its own
        if form.required("type").word("text", "grammar") == "text":
            form.only("type")
        else:
            form.only("type", "syntax", "definition")
            form.required("syntax").word("lark", "regex")
            form.required("definition").string(pattern="^(?s:.)")
    return name


def _check_search(tool: Field) -> None:
    tool.only("type", *_SEARCH)
    if (size := tool.member("search_context_size")) is not None:
        size.word("low", "medium", "high")
    if (filters := tool.member("filters")) is not None:
        filters.only("allowed_domains", "blocked_domains")
        for name in ("allowed_domains", "blocked_domains"):
            if (domains := filters.member(name)) is not None:
                for domain in domains.elements("strings", most=100):
                    domain.string()
    if (place := tool.member("user_location")) is not None:
        place.only("type", "city", "country", "region", "timezone")
        place.required("type").word("approximate")


def check_tool_choice(body: Field, offered: frozenset[tuple[str, str]]) -> None:
    """Raise `RefusedError` for a choice among the tools that OpenAI refuses."""
    choice = body.member("tool_choice")
    if choice is None:
        return
    if isinstance(choice.value, str):
        if choice.word("none", "auto", "required") == "required" and not offered:
            raise refused("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
        return
    if not isinstance(choice.value, dict):
        raise choice.wrong_type("one of a string or object")
    if choice.required("type").word("function", "custom", "allowed_tools", *_CHOSEN_KINDS) == "allowed_tools":
        choice.only("type", "mode", "tools")
        choice.required("mode").word("auto", "required")
        for tool in choice.required("tools").elements("objects", least=1):
            tool.required("type").word("function", "custom", *_CHOSEN_KINDS)
            _check_chosen(tool, offered)
    else:
        _check_chosen(choice, offered)


def _check_chosen(tool: Field, offered: frozenset[tuple[str, str]]) -> None:
    kind = str(tool.required("type").value)
    named = kind in {"function", "custom"}
    if named:
        tool.only("type", "name")
    name = tool.required("name").string() if named else ""
    if (kind, name) not in offered:
        raise refused(f"Tool choice '{name or kind}' not found in 'tools' parameter.", "tool_choice")


def check_format(form: Field, profile: Profile) -> None:
    """Raise `RefusedError` for a form of the answer that OpenAI refuses."""
    if form.required("type").word("json_object", "json_schema", "text") != "json_schema":
        form.only("type")
        return
    if not profile.json_schema and profile.family.startswith("gpt-"):
        raise refused(
            "Invalid parameter: 'text.format' of type 'json_schema' is not supported with this model.",
            "text.format",
        )
    # flat here, where Chat Completions has an object of its own for it
    form.only("type", "name", "description", "schema", "strict")
    name = form.required("name").string(_LONGEST_NAME, _NAME)
    strict = form.member("strict")
    held = strict is not None and strict.boolean()
    schema = form.required("schema")
    checked = SchemaOf(f"response_format '{name}'", schema.path, "invalid_json_schema")
    checked.check(schema.value, strict=held)
