"""What OpenAI refuses in tools, in the choice among them, and in the form of answers."""

from dragoman.models.profile import Profile
from dragoman.testing.json_value import JSON
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.openai_schema import SchemaOf

MOST_TOOLS = 128
_NAME = "^[a-zA-Z0-9_-]+$"
_LONGEST_NAME = 64


def check_tools(body: Field) -> None:
    """Raise `RefusedError` for tools, or a choice among them, that OpenAI refuses."""
    if body.member("tools") is not None and body.member("functions") is not None:
        message = "'functions' and 'tools' cannot be provided at the same time."
        raise refused(message, "functions", "invalid_parameter_combination")
    names: set[str] = set()
    if (tools := body.member("tools")) is not None:
        for tool in tools.elements("objects", least=1, most=MOST_TOOLS):
            names.add(_check_tool(tool))
    if (functions := body.member("functions")) is not None:
        for function in functions.elements("objects", least=1, most=MOST_TOOLS):
            function.only("name", "description", "parameters")
            _check_function(function)
    for option in ("tool_choice", "parallel_tool_calls"):
        if tools is None and (value := body.member(option)) is not None and value.value != "none":
            message = f"Invalid value for '{option}': '{option}' is only allowed when 'tools' are specified."
            raise refused(message, option)
    if (choice := body.member("tool_choice")) is not None:
        _check_choice(choice, names)
    if (parallel := body.member("parallel_tool_calls")) is not None:
        parallel.boolean()


def _check_tool(tool: Field) -> str:
    """The name of the tool."""
    if tool.required("type").word("function", "custom") == "function":
        tool.only("type", "function")
        function = tool.required("function")
        function.only("name", "description", "parameters", "strict")
        return _check_function(function)
    tool.only("type", "custom")
    custom = tool.required("custom")
    custom.only("name", "description", "format")
    if (form := custom.member("format")) is not None and form.required("type").word(
        "text", "grammar"
    ) != "text":
        grammar = form.required("grammar")
        grammar.required("syntax").word("lark", "regex")
        grammar.required("definition").string()
    return custom.required("name").string(_LONGEST_NAME, _NAME)


def _check_function(function: Field) -> str:
    name = function.required("name").string(_LONGEST_NAME, _NAME)
    if (description := function.member("description")) is not None:
        description.string()
    strict = function.member("strict")
    held = strict is not None and strict.boolean()
    if (parameters := function.member("parameters")) is not None:
        schema = SchemaOf(f"function '{name}'", parameters.path, "invalid_function_parameters")
        schema.check(parameters.value, strict=held)
    return name


def _check_choice(choice: Field, names: set[str]) -> None:
    if isinstance(choice.value, str):
        choice.word("none", "auto", "required")
        return
    if not isinstance(choice.value, dict):
        raise choice.wrong_type("one of a string or object")
    kind = choice.required("type").word("function", "custom", "allowed_tools")
    if kind != "allowed_tools":
        _check_chosen(choice.required(kind).required("name").string(), names)
        return
    allowed = choice.required("allowed_tools")
    allowed.required("mode").word("auto", "required")
    for tool in allowed.required("tools").elements("objects", least=1):
        _check_chosen(
            tool.required(tool.required("type").word("function", "custom")).required("name").string(), names
        )


def _check_chosen(name: str, names: set[str]) -> None:
    if name not in names:
        raise refused(
            f"Invalid value for 'tool_choice': no tool named '{name}' was specified.", "tool_choice"
        )


def check_response_format(body: Field, profile: Profile) -> None:
    """Raise `RefusedError` for a form of answers that OpenAI refuses."""
    form = body.member("response_format")
    if form is None:
        return
    match form.required("type").word("json_object", "json_schema", "text"):
        case "json_object":
            if not _says_json(body.object()["messages"]):
                raise refused(
                    "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                    "'json_object'.",
                    "messages",
                )
        case "json_schema":
            if not profile.json_schema and profile.family.startswith("gpt-"):
                raise refused(
                    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this "
                    "model.",
                    "response_format",
                )
            form.only("type", "json_schema")
            named = form.required("json_schema")
            named.only("name", "description", "schema", "strict")
            name = named.required("name").string(_LONGEST_NAME, _NAME)
            strict = named.member("strict")
            held = strict is not None and strict.boolean()
            if (schema := named.member("schema")) is not None:
                checked = SchemaOf(f"response_format '{name}'", "response_format", None)
                checked.check(schema.value, strict=held)
            elif held:
                named.required("schema")
        case _:
            form.only("type")


def _says_json(value: JSON) -> bool:
    """Whether any text of the messages has the word in it."""
    match value:
        case str():
            return "json" in value.lower()
        case list():
            return any(_says_json(element) for element in value)
        case dict():
            return any(_says_json(value[name]) for name in ("content", "text") if name in value)
        case _:
            return False
