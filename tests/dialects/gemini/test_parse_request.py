"""Requests of this format, but for their contents."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    Sampling,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Location
from dragoman.dialects.gemini.parse_request import parse_request

HERE = Location("models/gemini-2.5-flash")
HELLO = (Message(Role.USER, (Text("hi"),)),)


def parsed(members: str, location: Location = HERE) -> Request:
    text = '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]' + ("," + members if members else "") + "}"
    return parse_request(text.encode(), location)


def refused(members: str) -> str | None:
    with pytest.raises(FailureError) as caught:
        parsed(members)
    return caught.value.failure.param


def test_a_minimal_request() -> None:
    assert parsed("") == Request("gemini", "gemini-2.5-flash", HELLO, stream_usage=True)


def test_the_url_says_model_and_streaming() -> None:
    request = parsed('"model":"models/other"', Location("tunedModels/x", stream=True))
    assert request.model == "tunedModels/x"
    assert request.stream
    assert request.extras == ()


def test_every_field_has_its_place() -> None:
    request = parsed("""
        "systemInstruction":{"role":"user","parts":[{"text":"a"},{"text":"b"}]},
        "serviceTier":"SERVICE_TIER_FLEX",
        "generationConfig":{"temperature":0.5,"topP":0.9,"topK":40,"candidateCount":2,"maxOutputTokens":100,
            "stopSequences":["x","y"],"presencePenalty":1,"frequencyPenalty":-1,"seed":7,
            "responseLogprobs":true,"logprobs":3}
    """)
    assert request.system == (Text("a"), Text("b"))
    assert request.service_tier == "flex"
    assert request.sampling == Sampling(0.5, 0.9, 40, 1.0, -1.0, 7)
    assert (request.candidates, request.max_tokens, request.top_logprobs) == (2, 100, 3)
    assert request.stop == ("x", "y")
    assert request.extras == ()


def test_snake_case_means_the_same() -> None:
    camel = parsed("""
        "systemInstruction":{"parts":[{"text":"a"}]},
        "generationConfig":{"topP":0.9,"maxOutputTokens":5,"thinkingConfig":{"includeThoughts":true}},
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"a_b":1}}]}]
    """)
    snake = parsed("""
        "system_instruction":{"parts":[{"text":"a"}]},
        "generation_config":{"top_p":0.9,"max_output_tokens":5,"thinking_config":{"include_thoughts":true}},
        "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},
        "tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"a_b":1}}]}]
    """)
    assert snake == camel


def test_logprobs_without_alternatives_are_none_of_them() -> None:
    assert parsed('"generationConfig":{"responseLogprobs":true}').top_logprobs == 0
    assert parsed('"generationConfig":{"logprobs":5}').top_logprobs is None


@pytest.mark.parametrize(
    ("tier", "expected"), [("standard", "default"), ("PRIORITY", "priority"), ("unspecified", None)]
)
def test_tiers_are_in_the_neutral_spelling(tier: str, expected: str | None) -> None:
    assert parsed(f'"serviceTier":"{tier}"').service_tier == expected


def test_nulls_are_absent() -> None:
    names = ("systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "serviceTier")
    assert parsed(",".join(f'"{name}":null' for name in names)) == parsed("")


def test_what_only_google_has_rides_along() -> None:
    request = parsed("""
        "safetySettings":[{"category":10,"threshold":"OFF"}],
        "cachedContent":"cachedContents/1",
        "generationConfig":{"responseModalities":["IMAGE"],"speechConfig":{"voice_config":{"x":1.0}}},
        "toolConfig":{"retrievalConfig":{"languageCode":"de"},
            "functionCallingConfig":{"mode":"AUTO","streamFunctionCallArguments":true}}
    """)
    assert set(request.extras) == {
        Opaque("gemini", "safetySettings", b'[{"category":10,"threshold":"OFF"}]'),
        Opaque("gemini", "cachedContent", b'"cachedContents/1"'),
        Opaque("gemini", "generationConfig.responseModalities", b'["IMAGE"]'),
        Opaque("gemini", "generationConfig.speechConfig", b'{"voice_config":{"x":1.0}}'),
        Opaque("gemini", "toolConfig.retrievalConfig", b'{"languageCode":"de"}'),
        Opaque("gemini", "toolConfig.functionCallingConfig.streamFunctionCallArguments", b"true"),
    }


def test_functions_are_tools_with_json_schemas() -> None:
    request = parsed("""
        "tools":[{"functionDeclarations":[
            {"name":"a","description":"d","parameters":{"type":"OBJECT","properties":{"x":{"type":1}}}},
            {"name":"b","parametersJsonSchema":{"type":"object","properties":{"x_y":{}}}},
            {"name":"c","behavior":"NON_BLOCKING"}
        ],"codeExecution":null},{"googleSearch":{}},{"urlContext":{}}]
    """)
    a, b, c, search, context = request.tools
    assert isinstance(a, FunctionTool)
    assert a.parameters == b'{"type":"object","properties":{"x":{"type":"string"}}}'
    assert a.opaque == (Opaque("gemini", "parameters", b'{"type":"OBJECT","properties":{"x":{"type":1}}}'),)
    assert b == FunctionTool("b", parameters=b'{"type":"object","properties":{"x_y":{}}}')
    assert c == FunctionTool("c", opaque=(Opaque("gemini", "behavior", b'"NON_BLOCKING"'),))
    assert search == ServerTool("gemini", "googleSearch", b'{"googleSearch":{}}')
    assert context == ServerTool("gemini", "urlContext", b'{"urlContext":{}}')


def test_lone_objects_are_lists_of_one() -> None:
    request = parsed(
        '"tools":{"functionDeclarations":{"name":"f"}},"systemInstruction":{"parts":{"text":"s"}}'
    )
    assert request.tools == (FunctionTool("f"),)
    assert request.system == (Text("s"),)


@pytest.mark.parametrize(
    ("calling", "expected"),
    [
        ('{"mode":"AUTO"}', ToolChoice(ToolChoiceMode.AUTO)),
        ('{"mode":"MODE_UNSPECIFIED"}', ToolChoice(ToolChoiceMode.AUTO)),
        ("{}", ToolChoice(ToolChoiceMode.AUTO)),
        ('{"mode":"none"}', ToolChoice(ToolChoiceMode.NONE)),
        ('{"mode":"ANY"}', ToolChoice(ToolChoiceMode.REQUIRED)),
        ('{"mode":2,"allowedFunctionNames":["f"]}', ToolChoice(ToolChoiceMode.NAMED, ("f",))),
        (
            '{"mode":"ANY","allowedFunctionNames":["f","g"]}',
            ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f", "g")),
        ),
        ('{"mode":"VALIDATED","allowedFunctionNames":["f"]}', ToolChoice(ToolChoiceMode.ALLOWED, ("f",))),
        ('{"mode":"VALIDATED"}', ToolChoice(ToolChoiceMode.AUTO)),
        ("null", None),
    ],
)
def test_tool_modes_are_choices(calling: str, expected: ToolChoice | None) -> None:
    assert parsed(f'"toolConfig":{{"functionCallingConfig":{calling}}}').tool_choice == expected


@pytest.mark.parametrize(("mode", "strict"), [("VALIDATED", True), ("AUTO", None), ("ANY", None)])
def test_validated_calls_are_held_to_the_schemas_of_their_tools(mode: str, strict: bool | None) -> None:
    tools = '"tools":[{"functionDeclarations":[{"name":"f"}]},{"googleSearch":{}}]'
    request = parsed(f'{tools},"toolConfig":{{"functionCallingConfig":{{"mode":"{mode}"}}}}')
    function, search = request.tools
    assert isinstance(function, FunctionTool)
    assert function.strict is strict
    assert isinstance(search, ServerTool)


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ("{}", Reasoning(visible=False)),
        ('{"thinkingBudget":0}', Reasoning(budget=0, visible=False)),
        ('{"thinkingBudget":-1,"includeThoughts":true}', Reasoning(budget=-1, visible=True)),
        ('{"thinkingLevel":"HIGH"}', Reasoning(effort="high", visible=False)),
        ('{"thinkingLevel":"minimal"}', Reasoning(effort="minimal", visible=False)),
        ('{"thinkingLevel":"THINKING_LEVEL_UNSPECIFIED"}', Reasoning(visible=False)),
    ],
)
def test_thinking_is_reasoning(thinking: str, expected: Reasoning) -> None:
    assert parsed(f'"generationConfig":{{"thinkingConfig":{thinking}}}').reasoning == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('{"responseMimeType":"text/plain"}', None),
        ('{"responseMimeType":"application/json"}', OutputFormat(OutputMode.JSON_OBJECT)),
        (
            '{"responseMimeType":"application/json","responseJsonSchema":{"type": "array"}}',
            OutputFormat(OutputMode.JSON_SCHEMA, b'{"type": "array"}'),
        ),
        (
            '{"responseMimeType":"application/json","responseJsonSchema":{"type": "ARRAY","minItems":"1"}}',
            OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"array","minItems":1}'),
        ),
        (
            '{"responseMimeType":"application/json","responseSchema":{"type":"ARRAY"}}',
            OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"array"}'),
        ),
    ],
)
def test_the_form_of_the_answer(config: str, expected: OutputFormat | None) -> None:
    assert parsed(f'"generationConfig":{config}').output == expected


def test_an_answer_of_one_bare_word_has_a_schema_and_keeps_its_own_form() -> None:
    request = parsed(
        '"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a"]}}'
    )
    assert request.output == OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"string","enum":["a"]}')
    assert {field.field for field in request.extras} == {
        "generationConfig.responseMimeType",
        "generationConfig.responseSchema",
    }


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ('"systemInstruction":{"parts":[{"inlineData":{}}]}', "systemInstruction.parts[0]"),
        ('"systemInstruction":"be nice"', "systemInstruction"),
        ('"tools":[{"functionDeclarations":[{"description":"x"}]}]', "tools[0].functionDeclarations[0].name"),
        ('"tools":[{"functionDeclarations":[{"name":""}]}]', "tools[0].functionDeclarations[0].name"),
        (
            '"tools":[{"functionDeclarations":[{"name":"f","parameters":[]}]}]',
            "tools[0].functionDeclarations[0].parameters",
        ),
        ('"tools":7', "tools"),
        ('"toolConfig":[]', "toolConfig"),
        (
            '"toolConfig":{"functionCallingConfig":{"mode":"SOMETIMES"}}',
            "toolConfig.functionCallingConfig.mode",
        ),
        ('"toolConfig":{"functionCallingConfig":{"mode":9}}', "toolConfig.functionCallingConfig.mode"),
        ('"generationConfig":{"topP":2}', "generationConfig.topP"),
        ('"generationConfig":{"responseMimeType":"text/html"}', "generationConfig.responseMimeType"),
        (
            '"generationConfig":{"thinkingConfig":{"thinkingLevel":"VERY"}}',
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            '"generationConfig":{"thinkingConfig":{"thinkingLevel":3}}',
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        ('"generationConfig":{"responseSchema":"x"}', "generationConfig.responseSchema"),
        ('"serviceTier":7', "serviceTier"),
    ],
)
def test_a_field_at_fault_is_named(members: str, param: str) -> None:
    assert refused(members) == param


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_random_bytes_raise_nothing_but_failures(data: bytes) -> None:
    with pytest.raises(FailureError):
        parse_request(data, HERE)


NAMES = [
    "parts",
    "role",
    "text",
    "thought",
    "thoughtSignature",
    "functionCall",
    "functionResponse",
    "name",
    "args",
    "response",
    "inlineData",
    "fileData",
    "functionDeclarations",
    "parameters",
    "type",
    "mode",
    "properties",
    "items",
    "functionCallingConfig",
    "thinkingConfig",
    "responseSchema",
    "mime_type",
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.text(max_size=3)
    | st.sampled_from(["STOP", "ANY", "user"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(contents=JSON, tools=JSON, config=JSON)
@settings(max_examples=100)
def test_any_json_is_read_or_refused(contents: object, tools: object, config: object) -> None:
    body = {"contents": contents, "tools": tools, "generationConfig": config, "toolConfig": config}
    try:
        request = parse_request(json.dumps(body).encode(), HERE)
    except FailureError as error:
        assert error.failure.message  # noqa: PT017 - refusing is as good as reading here
    else:
        assert request.dialect == "gemini"
