"""What the fake Google refuses in JSON, tools, schemas and `generationConfig`, and of whom."""

from collections.abc import Callable

import pytest

from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.rules.gemini import check_access, check_request
from dragoman.testing.rules.refusal import Access, RefusedError

Refusal = Callable[..., str | None]

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"


def config(**fields: JSON) -> Object:
    return {"generationConfig": {**fields}}


def declared(*declarations: JSON) -> Object:
    return {"tools": [{"functionDeclarations": [*declarations]}]}


def parameters(**properties: JSON) -> Object:
    return declared({"name": "f", "parameters": {"type": "OBJECT", "properties": {**properties}}})


JSON_ANSWER: Object = {"responseMimeType": "application/json"}
STRING: Object = {"type": "STRING"}
ARGUMENTS: Object = {"a": {"type": "NUMBER", "exclusiveMinimum": 0}}

REFUSED: list[tuple[Object, str]] = [
    # unknown names and wrong types
    ({"x": 1}, 'Invalid JSON payload received. Unknown name "x": Cannot find field.'),
    ({"labels": {}}, 'Invalid JSON payload received. Unknown name "labels": Cannot find field.'),
    (config(maxTokens=5), "Unknown name \"maxTokens\" at 'generation_config': Cannot find field."),
    (
        {"tools": [{"functionDeclarations": [{"name": "f", "strict": True}]}]},
        "Unknown name \"strict\" at 'tools[0].function_declarations[0]': Cannot find field.",
    ),
    (
        parameters(**ARGUMENTS),
        "at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field.",
    ),
    (parameters(a={**STRING, "$schema": "x"}), 'Unknown name "$schema" at'),
    (parameters(a={**STRING, "additionalProperties": False}), 'Unknown name "additionalProperties" at'),
    (parameters(a={"const": 5}), 'Unknown name "const" at'),
    (parameters(a={"oneOf": []}), 'Unknown name "oneOf" at'),
    (parameters(a={"type": ["STRING", "NULL"]}), "Proto field is not repeating, cannot start list."),
    (parameters(a={"type": "text"}), 'v1beta.Type), "text"'),
    (parameters(a={"type": "INTEGER", "enum": [1, 2]}), "enum[0]' (TYPE_STRING), 1"),
    (config(temperature="hot"), "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\""),
    (config(seed=2**31), "Invalid value at 'generation_config.seed' (TYPE_INT32)"),
    (config(maxOutputTokens=1.5), "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 1.5"),
    (config(responseLogprobs="yes"), '(TYPE_BOOL), "yes"'),
    (
        {"toolConfig": {"functionCallingConfig": {"mode": "FORCE"}}},
        'v1beta.FunctionCallingConfig.Mode), "FORCE"',
    ),
    (
        {"systemInstruction": "Be brief."},
        "Invalid value at 'system_instruction' (type.googleapis.com/google.ai.",
    ),
    ({"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}, "oneof field 'data' is already set."),
    (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "a b"}}]}]},
        "'contents[0].parts[0].inline_data.data' (TYPE_BYTES), \"Base64 decoding failed",
    ),
    # tools
    (
        declared({"name": "1st"}),
        "tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name.",
    ),
    (declared({"name": "f" * 129}), "with a maximum length of 128."),
    (declared({"name": "f"}, {"name": "f"}), "Duplicate function declaration found: f"),
    (declared({"name": "f", "parameters": STRING}), "schema must be of type OBJECT."),
    (declared({"name": "f", "parameters": {}}), "parameters.type: must be specified."),
    (
        declared({"name": "f", "parameters": {"type": "OBJECT"}, "parametersJsonSchema": {}}),
        "parameters and parameters_json_schema must not both be set.",
    ),
    (parameters(a={"type": "ARRAY"}), "parameters.properties[a].items: missing field."),
    (parameters(a={}), "parameters.properties[a].type: must be specified."),
    (parameters(a={**STRING, "format": "date"}), "only 'enum' and 'date-time' are supported for STRING type"),
    (
        declared({"name": "f", "parameters": {"type": "OBJECT", "required": ["b"]}}),
        "parameters.required[0]: property is not defined",
    ),
    (
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
        "Function calling config is set without function_declarations.",
    ),
    (
        {
            **declared({"name": "f"}),
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}},
        },
        "allowed_function_names should only be set when the function calling mode is ANY or VALIDATED.",
    ),
    (
        {
            **declared({"name": "f"}),
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
        },
        "'g' is not a declared function.",
    ),
    # generationConfig
    (config(temperature=2.5), "generation_config.temperature: must be in the range [0.0, 2.0]"),
    (config(topP=1.5), "generation_config.top_p: must be in the range [0.0, 1.0]"),
    (config(topK=0), "generation_config.top_k: must be positive."),
    (config(stopSequences=["1", "2", "3", "4", "5", "6"]), "stop_sequences: at most 5 are allowed."),
    (config(candidateCount=9), "candidate_count: must be in the range [1, 8]"),
    (config(maxOutputTokens=70000), "the supported range is from 1 (inclusive) to 65537 (exclusive)."),
    (config(logprobs=3), "logprobs is only allowed when response_logprobs is true."),
    (config(responseMimeType="text/html"), "response_mime_type: allowed mimetypes are"),
    (
        config(responseSchema=STRING),
        "response_schema: only allowed when response_mime_type is application/json",
    ),
    (
        config(**JSON_ANSWER, responseSchema=STRING, responseJsonSchema={}),
        "response_schema and response_json_schema must not both be set.",
    ),
    (
        {**config(**JSON_ANSWER), **declared({"name": "f"})},
        "Function calling with a response mime type: 'application/json' is unsupported",
    ),
    (
        config(thinkingConfig={"thinkingBudget": 0, "thinkingLevel": "LOW"}),
        "You can only set only one of thinking budget and thinking level.",
    ),
    (config(thinkingConfig={"thinkingLevel": "LOW"}), "Thinking level is not supported for this model."),
    (config(thinkingConfig={"thinkingBudget": 99999}), "The thinking budget 99999 is invalid."),
    # the rest
    (
        {"cachedContent": "cachedContents/1", "systemInstruction": {"parts": [{"text": "x"}]}},
        "CachedContent can not be used with GenerateContent request setting system_instruction, tools",
    ),
    ({"systemInstruction": {"parts": []}}, "system_instruction.parts: contents.parts must not be empty."),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_a_request_is_refused_in_the_vendors_words(
    gemini_refusal: Refusal, fields: Object, message: str
) -> None:
    assert message in (gemini_refusal(fields) or "accepted")


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        (
            "gemini-2.5-pro",
            config(thinkingConfig={"thinkingBudget": 0}),
            "Budget 0 is invalid. This model only works in thinking mode.",
        ),
        (
            "gemini-3-pro-preview",
            config(thinkingConfig={"thinkingLevel": "MINIMAL"}),
            "Thinking level MINIMAL is not supported for this model.",
        ),
        (
            "gemini-2.0-flash",
            config(thinkingConfig={"thinkingBudget": 5}),
            "Thinking is not supported by this",
        ),
        (
            "gemini-3-flash-preview",
            config(candidateCount=2),
            "Multiple candidates is not enabled for this model",
        ),
    ],
)
def test_models_have_rules_of_their_own(
    gemini_refusal: Refusal, model: str, fields: Object, message: str
) -> None:
    assert message in (gemini_refusal(fields, model) or "accepted")


ACCEPTED: dict[str, Object] = {
    "the least there is": {},
    "snake case": {"generation_config": {"max_output_tokens": 5, "stop_sequences": ["a"]}},
    "single values for lists": {"contents": {"parts": {"text": "Hi"}}},
    "types in lower case": parameters(a={"type": "string"}),
    "numbers as text": config(temperature="0.5", maxOutputTokens="7"),
    "a JSON Schema with anything": declared(
        {"name": "f", "parametersJsonSchema": {"type": "object", "$defs": {}, "additionalProperties": False}}
    ),
    "a schema for the answer": config(
        **JSON_ANSWER,
        responseSchema={"type": "OBJECT", "properties": {"a": STRING}, "propertyOrdering": ["a"]},
    ),
    "thinking left to the model": config(thinkingConfig={"thinkingBudget": -1, "includeThoughts": True}),
    "safety settings": {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    },
    "server tools": {"tools": [{"googleSearch": {}}, {"codeExecution": {}}]},
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_request_is_accepted(gemini_refusal: Refusal, fields: Object) -> None:
    assert gemini_refusal(fields) is None


def test_all_that_is_malformed_is_told_at_once() -> None:
    body = b'{"contents":[{"parts":[{"text":1}]}],"x":2}'

    with pytest.raises(RefusedError) as refused:
        check_request(Incoming("POST", PATH, {}, {}, body), Access())

    error = decode_object(refused.value.answer.body)["error"]
    assert error == {
        "code": 400,
        "message": (
            "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 1\n"
            'Invalid JSON payload received. Unknown name "x": Cannot find field.'
        ),
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {
                        "field": "contents[0].parts[0].text",
                        "description": "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 1",
                    },
                    {
                        "field": "",
                        "description": 'Invalid JSON payload received. Unknown name "x": Cannot find field.',
                    },
                ],
            }
        ],
    }


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError, match="Invalid JSON payload received"):
        check_request(Incoming("POST", PATH, {}, {}, body), Access())


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(RefusedError) as refused:
        check_request(Incoming("POST", PATH, {}, {}, b"{}"), Access(models=frozenset()))

    assert refused.value.answer.status == 404
    assert b"models/gemini-2.5-flash is not found for API version v1beta" in refused.value.answer.body


@pytest.mark.parametrize(
    ("headers", "query", "status", "message"),
    [
        ({"x-goog-api-key": "wrong"}, {}, 400, b"API_KEY_INVALID"),
        ({}, {"key": "wrong"}, 400, b"API key not valid. Please pass a valid API key."),
        ({"authorization": "Bearer right"}, {}, 401, b"UNAUTHENTICATED"),
        ({}, {}, 403, b"Method doesn't allow unregistered callers"),
    ],
)
def test_a_wrong_key_is_refused_as_google_does(
    headers: dict[str, str], query: dict[str, str], status: int, message: bytes
) -> None:
    with pytest.raises(RefusedError) as refused:
        check_access(Incoming("POST", PATH, query, headers, b""), Access(frozenset({"right"})))

    assert refused.value.answer.status == status
    assert message in refused.value.answer.body


@pytest.mark.parametrize(("headers", "query"), [({"x-goog-api-key": "right"}, {}), ({}, {"key": "right"})])
def test_a_right_key_is_let_in(headers: dict[str, str], query: dict[str, str]) -> None:
    check_access(Incoming("POST", PATH, query, headers, b""), Access(frozenset({"right"})))
