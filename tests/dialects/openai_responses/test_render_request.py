"""Requests for OpenAI's Responses and the hosts that are like it: settings."""

import json
from typing import Any

import msgspec
import pytest

from dragoman.conversation.blocks import CacheMark, Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.loss import LossKind
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
)
from dragoman.dialects.dialect import Emulation, Host, Location, Rendered, Target
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.render_request import render_request
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN, Profile

HELLO = (Message(Role.USER, (Text("hi"),)),)
ENCRYPTED = ["reasoning.encrypted_content"]
REASONER = Profile(
    family="r",
    sampling="none",
    reasoning="effort",
    efforts=("low", "medium", "high"),
    reasoning_default=True,
    reasoning_off=False,
    max_output_tokens=1000,
)
SWITCHED = Profile(
    family="s",
    sampling="unless_reasoning",
    reasoning="effort",
    efforts=("none", "low", "high"),
    reasoning_default=True,
)
ONLY_HERE = msgspec.structs.replace(REASONER, chat_tools="never")
PLAIN = Profile(family="gpt-4o")


def target(profile: Profile = UNKNOWN, host: Host | None = None) -> Target:
    return Target("p", "up", "p/x", profile, host or Host())


def request(dialect: str = "anthropic", **fields: object) -> Request:
    return msgspec.structs.replace(Request(dialect=dialect, model="asked", messages=HELLO), **fields)


def render(asked: Request, to: Target | None = None) -> Rendered:
    return render_request(asked, to or target())


def body(asked: Request, to: Target | None = None) -> dict[str, Any]:
    return json.loads(render(asked, to).wire.body)


def lost(rendered: Rendered) -> set[tuple[str, str]]:
    return {(loss.path, loss.code) for loss in rendered.losses}


def own(**members: object) -> Request:
    """A request of a client of this format."""
    return parse_request(json.dumps({"model": "asked", "input": "hi", **members}).encode(), Location())


def chat(**members: object) -> Request:
    """A request of a client of Chat Completions."""
    asked = {"model": "asked", "messages": [{"role": "user", "content": "hi"}], **members}
    return DIALECTS["openai_chat"].parse_request(json.dumps(asked).encode(), Location())


def chat_body(asked: Request) -> dict[str, Any]:
    """A request as Chat Completions has it."""
    return json.loads(DIALECTS["openai_chat"].render_request(asked, target()).wire.body)


def test_the_least_that_is_sent() -> None:
    rendered = render(request())
    assert rendered.wire.path == "/responses"
    assert json.loads(rendered.wire.body) == {
        "model": "up",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "store": False,
        "include": ENCRYPTED,
    }
    assert (rendered.losses, rendered.emulation) == ((), Emulation())


# --- instructions --------------------------------------------------------------------------------


def test_instructions_of_text_are_a_string() -> None:
    got = body(request(system=(Text("a"), Text("b"))))
    assert got["instructions"] == "a\n\nb"
    assert len(got["input"]) == 1


def test_instructions_with_marks_for_the_cache_are_an_item() -> None:
    mark = (Opaque("openai_chat", "prompt_cache_breakpoint", b'{"mode":"explicit"}'),)
    got = body(request("openai_chat", system=(Text("a", cache=CacheMark(), opaque=mark), Text("b"))))
    assert "instructions" not in got
    assert got["input"][0] == {
        "type": "message",
        "role": "developer",
        "content": [
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "input_text", "text": "b"},
        ],
    }


def test_cache_marks_of_other_vendors_are_left_out_of_the_instructions() -> None:
    rendered = render(request(system=(Text("a", cache=CacheMark("1h")),)))
    assert json.loads(rendered.wire.body)["instructions"] == "a"
    assert lost(rendered) == {("$..cache_control", "cache_control")}
    assert lost(render(request(cache=CacheMark()))) == {("$.cache_control", "cache_control")}


# --- storage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "gemini"])
def test_nothing_is_kept_upstream_for_other_clients(dialect: str) -> None:
    got = body(request(dialect))
    assert (got["store"], got["include"]) == (False, ENCRYPTED)


def test_a_model_that_never_reasons_is_not_asked_for_its_reasoning() -> None:
    got = body(request(reasoning=Reasoning(visible=True)), target(PLAIN))
    assert "include" not in got
    assert "reasoning" not in got


def test_the_clients_own_say_about_storage_stands() -> None:
    assert "store" not in body(own())
    assert body(own(store=False))["store"] is False
    assert body(chat(store=True))["store"] is True


def test_include_keeps_what_the_client_asked_for() -> None:
    got = body(own(include=["file_search_call.results", "reasoning.encrypted_content"], top_logprobs=2))
    assert got["include"] == [*ENCRYPTED, "message.output_text.logprobs", "file_search_call.results"]


# --- length and sampling -------------------------------------------------------------------------


def test_the_limit_of_the_answer_has_its_own_name() -> None:
    assert body(request(max_tokens=100))["max_output_tokens"] == 100


@pytest.mark.parametrize("limit", [1, 15])
def test_a_limit_below_the_smallest_is_raised_with_a_loss(limit: int) -> None:
    rendered = render(request(max_tokens=limit))
    assert json.loads(rendered.wire.body)["max_output_tokens"] == 16
    assert [(loss.kind, loss.path) for loss in rendered.losses] == [(LossKind.APPROXIMATED, "$.max_tokens")]


def test_a_limit_above_the_models_is_lowered_with_a_loss() -> None:
    rendered = render(request(max_tokens=5000), target(REASONER))
    assert json.loads(rendered.wire.body)["max_output_tokens"] == 1000
    assert lost(rendered) == {("$.max_tokens", "max_tokens")}


def test_temperature_and_top_p_go_where_the_model_takes_them() -> None:
    asked = request(sampling=Sampling(temperature=1.5, top_p=0.5))
    assert (body(asked)["temperature"], body(asked)["top_p"]) == (1.5, 0.5)
    assert lost(render(asked, target(REASONER))) == {("$.temperature", "temperature"), ("$.top_p", "top_p")}
    off = msgspec.structs.replace(asked, reasoning=Reasoning("none"))
    assert "temperature" in body(off, target(SWITCHED))
    assert "temperature" not in body(asked, target(SWITCHED))
    cool = render(asked, target(Profile(family="c", max_temperature=1.0)))
    assert json.loads(cool.wire.body)["temperature"] == 1.0
    assert lost(cool) == {("$.temperature", "temperature")}
    one = render(asked, target(Profile(family="o", sampling="one")))
    assert lost(one) == {("$.top_p", "top_p")}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("top_k", 5),
        ("presence_penalty", 0.5),
        ("frequency_penalty", 0.5),
        ("seed", 7),
        ("logit_bias", {"50256": -100.0}),
    ],
)
def test_knobs_that_are_not_there_are_dropped_with_a_loss(field: str, value: object) -> None:
    sampling = msgspec.structs.replace(Sampling(), **{field: value})
    rendered = render(request("openai_chat", sampling=sampling))
    assert field not in json.loads(rendered.wire.body)
    assert [(loss.kind, loss.path) for loss in rendered.losses] == [(LossKind.DROPPED, f"$.{field}")]


def test_a_prediction_is_dropped_with_a_loss() -> None:
    rendered = render(chat(prediction={"type": "content", "content": "x"}))
    assert b"prediction" not in rendered.wire.body
    assert lost(rendered) == {("$.prediction", "unknown_field")}


def test_sound_cannot_be_asked_for() -> None:
    with pytest.raises(FailureError) as caught:
        render(chat(modalities=["text", "audio"], audio={"format": "wav", "voice": "x"}))
    assert caught.value.failure.param == "modalities"


def test_log_probabilities_are_asked_for_by_include_too() -> None:
    got = body(request("openai_chat", top_logprobs=0))
    assert (got["top_logprobs"], got["include"]) == (0, [*ENCRYPTED, "message.output_text.logprobs"])


@pytest.mark.parametrize(("dialect", "param"), [("openai_chat", "logprobs"), (NAME, "top_logprobs")])
def test_log_probabilities_are_refused_while_the_model_reasons(dialect: str, param: str) -> None:
    with pytest.raises(FailureError) as caught:
        render(request(dialect, top_logprobs=2), target(REASONER))
    assert caught.value.failure.param == param


# --- what the gateway does itself ----------------------------------------------------------------


def test_stop_sequences_are_always_the_gateways() -> None:
    rendered = render(request(stop=("END",)))
    assert b"stop" not in rendered.wire.body
    assert rendered.emulation == Emulation(stop=("END",))
    assert [(loss.kind, loss.path) for loss in rendered.losses] == [(LossKind.EMULATED, "$.stop")]


def test_several_answers_are_several_requests() -> None:
    rendered = render(request(candidates=3))
    assert rendered.emulation == Emulation(fan_out=3)
    assert [(loss.kind, loss.path) for loss in rendered.losses] == [(LossKind.EMULATED, "$.n")]
    assert "n" not in json.loads(rendered.wire.body)


# --- reasoning -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "profile", "wanted"),
    [
        (Reasoning("high"), REASONER, {"effort": "high"}),
        (Reasoning("max"), REASONER, {"effort": "high"}),
        (Reasoning("none"), REASONER, {"effort": "low"}),
        (Reasoning("none"), SWITCHED, {"effort": "none"}),
        (Reasoning("max"), ONLY_HERE, {"effort": "max"}),
        (Reasoning(budget=8000, visible=True), REASONER, {"effort": "medium", "summary": "auto"}),
        (Reasoning(visible=True), REASONER, {"summary": "auto"}),
        (Reasoning(visible=False), REASONER, None),
        (Reasoning("high", visible=True), PLAIN, None),
        (Reasoning("high"), UNKNOWN, None),
    ],
)
def test_reasoning_is_asked_for_in_words_that_the_model_lists(
    asked: Reasoning, profile: Profile, wanted: object
) -> None:
    assert body(request(reasoning=asked), target(profile)).get("reasoning") == wanted


def test_the_clients_own_reasoning_goes_back_whole() -> None:
    asked = {"effort": "high", "summary": "detailed", "context": "all_turns", "mode": "pro"}
    assert body(own(reasoning=asked), target(REASONER))["reasoning"] == asked
    assert body(own(reasoning=asked))["reasoning"] == asked


# --- the form of the answer ----------------------------------------------------------------------

STRICT = b'{"type":"object","properties":{},"required":[],"additionalProperties":false}'


def test_a_schema_is_flat_and_named() -> None:
    output = OutputFormat(OutputMode.JSON_SCHEMA, STRICT, "my form", "d", strict=True)
    assert body(request("openai_chat", output=output, verbosity="low"))["text"] == {
        "format": {
            "type": "json_schema",
            "name": "my_form",
            "description": "d",
            "schema": json.loads(STRICT),
            "strict": True,
        },
        "verbosity": "low",
    }


@pytest.mark.parametrize(("dialect", "strict"), [("openai_chat", False), ("anthropic", True), (NAME, None)])
def test_strictness_that_is_not_said_is_what_it_means_to_the_client(
    dialect: str, strict: bool | None
) -> None:
    output = OutputFormat(OutputMode.JSON_SCHEMA, STRICT)
    form = body(request(dialect, output=output))["text"]["format"]
    assert (form["name"], form.get("strict")) == ("response", strict)


def test_a_list_is_wrapped_for_clients_that_may_ask_for_one() -> None:
    output = OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"array","items":{"type":"string"}}')
    rendered = render(request("gemini", output=output))
    assert rendered.emulation.wrapped_in is not None
    assert json.loads(rendered.wire.body)["text"]["format"]["schema"]["type"] == "object"


def test_a_model_without_schemas_is_told_in_words() -> None:
    output = OutputFormat(OutputMode.JSON_SCHEMA, STRICT)
    rendered = render(request(output=output), target(Profile(family="x", json_schema=False)))
    got = json.loads(rendered.wire.body)
    assert got["text"]["format"] == {"type": "json_object"}
    assert "JSON Schema" in got["input"][0]["content"]
    assert lost(rendered) == {("$.response_format", "json_schema")}


def test_the_input_says_json_where_the_answer_has_to_be() -> None:
    output = OutputFormat(OutputMode.JSON_OBJECT)
    told = body(request("gemini", output=output, system=(Text("be brief"),)))
    assert "JSON" in told["input"][0]["content"][1]["text"]
    said = body(request("openai_chat", output=output, system=(Text("answer in json"),)))
    assert said["input"][0]["content"] == "answer in json"
    assert "instructions" not in said
    assert body(request(NAME, output=output, system=(Text("a"),)))["instructions"] == "a"


# --- who asks ------------------------------------------------------------------------------------


def test_long_user_ids_are_hashed() -> None:
    assert body(request(user="u" * 64))["user"] == "u" * 64
    hashed = body(request(user="u" * 65))["user"]
    assert len(hashed) == 64
    assert hashed != "u" * 64


def test_service_tiers_have_this_formats_words() -> None:
    assert body(request(service_tier="standard_only"))["service_tier"] == "default"
    assert body(own(service_tier="ultrafast"))["service_tier"] == "ultrafast"
    assert lost(render(request(service_tier="warp"))) == {("$.service_tier", "service_tier")}


def test_metadata_of_other_vendors_is_dropped() -> None:
    assert lost(render(request(metadata={"a": "b"}))) == {("$.metadata", "metadata")}


SHARED: dict[str, object] = {
    "store": True,
    "metadata": {"a": "b"},
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "safety_identifier": "who",
    "moderation": {"model": "m"},
    "service_tier": "flex",
    "user": "u",
}


@pytest.mark.parametrize("field", SHARED)
def test_fields_of_both_of_openais_formats_survive_between_them(field: str) -> None:
    there = render(chat(**{field: SHARED[field]}))
    assert json.loads(there.wire.body)[field] == SHARED[field]
    back = own(**{field: SHARED[field]})
    assert chat_body(back)[field] == SHARED[field]
    assert there.losses == DIALECTS["openai_chat"].render_request(back, target()).losses == ()


def test_not_to_keep_goes_without_saying_in_chat_completions() -> None:
    rendered = DIALECTS["openai_chat"].render_request(own(store=False, stream_options={}), target())
    assert b"store" not in rendered.wire.body
    assert rendered.losses == ()


def test_fields_of_this_format_alone_go_back_to_it() -> None:
    extras = {"truncation": "auto", "max_tool_calls": 3, "background": True, "future": {"b": 1.0}}
    got = body(own(**extras))
    assert {name: got[name] for name in extras} == extras


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "gemini"])
@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "compaction", "encrypted_content": "x"}]}, "input[0]"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "name": "f", "async": True}]}, "tools[0].async"),
    ],
)
def test_what_only_the_serving_side_has_is_refused_elsewhere(
    dialect: str, members: dict[str, object], param: str
) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECTS[dialect].render_request(own(**members), target())
    assert caught.value.failure.param == param
    assert f"'{param}'" in caught.value.failure.message


@pytest.mark.parametrize("dialect", ["anthropic", "gemini"])
def test_files_that_openai_keeps_are_refused_elsewhere(dialect: str) -> None:
    asked = own(input=[{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}])
    with pytest.raises(FailureError) as caught:
        DIALECTS[dialect].render_request(asked, target())
    assert caught.value.failure.param == "input[0].content[0]"
    assert chat_body(asked)["messages"][0]["content"] == [{"type": "file", "file": {"file_id": "f"}}]


def test_a_host_is_not_sent_what_it_refuses() -> None:
    rendered = render(request(user="u"), target(host=Host(rejects=frozenset({"user", "include"}))))
    assert json.loads(rendered.wire.body).keys() == {"model", "input", "store"}
    assert lost(rendered) == {("$.user", "user"), ("$.include", "include")}


def test_a_stream_is_asked_for() -> None:
    assert body(request(stream=True))["stream"] is True


def test_the_clients_settings_cost_nothing_where_everything_can_be_said() -> None:
    tools = (FunctionTool("f", None, STRICT, strict=True),)
    rendered = render(request("openai_chat", tools=tools, max_tokens=100, user="u", verbosity="low"))
    assert rendered.losses == ()
