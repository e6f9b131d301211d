"""Requests to the wire: knobs, the form of the answer, and what the format cannot say."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Inline,
    Remote,
    Stored,
    Text,
    Thinking,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    Sampling,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Host, Location, Rendered, Target

RequestOf = Callable[..., Request]
Render = Callable[..., Rendered]
BodyOf = Callable[..., dict[str, object]]
LossesOf = Callable[..., list[str]]

PNG = Inline("image/png", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB")
SCHEMA = (
    b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
)


def test_the_smallest_request(render: Render, request_of: RequestOf) -> None:
    rendered = render(request_of(), "unknown")
    assert rendered.wire.path == "/v1/messages"
    assert rendered.wire.headers == (("anthropic-version", "2023-06-01"),)
    assert rendered.wire.body == (
        b'{"model":"claude-model","max_tokens":4096,"messages":[{"role":"user","content":'
        b'[{"type":"text","text":"Hello"}]}],"cache_control":{"type":"ephemeral"}}'
    )
    assert rendered.losses == ()
    assert not rendered.emulation.needed


def test_the_same_request_gives_the_same_bytes(render: Render, request_of: RequestOf) -> None:
    request = request_of(tools=(FunctionTool("a.b"), FunctionTool("a:b")), stop=("x",), user="u")
    assert render(request) == render(request)


@pytest.mark.parametrize(
    ("profile", "asked", "sent"),
    [
        ("unknown", None, 4096),
        ("unknown", 100_000, 100_000),
        ("sonnet", None, 32_000),
        ("sonnet", 500, 500),
        ("sonnet", 100_000, 64_000),
    ],
)
def test_max_tokens_is_always_sent_and_never_more_than_the_model_writes(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf, profile: str, asked: int | None, sent: int
) -> None:
    request = request_of(max_tokens=asked)
    assert body_of(request, profile)["max_tokens"] == sent
    assert losses_of(request, profile) == (["max_tokens"] if asked == 100_000 > sent else [])


def test_a_small_model_is_not_asked_for_more_than_it_writes(body_of: BodyOf, request_of: RequestOf) -> None:
    assert body_of(request_of(), max_output_tokens=8192)["max_tokens"] == 8192


@pytest.mark.parametrize(
    ("profile", "sampling", "sent", "losses"),
    [
        ("unknown", Sampling(temperature=0.2, top_p=0.9, top_k=5), (0.2, 0.9, 5), []),
        ("unknown", Sampling(temperature=1.7), (1.0, None, None), ["temperature"]),
        ("sonnet", Sampling(temperature=0.0, top_p=0.9), (0.0, None, None), ["top_p"]),
        ("sonnet", Sampling(temperature=0.5, top_p=1.0), (0.5, None, None), []),
        ("sonnet", Sampling(top_p=0.9), (None, 0.9, None), []),
        (
            "opus",
            Sampling(temperature=0.5, top_k=5),
            (None, None, None),
            ["temperature", "top_k"],
        ),
        ("opus", Sampling(temperature=1.0, top_p=1.0), (None, None, None), []),
    ],
)
def test_sampling_is_sent_as_far_as_the_model_takes_it(
    body_of: BodyOf,
    losses_of: LossesOf,
    request_of: RequestOf,
    profile: str,
    sampling: Sampling,
    sent: tuple[object, ...],
    losses: list[str],
) -> None:
    body = body_of(request_of(sampling=sampling), profile)
    assert (body.get("temperature"), body.get("top_p"), body.get("top_k")) == sent
    assert losses_of(request_of(sampling=sampling), profile) == losses


def test_sampling_that_only_goes_without_reasoning_is_dropped_with_it(
    body_of: BodyOf, request_of: RequestOf
) -> None:
    request = request_of(sampling=Sampling(temperature=0.5))
    assert "temperature" not in body_of(request, "opus", sampling="unless_reasoning")
    assert (
        body_of(request, "opus", sampling="unless_reasoning", reasoning_default=False)["temperature"] == 0.5
    )


def test_wishes_without_a_field_are_losses(losses_of: LossesOf, request_of: RequestOf) -> None:
    request = request_of(
        sampling=Sampling(presence_penalty=0.5, frequency_penalty=0.5, seed=0, logit_bias={"1": 1.0}),
        verbosity="low",
        metadata={"a": "b"},
        extras=(Opaque("openai_chat", "prediction", b"{}"),),
    )
    assert losses_of(request) == [
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "logit_bias",
        "verbosity",
        "metadata",
        "unknown_field",
    ]


def test_penalties_of_zero_are_no_wishes(losses_of: LossesOf, request_of: RequestOf) -> None:
    assert losses_of(request_of(sampling=Sampling(presence_penalty=0.0, frequency_penalty=0.0))) == []


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"top_logprobs": 0}, "logprobs"),
        ({"extras": (Opaque("openai_chat", "modalities", b'["text","audio"]'),)}, "modalities"),
        (
            {"extras": (Opaque("gemini", "generationConfig.responseModalities", b'["IMAGE"]'),)},
            "generationConfig.responseModalities",
        ),
        ({"extras": (Opaque("gemini", "cachedContent", b'"cachedContents/1"'),)}, "cachedContent"),
    ],
)
def test_shapes_of_answers_that_the_format_lacks_are_refused(
    render: Render, request_of: RequestOf, changes: dict[str, object], param: str
) -> None:
    with pytest.raises(FailureError) as caught:
        render(request_of(**changes))
    assert caught.value.failure.param == param


def test_several_candidates_are_fanned_out(
    render: Render, body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(candidates=3)
    assert render(request).emulation.fan_out == 3
    assert losses_of(request) == ["n"]
    assert body_of(request) == body_of(request_of())


def test_stop_sequences_go_upstream(render: Render, body_of: BodyOf, request_of: RequestOf) -> None:
    request = request_of(stop=("a", "", "b", "c", "d", "e", "f"))
    assert body_of(request)["stop_sequences"] == ["a", "b", "c", "d", "e", "f"]
    assert render(request).emulation.stop == ()


def test_stop_sequences_of_white_space_make_the_gateway_look_for_all_of_them(
    render: Render, body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(stop=("END", "\n\n"))
    assert "stop_sequences" not in body_of(request)
    assert render(request).emulation.stop == ("END", "\n\n")
    assert losses_of(request) == ["stop"]


def test_streaming_follows_the_request(body_of: BodyOf, request_of: RequestOf) -> None:
    assert body_of(request_of(stream=True))["stream"] is True
    assert "stream" not in body_of(request_of(max_tokens=21_333))


def test_a_long_answer_is_asked_for_as_a_stream_in_any_case(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    assert body_of(request_of(max_tokens=21_334))["stream"] is True
    assert body_of(request_of())["stream"] is True
    assert losses_of(request_of()) == []


# --- thinking that is bound to its prompt ----------------------------------------------------------

PRESERVED: dict[str, object] = {"preserved_thinking": True, "betas": ("binding-beta",)}
THOUGHT = Message(
    Role.ASSISTANT, (Thinking("hm", Signature("anthropic", "anthropic/claude", "sig")), Text("a"))
)


def test_blocks_that_do_not_fit_their_prompt_are_to_be_dropped(render: Render, request_of: RequestOf) -> None:
    hello = Message(Role.USER, (Text("Hello"),))
    rendered = render(request_of(messages=(hello, THOUGHT, hello)), "opus", **PRESERVED)
    assert msgspec.json.decode(rendered.wire.body)["thinking"] == {
        "type": "adaptive",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    }
    assert ("anthropic-beta", "binding-beta") in rendered.wire.headers


def test_a_wish_to_see_reasoning_stays_beside_the_binding(body_of: BodyOf, request_of: RequestOf) -> None:
    hello = Message(Role.USER, (Text("Hello"),))
    request = request_of(messages=(hello, THOUGHT, hello), reasoning=Reasoning(visible=True))
    assert body_of(request, "opus", **PRESERVED)["thinking"] == {
        "type": "adaptive",
        "display": "summarized",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    }


def test_the_binding_is_not_asked_for_without_need(render: Render, request_of: RequestOf) -> None:
    hello = Message(Role.USER, (Text("Hello"),))
    history = (hello, THOUGHT, hello)
    for request, facts in (
        (request_of(), PRESERVED),
        (request_of(messages=history), {}),
        (request_of(messages=history, dialect="anthropic"), PRESERVED),
    ):
        rendered = render(request, "opus", **facts)
        assert b"block_binding" not in rendered.wire.body
        assert "anthropic-beta" not in dict(rendered.wire.headers)


@pytest.mark.parametrize(
    ("tier", "sent", "losses"),
    [
        ("auto", "auto", []),
        ("default", "standard_only", []),
        ("flex", "standard_only", ["service_tier"]),
        ("priority", "auto", ["service_tier"]),
        ("of_the_future", None, ["service_tier"]),
    ],
)
def test_service_tiers_are_translated(
    body_of: BodyOf,
    losses_of: LossesOf,
    request_of: RequestOf,
    tier: str,
    sent: str | None,
    losses: list[str],
) -> None:
    assert body_of(request_of(service_tier=tier)).get("service_tier") == sent
    assert losses_of(request_of(service_tier=tier)) == losses


def test_the_end_user_is_named_in_metadata(body_of: BodyOf, request_of: RequestOf) -> None:
    assert body_of(request_of(user="u-1"))["metadata"] == {"user_id": "u-1"}


# --- the form of the answer ----------------------------------------------------------------------


def schema_output(schema: bytes = SCHEMA) -> OutputFormat:
    return OutputFormat(OutputMode.JSON_SCHEMA, schema=schema, name="answer")


def test_a_schema_is_sent_as_the_output_format(body_of: BodyOf, request_of: RequestOf) -> None:
    body = body_of(request_of(output=schema_output()))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": msgspec.json.decode(SCHEMA)}}


def test_a_schema_that_says_too_much_is_relaxed(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"string","maxLength":3}}}'
    request = request_of(output=schema_output(schema))
    assert body_of(request)["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "string", "description": "at most 3 characters"}},
                "additionalProperties": False,
            },
        }
    }
    assert losses_of(request) == ["schema_relaxed"]


def test_without_output_formats_a_demanded_tool_gives_the_answer(
    render: Render, body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(output=schema_output())
    body = body_of(request, json_schema=False)
    assert "output_config" not in body
    assert body["tools"] == [
        {
            "name": "structured_output",
            "description": "Give the final answer by calling this tool.",
            "input_schema": msgspec.json.decode(SCHEMA),
        }
    ]
    assert body["tool_choice"] == {"type": "tool", "name": "structured_output"}
    assert render(request, json_schema=False).emulation.answer_tool == "structured_output"
    assert losses_of(request, json_schema=False) == ["structured_output_tool"]


def test_beside_other_tools_any_call_is_demanded_and_the_name_stays_unique(
    render: Render, body_of: BodyOf, request_of: RequestOf
) -> None:
    request = request_of(output=schema_output(), tools=(FunctionTool("structured_output"),))
    body = body_of(request, json_schema=False)
    assert body["tool_choice"] == {"type": "any"}
    assert render(request, json_schema=False).emulation.answer_tool == "structured_output_2"


def test_where_tools_cannot_be_demanded_either_words_have_to_do(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(output=schema_output())
    body = body_of(request, json_schema=False, forced_tools=False)
    assert SCHEMA.decode() in str(body["system"])
    assert losses_of(request, json_schema=False, forced_tools=False) == ["json_schema"]


def test_a_schema_that_refers_to_itself_becomes_a_tool(render: Render, request_of: RequestOf) -> None:
    schema = b'{"type":"object","properties":{"next":{"$ref":"#"}}}'
    assert render(request_of(output=schema_output(schema))).emulation.answer_tool == "structured_output"


def test_a_schema_for_no_object_becomes_the_one_member_of_an_object(
    render: Render, request_of: RequestOf
) -> None:
    schema = b'{"type":"array","items":{"type":"string","maxLength":3}}'
    rendered = render(request_of(output=schema_output(schema)))
    assert rendered.emulation.wrapped_in == "value"
    assert msgspec.json.decode(rendered.wire.body)["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {
            "value": {"type": "array", "items": {"type": "string", "description": "at most 3 characters"}}
        },
        "required": ["value"],
        "additionalProperties": False,
    }
    assert [(loss.code, loss.path) for loss in rendered.losses] == [
        ("schema_wrapped", "$.response_format"),
        ("schema_relaxed", "$.response_format.json_schema.schema.items.maxLength"),
    ]


def test_without_formats_and_demanded_tools_a_schema_is_asked_for_in_words(
    body_of: BodyOf, request_of: RequestOf
) -> None:
    schema = b'{"type":"array","items":{}}'
    system = str(
        body_of(request_of(output=schema_output(schema)), json_schema=False, forced_tools=False)["system"]
    )
    assert "one JSON value only" in system
    assert schema.decode() in system


def test_any_json_object_is_asked_for_in_words_after_the_system_prompt(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(system=(Text("Be kind."),), output=OutputFormat(OutputMode.JSON_OBJECT))
    system = body_of(request)["system"]
    assert str(system).startswith(
        "[{'type': 'text', 'text': 'Be kind.'}, {'type': 'text', 'text': 'Respond with"
    )
    assert losses_of(request) == ["json_object"]


# --- content -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "written"),
    [
        (
            Image(PNG),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG.data}},
        ),
        (
            Image(Inline("image/jpg", "AAAA")),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        ),
        (
            Image(Inline("application/octet-stream", PNG.data)),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG.data}},
        ),
        (
            Image(Inline("image/png", "UklGRhIAAABXRUJQVlA4IA==")),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/webp", "data": "UklGRhIAAABXRUJQVlA4IA=="},
            },
        ),
        (
            Image(Remote("https://a.example/x.png")),
            {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}},
        ),
        (
            Image(Stored("anthropic", "file_1")),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            Document(Inline("application/pdf", "JVBERi0xLjQK"), title="T", context="C", cited=True),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"},
                "title": "T",
                "context": "C",
                "citations": {"enabled": True},
            },
        ),
        (
            Document(Inline("text/markdown", "R3LDvMOfZQ==")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
        ),
        (
            Document(PNG),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG.data}},
        ),
        (
            Document(Remote("https://a.example/x.pdf")),
            {"type": "document", "source": {"type": "url", "url": "https://a.example/x.pdf"}},
        ),
        (
            ToolResult("t", (Text("x"),)),
            {"type": "text", "text": "[tool result]"},
        ),
    ],
)
def test_content_is_written(body_of: BodyOf, request_of: RequestOf, block: Block, written: object) -> None:
    messages = body_of(request_of(block))["messages"]
    assert isinstance(messages, list)
    assert messages[0]["content"][0] == written


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (Audio(Inline("audio/wav", "AAAA")), "unsupported_content"),
        (Image(Inline("image/tiff", "AAAA")), "unsupported_image"),
        (Image(Remote("gs://bucket/x.png")), "unsupported_url"),
        (Image(Stored("openai_chat", "file-1")), "file_id_not_portable"),
        (Document(Inline("application/msword", "AAAA")), "unsupported_document"),
        (Document(Inline("text/plain", "not base64!")), "unsupported_document"),
        (Document(Inline("text/plain", "/////w==")), "unsupported_document"),
        (Unknown("gemini", "executableCode", b"{}"), "content_not_portable"),
    ],
)
def test_content_without_a_place_is_refused_with_its_path(
    render: Render, request_of: RequestOf, block: Block, code: str
) -> None:
    with pytest.raises(FailureError) as caught:
        render(request_of(Text("look"), block))
    assert caught.value.failure.param == "messages[0].content[1]"
    assert caught.value.failure.code == code


def test_content_without_a_place_is_refused_inside_tool_results_too(
    render: Render, request_of: RequestOf
) -> None:
    with pytest.raises(FailureError) as caught:
        render(request_of(ToolResult("t", (Text("x"), Audio(Inline("audio/wav", "AAAA"))))))
    assert caught.value.failure.param == "messages[0].content[1]"


# --- caching -------------------------------------------------------------------------------------


def test_marks_of_the_client_replace_the_automatic_one(body_of: BodyOf, request_of: RequestOf) -> None:
    body = body_of(request_of(Text("Hello", cache=CacheMark("1h"))))
    assert "cache_control" not in body
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
            ],
        }
    ]


def test_of_too_many_marks_the_last_four_are_kept(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    mark = CacheMark()
    request = request_of(
        *(Text(str(number), cache=mark) for number in range(3)),
        system=(Text("s", cache=mark),),
        tools=(FunctionTool("f", cache=mark),),
    )
    body = msgspec.json.encode(body_of(request))
    assert body.count(b'"cache_control"') == 4
    assert b'"cache_control"' not in msgspec.json.encode(body_of(request)["tools"])
    assert losses_of(request) == ["cache_marks"]
    whole = msgspec.structs.replace(request, cache=mark)
    assert msgspec.json.encode(body_of(whole)).count(b'"cache_control"') == 4


def test_a_lifetime_that_the_format_lacks_becomes_the_default(body_of: BodyOf, request_of: RequestOf) -> None:
    assert body_of(request_of(cache=CacheMark("30m")))["cache_control"] == {"type": "ephemeral"}


def test_clients_of_this_format_ask_for_caching_themselves(body_of: BodyOf, request_of: RequestOf) -> None:
    assert "cache_control" not in body_of(request_of(dialect="anthropic"))


# --- hosts and clients of this format ------------------------------------------------------------


def test_fields_that_the_host_refuses_are_left_out(render: Render, request_of: RequestOf) -> None:
    host = Host(rejects=frozenset({"cache_control", "service_tier"}))
    rendered = render(request_of(service_tier="auto", max_tokens=9), "sonnet", host)
    assert set(msgspec.json.decode(rendered.wire.body)) == {"model", "max_tokens", "messages"}
    assert [(loss.path, loss.code) for loss in rendered.losses] == [("$.service_tier", "service_tier")]


def test_a_request_of_this_format_comes_out_as_it_went_in(target: Callable[..., Target]) -> None:
    body = (
        b'{"model":"claude-model","max_tokens":100,"system":[{"type":"text","text":"s","cache_control":'
        b'{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"q"},'
        b'{"type":"search_result","source":"s","title":"t","content":[]}]},{"role":"assistant","content":['
        b'{"type":"thinking","thinking":"hm","signature":"SIG"},{"type":"text","text":"a","citations":['
        b'{"type":"page_location","cited_text":"c"}]},{"type":"tool_use","id":"toolu_1","name":"f","input":'
        b'{"x":1.0},"caller":{"type":"direct"}}]},{"role":"user","content":[{"type":"tool_result",'
        b'"tool_use_id":"toolu_1","content":"42"},{"type":"document","source":{"type":"content","content":"d"}},'
        b'{"type":"image","source":{"type":"url","url":"https://a.example/x"},"transformations":[]}]}],'
        b'"tools":[{"name":"f","input_schema":{"type":"object"},"defer_loading":true},'
        b'{"type":"web_search_20250305","name":"web_search"}],'
        b'"tool_choice":{"type":"auto","disable_parallel_tool_use":true},"stop_sequences":["x"],"stream":true,'
        b'"thinking":{"type":"enabled","budget_tokens":50},"output_config":{"task_budget":7,"effort":"low"},'
        b'"metadata":{"user_id":"u"},"service_tier":"auto","cache_control":{"type":"ephemeral","ttl":"1h"},'
        b'"container":"c"}'
    )
    request = DIALECT.parse_request(body, Location())
    rendered = DIALECT.render_request(request, target("unknown"))
    assert rendered.losses == ()
    assert msgspec.json.decode(rendered.wire.body) == msgspec.json.decode(body)


def test_names_of_messages_are_lost(losses_of: LossesOf, request_of: RequestOf) -> None:
    message = Message(Role.USER, (Text("Hi"),), name="ann")
    assert losses_of(request_of(messages=(message,))) == ["message_name"]


def test_a_choice_without_tools_is_not_sent(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(tool_choice=ToolChoice(ToolChoiceMode.REQUIRED))
    assert "tool_choice" not in body_of(request)
    assert losses_of(request) == ["tool_choice_without_tools"]
    assert losses_of(request_of(tool_choice=ToolChoice(ToolChoiceMode.AUTO))) == []


def test_the_detail_of_pictures_is_lost_once(losses_of: LossesOf, request_of: RequestOf) -> None:
    pictures = [Image(PNG, detail=detail) for detail in (None, "auto", "low", "high")]
    assert losses_of(request_of(*pictures)) == ["image_detail"]


def test_a_tier_of_this_format_that_is_new_to_us_goes_out_as_it_came(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(dialect="anthropic", service_tier="of_the_future")
    assert body_of(request)["service_tier"] == "of_the_future"
    assert losses_of(request) == []


def test_the_answer_tool_keeps_calls_apart_as_asked(body_of: BodyOf, request_of: RequestOf) -> None:
    request = request_of(output=schema_output(), tools=(FunctionTool("f"),), parallel_tool_calls=False)
    assert body_of(request, json_schema=False)["tool_choice"] == {
        "type": "any",
        "disable_parallel_tool_use": True,
    }
