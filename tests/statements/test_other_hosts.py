"""Statements 66 to 68: reasoning as text, thinking that is bound to its prompt, and hidden reasoning; and
statement 62 once more, between two accounts of one vendor.
"""

import json
from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import answering, saying
from tests.statements.asking import CLIENTS, MODELS, A, C, G, House, R, objects
from tests.statements.thinking import (
    SECRET,
    SIGNING,
    Loop,
    asking,
    signed_answer,
    traces,
    wire_blocks,
    written_blocks,
)
from tests.statements.wishes import answered, refused

from dragoman.conformance.answer_openai_chat import documented
from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.response import StopReason
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{key}"]
[providers.deepseek]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.moonshot]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.openai]
dialect = "openai_responses"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.anthropic]
base_url = "{url}"
api_key = "{upstream_key}"
[providers.gemini]
base_url = "{url}"
api_key = "{upstream_key}"
[providers.second-anthropic]
dialect = "anthropic"
base_url = "{url}"
api_key = "{upstream_key}"
[providers.second-gemini]
dialect = "gemini"
base_url = "{url}"
api_key = "{upstream_key}"
[providers.second-openai_responses]
dialect = "openai_responses"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[routes.hidden-openai_responses]
targets = ["openai/gpt-5"]
reasoning = "hide"
[routes.hidden-anthropic]
targets = ["anthropic/claude-sonnet-4-5"]
reasoning = "hide"
[routes.hidden-gemini]
targets = ["gemini/gemini-3-pro-preview"]
reasoning = "hide"
[routes.hidden-openai_chat]
targets = ["deepseek/deepseek-reasoner"]
reasoning = "hide"
"""


@pytest.fixture(scope="module")
def hosts(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(url=fake_upstream.url, key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("hosts")) as running:
        yield running


@pytest.fixture
def others(hosts: LiveGateway, fake: FakeServer) -> House:
    """A gateway with hosts besides the makers of the formats, and routes that hide reasoning."""
    return House(hosts, fake)


both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

# --- the same vendor, another account ------------------------------------------------------------

ACCOUNTS = {
    A: ("anthropic/claude-sonnet-4-5", "second-anthropic/claude-sonnet-4-5"),
    G: ("gemini/gemini-3-pro-preview", "second-gemini/gemini-3-pro-preview"),
    R: ("openai/gpt-5", "second-openai_responses/gpt-5"),
}


@both_ways
@pytest.mark.parametrize(
    ("client", "upstream"), [(client, up) for client in CLIENTS for up in SIGNING if client != up]
)
def test_statement_062_another_account_of_the_same_vendor_gets_no_trace(
    others: House, client: str, upstream: str, stream: bool
) -> None:
    """Clients of the vendor's own format hold its signatures as they are: nobody can tell from them which
    account they are of, and they go where the client sends them.
    """
    first, second = ACCOUNTS[upstream]
    signed = signed_answer(upstream)
    others.fake.script.add(signed.response, saying("Done."))
    loop = Loop(others, client, stream=stream)
    loop.tell(loop.ask(first))
    assert loop.ask(second).text == "Done."
    assert [trace for trace in traces(signed.values) if trace in others.raw] == []
    assert SECRET.encode() not in others.raw


# --- reasoning as text ---------------------------------------------------------------------------

OPEN = ("deepseek/deepseek-chat", "moonshot/kimi-k2-thinking")
THOUGHT = f"{SECRET} I have to look."


@both_ways
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("model", OPEN)
def test_statement_066_reasoning_goes_back_with_the_call_it_led_to(
    others: House, client: str, model: str, stream: bool
) -> None:
    call = ToolCall("call_1", "look", '{"text":"1"}')
    others.fake.script.add(answering(Thinking(THOUGHT), Text("I look."), call, reason=StopReason.TOOL_CALLS))
    loop = Loop(others, client, stream=stream)
    answer = loop.ask(model)
    assert answer.text == "I look."
    loop.tell(answer)
    others.fake.script.add(saying("Done."))
    assert loop.ask(model).text == "Done."
    message = objects(others.received, "messages")[1]
    assert message["reasoning_content"] == THOUGHT
    assert message["content"] == "I look."
    assert len(objects(message, "tool_calls")) == 1


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("model", OPEN)
def test_statement_066_where_the_client_has_lost_it_an_empty_one_is_sent(
    others: House, client: str, model: str
) -> None:
    others.fake.script.add(
        answering(ToolCall("call_1", "look", '{"text":"1"}'), reason=StopReason.TOOL_CALLS), saying("Done.")
    )
    loop = Loop(others, client)
    answer = loop.ask(model)
    if client == C:
        loop.said = [documented(message) for message in answer.echo]
    loop.tell(answer)
    assert loop.ask(model).text == "Done."
    assert objects(others.received, "messages")[1]["reasoning_content"] == ""


@pytest.mark.parametrize("client", SIGNING)
def test_statement_066_hosts_that_do_not_ask_for_it_get_none(house: House, client: str) -> None:
    call = ToolCall("call_1", "look", '{"text":"1"}')
    house.fake.script.add(answering(Thinking(THOUGHT), call, reason=StopReason.TOOL_CALLS), saying("Done."))
    loop = Loop(house, client)
    loop.tell(loop.ask(MODELS[C]))
    loop.ask(MODELS[C])
    assert SECRET.encode() not in house.raw


# --- thinking bound to its prompt ----------------------------------------------------------------

BOUND = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1")
BETA = "thinking-binding-controls-2026-08-01"


def plainly(client: str, said: list[JSON], system: str) -> Object:
    """A conversation without a word about reasoning, with other instructions each time."""
    body = asking(client, *said)
    for name in ("thinking", "reasoning", "reasoning_effort", "generationConfig"):
        body.pop(name, None)
    places: dict[str, Object] = {
        C: {"messages": [{"role": "system", "content": system}, *objects(body, "messages")]}
        if client == C
        else {},
        R: {"instructions": system},
        A: {"system": system},
        G: {"systemInstruction": {"parts": [{"text": system}]}},
    }
    return body | places[client]


@both_ways
@pytest.mark.parametrize("model", BOUND)
@pytest.mark.parametrize("client", [C, R, G])
def test_statement_067_bound_thinking_is_dropped_upstream_rather_than_refused(
    house: House, client: str, model: str, stream: bool
) -> None:
    path = f"{A}/{model}"
    first = answered(
        client, house.ask(client, path, plainly(client, [], "Be brief."), stream=stream), stream=stream
    )
    assert len(first.calls) == 1
    assert "thinking" not in house.received
    loop = Loop(house, client, stream=stream)
    loop.said = [*first.echo]
    loop.tell(first)
    for system in ("Be brief.", "Be verbose."):
        before = house.count
        reply = house.ask(client, path, plainly(client, loop.said, system), stream=stream)
        assert "seen" in answered(client, reply, stream=stream).text
        assert house.count == before + 1
        thinking = house.received["thinking"]
        assert thinking == {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
        assert house.fake.script.received[-1].headers["anthropic-beta"] == BETA
        assert b'"type":"thinking"' in house.raw


def test_statement_067_a_client_of_the_format_has_its_own_say(house: House) -> None:
    path = f"{A}/{BOUND[0]}"
    first = answered(A, house.ask(A, path, plainly(A, [], "Be brief.")))
    loop = Loop(house, A)
    loop.said = [*first.echo]
    loop.tell(first)
    assert "seen" in answered(A, house.ask(A, path, plainly(A, loop.said, "Be brief."))).text
    assert "thinking" not in house.received
    told = refused(A, house.ask(A, path, plainly(A, loop.said, "Be verbose.")))
    assert "signature" in told.message.lower()


@pytest.mark.parametrize("client", [C, R, G])
@pytest.mark.parametrize("model", ["claude-opus-5", "claude-opus-4-7", "claude-sonnet-4-5"])
def test_statement_067_models_without_bound_thinking_hear_nothing_of_it(
    house: House, client: str, model: str
) -> None:
    loop = Loop(house, client)
    loop.tell(loop.ask(f"{A}/{model}"))
    loop.ask(f"{A}/{model}")
    assert b"block_binding" not in house.raw
    assert "anthropic-beta" not in house.fake.script.received[-1].headers


# --- hidden reasoning ----------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize(
    ("client", "upstream"), [(client, up) for client in CLIENTS for up in SIGNING if client != up]
)
def test_statement_068_hidden_reasoning_is_carried_and_replayed_unread(
    others: House, client: str, upstream: str, stream: bool
) -> None:
    signed = signed_answer(upstream)
    others.fake.script.add(signed.response)
    loop = Loop(others, client, stream=stream)
    model = f"hidden-{upstream}"
    reply = loop.reply(model)
    assert SECRET.encode() not in reply.body
    answer = answered(client, reply, stream=stream)
    assert (answer.text, answer.reasoning, len(answer.calls)) == ("I look twice.", "", 2)
    loop.said += answer.echo
    loop.tell(answer)
    others.fake.script.add(saying("Done."))
    assert loop.ask(model).text == "Done."
    assert wire_blocks(upstream, others.received) == written_blocks(upstream, signed.values)
    if upstream == A:
        texts = [
            str(block.get("thinking", "")) for block in objects(others.received, "messages", 1, "content")
        ]
        assert sum(SECRET in text for text in texts) == 2


@both_ways
@pytest.mark.parametrize("client", [R, A, G])
def test_statement_068_unsigned_reasoning_is_hidden_as_well(others: House, client: str, stream: bool) -> None:
    others.fake.script.add(answering(Thinking(THOUGHT), Text("Good evening.")))
    reply = others.ask(client, "hidden-openai_chat", asking(client), stream=stream)
    answer = answered(client, reply, stream=stream)
    assert (answer.text, answer.reasoning) == ("Good evening.", "")
    assert SECRET.encode() not in reply.body


@pytest.mark.parametrize("client", SIGNING)
def test_statement_068_a_client_of_the_upstreams_own_format_reads_what_it_asks_for(
    others: House, client: str
) -> None:
    """What passes through is not touched: in its own format, a client says itself whether it wants to
    read.
    """
    others.fake.script.add(signed_answer(client).response)
    assert SECRET in json.dumps(others.ask(client, f"hidden-{client}", asking(client)).object)
