"""Requests for OpenAI and the hosts that are like it: settings."""

import json

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
from dragoman.dialects.dialect import Emulation, Host, Rendered, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.models.profile import UNKNOWN, Profile

HELLO = (Message(Role.USER, (Text("hi"),)),)
REASONER = Profile(
    family="r",
    sampling="none",
    reasoning="effort",
    efforts=("low", "medium", "high"),
    reasoning_default=True,
    reasoning_off=False,
    stop_sequences=False,
    instructions_role="developer",
    max_tokens_field="max_completion_tokens",
    max_output_tokens=1000,
)
SWITCHED = Profile(
    family="s",
    sampling="unless_reasoning",
    reasoning="effort",
    efforts=("none", "low", "high"),
    reasoning_default=True,
)


def target(profile: Profile = UNKNOWN, host: Host | None = None, model: str = "up") -> Target:
    return Target("p", model, "p/x", profile, host or Host())


def request(dialect: str = "anthropic", **fields: object) -> Request:
    return msgspec.structs.replace(Request(dialect=dialect, model="asked", messages=HELLO), **fields)


def render(asked: Request, to: Target | None = None) -> Rendered:
    return DIALECT.render_request(asked, to or target())


def body(asked: Request, to: Target | None = None) -> dict[str, object]:
    return json.loads(render(asked, to).wire.body)


def lost(asked: Request, to: Target | None = None) -> list[tuple[LossKind, str]]:
    return [(loss.kind, loss.code) for loss in render(asked, to).losses]


def test_a_small_request_byte_for_byte() -> None:
    got = render(request(system=(Text("Be brief."),), max_tokens=5, sampling=Sampling(temperature=0.5)))
    assert got.wire.path == "/chat/completions"
    assert got.wire.body == (
        b'{"model":"up","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],'
        b'"max_tokens":5,"temperature":0.5}'
    )
    assert got.losses == ()
    assert got.emulation == Emulation()


def test_the_same_request_gives_the_same_bytes() -> None:
    asked = request(tools=(FunctionTool("a.b"),), metadata={"x": "y"}, stop=("a",) * 9)
    assert render(asked) == render(asked)


# --- lengths and stops ---------------------------------------------------------------------------


def test_the_field_for_the_length_is_the_models_or_the_hosts() -> None:
    assert "max_completion_tokens" in body(request(max_tokens=5), target(REASONER))
    host = Host(max_tokens_field="max_tokens")
    assert body(request(max_tokens=5), target(REASONER, host))["max_tokens"] == 5
    assert "max_completion_tokens" not in body(request(max_tokens=5), target(REASONER, host))


def test_no_more_is_asked_for_than_the_model_writes() -> None:
    assert body(request(max_tokens=5000), target(REASONER))["max_completion_tokens"] == 1000
    assert lost(request(max_tokens=5000), target(REASONER)) == [(LossKind.APPROXIMATED, "max_tokens")]


def test_up_to_four_stop_sequences_are_sent() -> None:
    assert body(request(stop=("a", "b", "c", "d")))["stop"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("stop", "to"),
    [
        (("a", "b", "c", "d", "e"), target()),
        (("a",), target(REASONER)),
        (("a",), target(host=Host(rejects=frozenset({"stop"})))),
    ],
)
def test_otherwise_the_gateway_stops_the_answer_itself(stop: tuple[str, ...], to: Target) -> None:
    got = render(request(stop=stop), to)
    assert b'"stop"' not in got.wire.body
    assert got.emulation.stop == stop
    assert [loss.code for loss in got.losses] == ["stop"]


# --- sampling ------------------------------------------------------------------------------------

EVERYTHING = Sampling(0.5, 0.9, 40, 0.1, 0.2, 7, {"5": 1.0})


def test_every_knob_but_top_k_is_openais_own() -> None:
    got = body(request(sampling=EVERYTHING))
    assert (
        got["temperature"],
        got["top_p"],
        got["presence_penalty"],
        got["frequency_penalty"],
        got["seed"],
    ) == (
        0.5,
        0.9,
        0.1,
        0.2,
        7,
    )
    assert got["logit_bias"] == {"5": 1.0}
    assert lost(request(sampling=EVERYTHING)) == [(LossKind.DROPPED, "top_k")]


def test_top_k_goes_where_the_client_wrote_it_itself() -> None:
    assert body(request("openai_chat", sampling=Sampling(top_k=40)))["top_k"] == 40


def test_models_that_always_reason_get_no_sampling() -> None:
    got = body(request(sampling=EVERYTHING), target(REASONER))
    assert got.keys() == {"model", "messages", "seed"}
    codes = [code for _, code in lost(request(sampling=EVERYTHING), target(REASONER))]
    assert codes == ["temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "top_k"]


def test_models_that_can_reason_get_sampling_only_with_reasoning_off() -> None:
    warm = Sampling(temperature=0.5)
    assert "temperature" not in body(request(sampling=warm), target(SWITCHED))
    assert "temperature" not in body(request(sampling=warm, reasoning=Reasoning("low")), target(SWITCHED))
    assert body(request(sampling=warm, reasoning=Reasoning("none")), target(SWITCHED))["temperature"] == 0.5


def test_models_that_take_one_knob_keep_the_temperature() -> None:
    one = target(Profile(family="one", sampling="one"))
    assert "top_p" not in body(request(sampling=Sampling(0.5, 0.9)), one)
    assert body(request(sampling=Sampling(top_p=0.9)), one)["top_p"] == 0.9


def test_log_probabilities() -> None:
    assert body(request(top_logprobs=0))["logprobs"] is True
    assert "top_logprobs" not in body(request(top_logprobs=0))
    assert body(request(top_logprobs=3))["top_logprobs"] == 3


def test_log_probabilities_of_a_model_that_reasons_are_refused() -> None:
    with pytest.raises(FailureError) as caught:
        render(request(top_logprobs=3), target(REASONER))
    assert caught.value.failure.param == "logprobs"


# --- reasoning -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasoning", "profile", "effort"),
    [
        (Reasoning("high"), REASONER, "high"),
        (Reasoning("xhigh"), REASONER, "high"),
        (Reasoning("max"), REASONER, "high"),
        (Reasoning("minimal"), REASONER, "low"),
        (Reasoning("none"), REASONER, "low"),
        (Reasoning("medium"), SWITCHED, "low"),
        (Reasoning("minimal"), SWITCHED, "low"),
        (Reasoning("none"), SWITCHED, "none"),
        (Reasoning(budget=0), SWITCHED, "none"),
        (Reasoning(budget=1024), REASONER, "low"),
        (Reasoning(budget=4096), REASONER, "low"),
        (Reasoning(budget=8192), REASONER, "medium"),
        (Reasoning(budget=32768), REASONER, "high"),
        (Reasoning(budget=60000), REASONER, "high"),
        (Reasoning(budget=-1), REASONER, None),
        (Reasoning(visible=True), REASONER, None),
        (Reasoning("high"), UNKNOWN, None),
        (Reasoning("none"), UNKNOWN, None),
        (Reasoning("none"), Profile(family="f", reasoning="effort", efforts=("low",)), None),
        (Reasoning("xhigh"), Profile(family="b", reasoning="budget"), "high"),
        (Reasoning("none"), Profile(family="b", reasoning="budget"), "none"),
    ],
)
def test_the_effort_is_one_that_the_model_lists(
    reasoning: Reasoning, profile: Profile, effort: str | None
) -> None:
    assert body(request(reasoning=reasoning), target(profile)).get("reasoning_effort") == effort


def test_an_effort_that_had_to_move_is_told() -> None:
    assert lost(request(reasoning=Reasoning("max")), target(REASONER)) == [
        (LossKind.APPROXIMATED, "reasoning_effort")
    ]
    assert lost(request(reasoning=Reasoning(budget=9000)), target(REASONER)) == [
        (LossKind.APPROXIMATED, "reasoning_budget")
    ]
    assert lost(request(reasoning=Reasoning("high"))) == [(LossKind.DROPPED, "reasoning")]


def test_a_client_of_this_dialect_knows_models_that_we_do_not() -> None:
    assert body(request("openai_chat", reasoning=Reasoning("high")))["reasoning_effort"] == "high"


def test_the_clients_own_switch_goes_where_no_effort_is_taken() -> None:
    switch = Opaque("openai_chat", "thinking", b'{"type":"disabled"}')
    asked = request("openai_chat", reasoning=Reasoning("none", opaque=(switch,)))
    assert body(asked)["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body(asked)
    assert "thinking" not in body(asked, target(SWITCHED))


# --- the form of the answer ----------------------------------------------------------------------

SCHEMA = (
    b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
)


def test_a_schema_is_sent_as_it_is() -> None:
    output = OutputFormat(OutputMode.JSON_SCHEMA, b'{ "type":"object" }', "my form", "d", strict=False)
    raw = render(request(output=output)).wire.body
    assert (
        b'"response_format":{"type":"json_schema","json_schema":{"name":"my_form","description":"d",'
        b'"schema":{ "type":"object" },"strict":false}}'
    ) in raw


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (SCHEMA, True),
        (b'{"type":"object"}', False),
        (b'{"type":"object","additionalProperties":false}', True),
        (SCHEMA.replace(b'["a"]', b"[]"), False),
        (SCHEMA.replace(b'{"type":"string"}', b'{"type":"string","minLength":1}'), False),
        (SCHEMA.replace(b'{"type":"string"}', b'{"type":"object"}'), False),
        (SCHEMA.replace(b'{"type":"string"}', b'{"type":["object","null"]}'), False),
        (SCHEMA.replace(b'{"type":"string"}', b'{"anyOf":[{"type":"string"},{"type":"null"}]}'), True),
        (SCHEMA.replace(b'{"type":"string"}', b'{"type":"array","items":{"$ref":"#"}}'), True),
        (b'{"type":"object","properties":[],"required":{}}', False),
    ],
)
def test_a_schema_of_another_vendor_is_strict_where_openai_takes_it_so(schema: bytes, strict: bool) -> None:
    form = body(request(output=OutputFormat(OutputMode.JSON_SCHEMA, schema)))["response_format"]
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": json.loads(schema), "strict": strict},
    }


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
def test_a_schema_that_breaks_the_rules_for_strict_ones_is_a_guide_only(dialect: str) -> None:
    output = OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA.replace(b'["a"]', b"[]"), strict=True)
    asked = request(dialect, output=output)
    assert body(asked)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": json.loads(output.schema or b""), "strict": False},
    }
    assert lost(asked) == [(LossKind.APPROXIMATED, "strict")]


def test_a_schema_for_no_object_is_wrapped_where_openai_would_refuse_it() -> None:
    listed = {"type": "array", "items": {"type": "string"}}
    output = OutputFormat(OutputMode.JSON_SCHEMA, json.dumps(listed).encode())
    assert body(request(output=output))["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "response",
            "schema": {
                "type": "object",
                "properties": {"value": listed},
                "required": ["value"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
    assert render(request(output=output)).emulation.wrapped_in == "value"
    assert lost(request(output=output)) == [(LossKind.EMULATED, "schema_wrapped")]
    own = request("openai_chat", output=output)
    assert body(own)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": listed},
    }
    assert render(own).emulation.wrapped_in is None


def test_our_own_clients_say_themselves_whether_it_is_strict() -> None:
    form = body(request("openai_chat", output=OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA, "n")))[
        "response_format"
    ]
    assert form == {"type": "json_schema", "json_schema": {"name": "n", "schema": json.loads(SCHEMA)}}


def test_a_model_without_schemas_gets_it_in_words() -> None:
    asked = request(system=(Text("Be brief."),), output=OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA))
    got = body(asked, target(Profile(family="d", json_schema=False)))
    assert got["response_format"] == {"type": "json_object"}
    assert SCHEMA.decode() in json.loads(json.dumps(got["messages"]))[0]["content"][1]["text"]


def test_a_model_that_takes_no_schema_beside_tools_gets_it_in_words() -> None:
    asked = request(tools=(FunctionTool("f"),), output=OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA))
    got = render(asked, target(Profile(family="d", tools_with_schema=False)))
    assert b"response_format" not in got.wire.body
    assert [loss.code for loss in got.losses] == ["json_schema"]


def test_json_is_mentioned_for_clients_that_need_not() -> None:
    output = OutputFormat(OutputMode.JSON_OBJECT)
    assert body(request(output=output))["messages"] == [
        {"role": "system", "content": "Answer with one JSON object only."},
        {"role": "user", "content": "hi"},
    ]
    assert lost(request(output=output)) == [(LossKind.EMULATED, "json_mention")]
    assert lost(request(output=output, system=(Text("Use JSON."),))) == []
    assert lost(request("openai_chat", output=output)) == []
    assert body(request(output=OutputFormat(OutputMode.TEXT)))["response_format"] == {"type": "text"}


# --- identity, streams, extras -------------------------------------------------------------------


def test_a_long_name_of_the_end_user_is_hashed() -> None:
    assert body(request(user="u" * 64))["user"] == "u" * 64
    hashed = body(request(user="u" * 65))["user"]
    assert isinstance(hashed, str)
    assert len(hashed) == 64
    assert hashed != "u" * 64


def test_the_end_user_keeps_the_field_that_the_client_used() -> None:
    extras = (Opaque("openai_chat", "safety_identifier", b'"s"'),)
    got = body(request("openai_chat", user="s", extras=extras))
    assert got["safety_identifier"] == "s"
    assert "user" not in got


@pytest.mark.parametrize(
    ("dialect", "tier", "wire"),
    [
        ("openai_chat", "flex", "flex"),
        ("openai_chat", "novel", "novel"),
        ("anthropic", "auto", "auto"),
        ("anthropic", "standard_only", "default"),
        ("gemini", "standard", "default"),
        ("gemini", "novel", None),
    ],
)
def test_service_tiers(dialect: str, tier: str, wire: str | None) -> None:
    assert body(request(dialect, service_tier=tier)).get("service_tier") == wire


def test_labels_are_for_our_own_clients() -> None:
    assert body(request("openai_chat", metadata={"a": "b"}))["metadata"] == {"a": "b"}
    assert lost(request(metadata={"a": "b"})) == [(LossKind.DROPPED, "metadata")]


def test_a_stream_tells_its_usage_where_the_host_can() -> None:
    assert body(request(stream=True))["stream_options"] == {"include_usage": True}
    got = body(request(stream=True), target(host=Host(stream_options=False)))
    assert got["stream"] is True
    assert "stream_options" not in got
    assert "stream" not in body(request())


def test_several_answers() -> None:
    assert body(request(candidates=3))["n"] == 3
    for to in (target(Profile(family="f", candidates=False)), target(host=Host(rejects=frozenset({"n"})))):
        got = render(request(candidates=3), to)
        assert got.emulation.fan_out == 3
        assert b'"n"' not in got.wire.body
        assert [loss.code for loss in got.losses] == ["n"]


def test_our_own_clients_extras_come_back_and_others_are_dropped() -> None:
    extras = (Opaque("openai_chat", "store", b" false"), Opaque("gemini", "safetySettings", b"[]"))
    got = render(request("openai_chat", extras=extras))
    assert b'"store": false' in got.wire.body
    assert [(loss.kind, loss.code) for loss in got.losses] == [(LossKind.DROPPED, "unknown_field")]


def test_an_extra_never_overrides_what_was_rendered() -> None:
    extras = (Opaque("openai_chat", "model", b'"other"'),)
    assert body(request("openai_chat", extras=extras))["model"] == "up"


def test_the_whole_prompts_cache_mark_is_for_our_own_clients() -> None:
    assert body(request("openai_chat", cache=CacheMark("1h")))["cache_control"] == {
        "type": "ephemeral",
        "ttl": "1h",
    }
    assert "cache_control" not in body(request(cache=CacheMark()))
    assert [loss.path for loss in render(request(cache=CacheMark())).losses] == ["$.cache_control"]


def test_verbosity() -> None:
    assert body(request("openai_chat", verbosity="low"))["verbosity"] == "low"


def test_what_a_host_refuses_is_not_sent() -> None:
    asked = request(sampling=Sampling(seed=5), top_logprobs=2, user="u")
    to = target(host=Host(rejects=frozenset({"seed", "user", "logprobs", "not_there"})))
    assert body(asked, to).keys() == {"model", "messages"}
    assert {code for _, code in lost(asked, to)} == {"seed", "user", "logprobs", "top_logprobs"}


def test_a_model_that_refuses_penalties_and_high_temperatures_gets_neither() -> None:
    sampling = Sampling(temperature=1.8, presence_penalty=0.5, frequency_penalty=0.0)
    asked = request(sampling=sampling)
    picky = target(profile=Profile(family="picky", penalties=False, max_temperature=1.5))
    got = body(asked, picky)
    assert got["temperature"] == 1.5
    assert not got.keys() & {"presence_penalty", "frequency_penalty"}
    assert lost(asked, picky) == [
        (LossKind.DROPPED, "presence_penalty"),
        (LossKind.APPROXIMATED, "temperature"),
    ]
