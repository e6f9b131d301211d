"""The fake as OpenAI Responses: answers of every kind, what is kept, and how it is gone on from."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import Citation, Refusal, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.exchange import Answer, Ending, json_answer
from dragoman.testing.grammar import openai_responses as grammar
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.kept import MOST_KEPT
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.signatures import issue_signature

Ask = Callable[..., Object]

WEATHER: Object = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def call(
    provider: FakeProvider,
    body: Object | None,
    path: str = "/v1/responses",
    method: str = "POST",
    query: str = "",
) -> Answer:
    headers = {"content-type": "application/json"}
    return provider.answer(method, path, query, headers, b"" if body is None else msgspec.json.encode(body))


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def ask(provider: FakeProvider) -> Ask:
    """A whole answer that keeps the grammar; the streamed one is held against it, too."""

    def run(given: JSON, **fields: JSON) -> Object:
        body: Object = {"model": "gpt-4o", "input": given, **fields}
        streamed = call(provider, {**body, "stream": True, "store": False})
        assert grammar.check_stream(streamed.body) == []
        answer = call(provider, body)
        assert answer.status == 200, answer.body
        assert grammar.check_response(answer.body) == []
        return decode_object(answer.body)

    return run


def output(answer: Object) -> list[Object]:
    items = answer["output"]
    assert isinstance(items, list)
    return [item for item in items if isinstance(item, dict)]


def text_of(answer: Object) -> str:
    content = output(answer)[-1]["content"]
    assert isinstance(content, list)
    assert isinstance(content[0], dict)
    return str(content[0].get("text", content[0].get("refusal")))


def test_a_plain_question_gets_a_message(ask: Ask) -> None:
    answer = ask("Say hello")

    assert [item["type"] for item in output(answer)] == ["message"]
    assert text_of(answer) == "hello"
    assert answer["status"] == "completed"


def test_a_reasoning_model_gives_an_item_that_shows_nothing_by_itself(ask: Ask) -> None:
    answer = ask("Say hello", model="gpt-5")

    item = output(answer)[0]
    assert (item["type"], item["summary"]) == ("reasoning", [])
    assert "encrypted_content" not in item
    usage = answer["usage"]
    assert isinstance(usage, dict)
    assert usage["output_tokens_details"] != {"reasoning_tokens": 0}


def test_reasoning_has_a_summary_and_is_encrypted_where_that_is_asked_for(ask: Ask) -> None:
    answer = ask(
        "Say hello",
        model="gpt-5",
        reasoning={"summary": "auto"},
        include=["reasoning.encrypted_content"],
    )

    item = output(answer)[0]
    assert item["summary"]
    assert item["encrypted_content"]


def test_encrypted_reasoning_is_taken_back_and_altered_is_not(provider: FakeProvider, ask: Ask) -> None:
    question: Object = {"role": "user", "content": "weather in Paris"}
    fields: Object = {
        "model": "gpt-5",
        "tools": [WEATHER],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    items = output(ask([question], **fields))
    assert [item["type"] for item in items] == ["reasoning", "function_call"]
    result: Object = {"type": "function_call_output", "call_id": items[1]["call_id"], "output": "21"}

    answer = ask([question, *items, result], **fields)
    assert text_of(answer) == "get_weather answered: 21"

    altered = {**items[0], "encrypted_content": "x" + str(items[0]["encrypted_content"])}
    refused = call(provider, {**fields, "input": [question, altered, items[1], result]})
    assert refused.status == 400
    assert b"invalid_encrypted_content" in refused.body


def test_several_names_give_parallel_calls(ask: Ask) -> None:
    items = output(ask("weather in Paris and London", tools=[WEATHER]))

    assert [item["type"] for item in items] == ["function_call", "function_call"]
    assert len({str(item["call_id"]) for item in items}) == 2


def test_a_custom_tool_is_called_with_free_text(ask: Ask) -> None:
    items = output(ask("take a note", tools=[{"type": "custom", "name": "note"}]))

    assert (items[0]["type"], items[0]["name"], items[0]["input"]) == (
        "custom_tool_call",
        "note",
        "take a note",
    )


def test_a_refusal_is_a_part_of_its_own(ask: Ask) -> None:
    answer = ask("Refuse")

    content = output(answer)[0]["content"]
    assert isinstance(content, list)
    assert isinstance(content[0], dict)
    assert content[0]["type"] == "refusal"


def test_an_answer_beyond_the_limit_is_incomplete(ask: Ask) -> None:
    answer = ask("Count to 500", max_output_tokens=16)

    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


# what is kept


def test_an_answer_is_kept_and_can_be_gone_on_from(provider: FakeProvider, ask: Ask) -> None:
    question = ask("weather in Paris", model="gpt-5", tools=[WEATHER])
    item = output(question)[-1]

    answer = ask(
        [{"type": "function_call_output", "call_id": item["call_id"], "output": "21"}],
        model="gpt-5",
        tools=[WEATHER],
        previous_response_id=question["id"],
    )

    assert text_of(answer) == "get_weather answered: 21"
    assert answer["previous_response_id"] == question["id"]
    assert decode_object(call(provider, None, f"/v1/responses/{answer['id']}", "GET").body) == answer


def test_a_streamed_answer_is_kept_too(provider: FakeProvider) -> None:
    answer = call(provider, {"model": "gpt-4o", "input": "Say hello", "stream": True})
    first = decode_object(answer.chunks[0].data.partition(b"data: ")[2])["response"]
    assert isinstance(first, dict)

    kept = decode_object(call(provider, None, f"/v1/responses/{first['id']}", "GET").body)

    assert kept["status"] == "completed"
    assert text_of(kept) == "hello"


def test_an_answer_that_is_not_to_be_kept_is_not(provider: FakeProvider, ask: Ask) -> None:
    answer = ask("Say hello", store=False)

    found = call(provider, None, f"/v1/responses/{answer['id']}", "GET")
    refused = call(provider, {"model": "gpt-4o", "input": "And?", "previous_response_id": str(answer["id"])})

    assert found.status == 404
    assert decode_object(found.body)["error"] == {
        "message": f"Response with id '{answer['id']}' not found.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    assert refused.status == 400
    assert decode_object(refused.body)["error"] == {
        "message": f"Previous response with id '{answer['id']}' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }


def test_a_deleted_answer_is_gone(provider: FakeProvider, ask: Ask) -> None:
    path = f"/v1/responses/{ask('Say hello')['id']}"

    deleted = decode_object(call(provider, None, path, "DELETE").body)

    assert deleted["deleted"] is True
    assert call(provider, None, path, "GET").status == 404
    assert call(provider, None, path, "DELETE").status == 404


def test_a_finished_answer_cannot_be_cancelled(provider: FakeProvider, ask: Ask) -> None:
    answer = call(provider, {}, f"/v1/responses/{ask('Say hello')['id']}/cancel")

    assert answer.status == 400
    assert b"Cannot cancel a synchronous response." in answer.body


def test_input_items_come_in_pages_the_latest_first(provider: FakeProvider, ask: Ask) -> None:
    first = ask("Say one")
    second = ask("Say two", previous_response_id=first["id"])
    path = f"/v1/responses/{second['id']}/input_items"

    whole = decode_object(call(provider, None, path, "GET").body)
    page = decode_object(call(provider, None, path, "GET", "limit=2&order=asc").body)
    rest = decode_object(call(provider, None, path, "GET", f"order=asc&after={page['last_id']}").body)

    assert isinstance(whole["data"], list)
    assert len(whole["data"]) == 3
    assert isinstance(page["data"], list)
    assert isinstance(rest["data"], list)
    assert page["has_more"] is True
    assert rest["has_more"] is False
    assert [*page["data"], *rest["data"]] == list(reversed(whole["data"]))
    assert call(provider, None, path, "GET", "limit=101").status == 400


def test_items_may_be_named_instead_of_sent(provider: FakeProvider, ask: Ask) -> None:
    item = output(ask("Say one"))[0]

    known = call(
        provider,
        {
            "model": "gpt-4o",
            "input": [{"type": "item_reference", "id": item["id"]}, {"role": "user", "content": "Say two"}],
        },
    )
    unknown = call(provider, {"model": "gpt-4o", "input": [{"type": "item_reference", "id": "msg_0"}]})

    assert known.status == 200
    assert unknown.status == 404
    assert b"Item with id 'msg_0' not found." in unknown.body


def test_reasoning_that_is_neither_kept_nor_encrypted_is_refused(provider: FakeProvider) -> None:
    reasoning: Object = {"type": "reasoning", "id": "rs_0", "summary": []}
    answer = call(provider, {"model": "gpt-5", "input": [reasoning, {"role": "assistant", "content": "Hi"}]})

    assert answer.status == 404
    assert b"Items are not persisted when `store` is set to false." in answer.body


def test_a_kept_item_stays_with_its_reasoning(provider: FakeProvider, ask: Ask) -> None:
    question: Object = {"role": "user", "content": "Say one"}
    reasoning, message = output(ask([question], model="gpt-5"))

    apart = call(provider, {"model": "gpt-5", "input": [question, message, question]})
    together = call(provider, {"model": "gpt-5", "input": [question, reasoning, message, question]})

    assert apart.status == 400
    assert decode_object(apart.body)["error"] == {
        "message": f"Item '{message['id']}' of type 'message' was provided without its required 'reasoning' "
        f"item: '{reasoning['id']}'.",
        "type": "invalid_request_error",
        "param": "input",
        "code": None,
    }
    assert together.status == 200


def test_conversations_and_prompts_are_never_found(provider: FakeProvider) -> None:
    conversation = call(provider, {"model": "gpt-4o", "input": "Hi", "conversation": "conv_1"})
    prompt = call(provider, {"prompt": {"id": "pmpt_1"}})

    assert (conversation.status, prompt.status) == (404, 404)
    assert b"Conversation with id 'conv_1' not found." in conversation.body
    assert b"Prompt with id 'pmpt_1' not found." in prompt.body


def test_only_the_latest_answers_are_kept(provider: FakeProvider) -> None:
    bodies = [
        call(provider, {"model": "gpt-4o", "input": f"Say {number}"}).body for number in range(MOST_KEPT + 1)
    ]

    first, last = decode_object(bodies[0])["id"], decode_object(bodies[-1])["id"]
    assert call(provider, None, f"/v1/responses/{first}", "GET").status == 404
    assert call(provider, None, f"/v1/responses/{last}", "GET").status == 200


# scripted answers

SIGNED = Signature("openai_responses", "", f"rs_abc {issue_signature('openai_responses', 'gpt-5')}")
EVERYTHING = Response(
    "",
    "",
    (
        Choice(
            0,
            (
                Thinking("I think.", SIGNED),
                Unknown(
                    "openai_responses",
                    "web_search_call",
                    b'{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}}',
                    server_side=True,
                ),
                Text("See there.", (Citation("https://example.com", "There", start=4, end=9),)),
                ToolCall("call_1", "get_weather", '{"city":"Paris"}'),
                ToolCall("call_2", "note", "free text", custom=True),
            ),
            Stop(StopReason.TOOL_CALLS),
        ),
    ),
    usage=Usage(input=10, output=20, cache_read=5, cache_write=0, reasoning=4),
)
DECLINED = Response("", "", (Choice(0, (Refusal("No."),), Stop(StopReason.REFUSAL)),))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("response", [EVERYTHING, DECLINED])
def test_blocks_of_every_kind_can_be_laid_out(
    provider: FakeProvider, response: Response, stream: bool
) -> None:
    provider.script.add(response)

    answer = call(provider, {"model": "gpt-5", "input": "Hi", "stream": stream})

    assert answer.status == 200
    check = grammar.check_stream if stream else grammar.check_response
    assert check(answer.body) == []


def test_a_stream_breaks_off_as_it_is_laid_out(provider: FakeProvider) -> None:
    provider.script.add(
        Scripted(EVERYTHING, frames=4, ending=Ending.RESET, delay=0.5, pace=0.25),
        Scripted(EVERYTHING, frames=4, failure=Failure(FailureKind.OVERLOADED, "Too busy.")),
    )
    body: Object = {"model": "gpt-5", "input": "Hi", "stream": True}

    cut, failed = call(provider, body), call(provider, body)

    assert (len(cut.chunks), cut.ending) == (4, Ending.RESET)
    assert [chunk.delay for chunk in cut.chunks] == [0.5, 0.25, 0.25, 0.25]
    assert grammar.check_stream(cut.body)[0] == "the stream ends without a terminal event"
    assert grammar.check_stream(failed.body) == []
    assert b"event: response.failed\n" in failed.body


def test_failures_and_raw_answers_can_be_laid_out(provider: FakeProvider) -> None:
    raw = json_answer(418, b"{}")
    provider.script.add(Failure(FailureKind.RATE_LIMIT, "Slow down.", retry_after=2), raw)
    body: Object = {"model": "gpt-5", "input": "Hi"}

    limited = call(provider, body)

    assert limited.status == 429
    assert grammar.check_error(limited.body) == []
    assert call(provider, body) == raw
