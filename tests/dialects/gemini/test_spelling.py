"""Member names in either spelling."""

import json

import msgspec
import pytest
from msgspec import Raw

from dragoman.conversation.failure import FailureError
from dragoman.dialects.gemini.spelling import (
    CONTENT,
    GENERATION_CONFIG,
    TOOL,
    Shape,
    camel,
    camel_members,
    camel_text,
    decode_member,
)


def rewritten(text: str, shape: Shape = CONTENT) -> object:
    return json.loads(bytes(camel_text(Raw(text), shape)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generation_config", "generationConfig"),
        ("generationConfig", "generationConfig"),
        ("parameters_json_schema", "parametersJsonSchema"),
        ("_private", "_private"),
        ("text", "text"),
    ],
)
def test_names_become_camel_case(name: str, expected: str) -> None:
    assert camel(name) == expected


def test_camel_case_is_left_byte_for_byte() -> None:
    raw = Raw(b'[ {"parts": [ {"functionCall": {"name":"f","args":{"a_b": 1.0}}} ]} ]')
    assert camel_text(raw, CONTENT) is raw
    members = {"contents": raw}
    assert camel_members(members) is members


def test_parts_are_rewritten_and_the_clients_own_data_is_not() -> None:
    sent = """[
        {"parts": [
            {"function_call": {"name": "f", "args": {"mime_type": 1, "file_data": {"file_uri": "x"}}}},
            {"inline_data": {"mime_type": "image/png", "data": ""}, "thought_signature": "s"}
        ]},
        {"parts": {"function_response": {
            "name": "f",
            "response": {"inline_data": {"mime_type": "y"}},
            "parts": [{"inline_data": {"mime_type": "z", "data": ""}}]
        }}}
    ]"""
    assert rewritten(sent) == json.loads("""[
        {"parts": [
            {"functionCall": {"name": "f", "args": {"mime_type": 1, "file_data": {"file_uri": "x"}}}},
            {"inlineData": {"mimeType": "image/png", "data": ""}, "thoughtSignature": "s"}
        ]},
        {"parts": {"functionResponse": {
            "name": "f",
            "response": {"inline_data": {"mime_type": "y"}},
            "parts": [{"inlineData": {"mimeType": "z", "data": ""}}]
        }}}
    ]""")


def test_property_names_of_schemas_are_not_rewritten() -> None:
    tools = """[
        {"function_declarations": [
            {"name": "f", "parameters_json_schema": {"properties": {"mime_type": {"type": "string"}}}}
        ]},
        {"google_search": {}}
    ]"""
    assert rewritten(tools, TOOL) == json.loads("""[
        {"functionDeclarations": [
            {"name": "f", "parametersJsonSchema": {"properties": {"mime_type": {"type": "string"}}}}
        ]},
        {"googleSearch": {}}
    ]""")
    config = """{"response_schema": {"properties": {"top_p": {}}},
        "thinking_config": {"include_thoughts": true}}"""
    assert rewritten(config, GENERATION_CONFIG) == json.loads(
        """{"responseSchema": {"properties": {"top_p": {}}}, "thinkingConfig": {"includeThoughts": true}}"""
    )


def test_a_known_name_in_data_alone_changes_nothing() -> None:
    raw = Raw(b'[{"parts":[{"functionCall":{"name":"f","args":{"mime_type": 1.50}}}]}]')
    assert bytes(camel_text(raw, CONTENT)) == bytes(raw)


def test_an_error_names_the_field() -> None:
    decoder = msgspec.json.Decoder(list[int])
    with pytest.raises(FailureError) as caught:
        decode_member(decoder, Raw(b'[1,"2"]'), "numbers", {})
    assert caught.value.failure.param == "numbers[1]"


def test_bytes_that_are_no_text_are_the_clients_mistake() -> None:
    decoder = msgspec.json.Decoder(str)
    with pytest.raises(FailureError, match="'name': not valid UTF-8"):
        decode_member(decoder, Raw(b'"\xff"'), "name", {})


def test_nesting_without_end_is_the_clients_mistake() -> None:
    decoder = msgspec.json.Decoder(object)
    with pytest.raises(FailureError, match="'tools': nested too deeply"):
        decode_member(decoder, Raw(b"[" * 50_000 + b"]" * 50_000), "tools", {})
