"""The grammar of Responses: what it lets pass, and what it finds."""

import copy
from collections.abc import Callable

import msgspec
import pytest

from dragoman.testing.grammar.openai_responses import check_error, check_response, check_stream
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.provider import FakeProvider

Events = list[Object]


def answer(stream: bool) -> bytes:
    body: Object = {
        "model": "gpt-5",
        "input": "Search for blue whales",
        "tools": [{"type": "web_search"}],
        "reasoning": {"summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "stream": stream,
    }
    headers = {"content-type": "application/json"}
    return FakeProvider().answer("POST", "/v1/responses", "", headers, msgspec.json.encode(body)).body


@pytest.fixture
def events() -> Events:
    """A stream with reasoning, a hosted call, and text with annotations."""
    lines = [line for line in answer(True).decode().split("\n") if line.startswith("data: ")]
    return [msgspec.json.decode(line.removeprefix("data: ")) for line in lines]


def written(events: Events) -> bytes:
    frames = [f"event: {event['type']}\ndata: {msgspec.json.encode(event).decode()}\n\n" for event in events]
    return "".join(frames).encode()


def renumbered(events: Events) -> Events:
    return [{**event, "sequence_number": place} for place, event in enumerate(events)]


def first(events: Events, kind: str) -> int:
    return next(place for place, event in enumerate(events) if event["type"] == kind)


def last(events: Events, kind: str) -> int:
    return len(events) - 1 - first(events[::-1], kind)


def inner(event: Object, *path: str | int) -> Object:
    value: JSON = event
    for step in path:
        match value, step:
            case list() as elements, int() as place:
                value = elements[place]
            case dict() as members, str() as name:
                value = members[name]
            case _:
                raise AssertionError(f"{step} leads nowhere")
    assert isinstance(value, dict)
    return value


def test_a_whole_stream_is_well_formed(events: Events) -> None:
    assert check_stream(written(events)) == []
    assert check_response(answer(False)) == []


def test_a_gap_in_the_numbers_is_found(events: Events) -> None:
    del events[5]

    found = check_stream(written(events))
    assert any("`sequence_number` is 6 where 5 is due" in one for one in found)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("response.created", "stands in the wrong place"),
        ("response.in_progress", "`response.in_progress` does not follow `response.created`"),
        ("response.output_item.added", "is not open"),
        ("response.content_part.added", "is not open"),
        ("response.output_text.delta", "is not what its deltas add up to"),
        ("response.output_text.annotation.added", "the annotations are not those that were streamed"),
        ("response.output_text.done", "comes before the text's `done`"),
        ("response.content_part.done", "is still open"),
        ("response.output_item.done", "an item is still open"),
        ("response.reasoning_summary_part.added", "is not open"),
        ("response.reasoning_summary_text.delta", "is not what its deltas add up to"),
        ("response.reasoning_summary_part.done", "is still open"),
        ("response.completed", "the stream ends without a terminal event"),
    ],
)
def test_a_missing_event_is_found(events: Events, kind: str, words: str) -> None:
    del events[last(events, kind)]

    found = check_stream(written(renumbered(events)))
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("response.created", "stands in the wrong place"),
        ("response.in_progress", "is repeated"),
        ("response.output_item.done", "is not open"),
        ("response.output_text.done", "comes after its `done`"),
        ("response.completed", "comes after `response.completed`"),
    ],
)
def test_a_repeated_event_is_found(events: Events, kind: str, words: str) -> None:
    place = first(events, kind)
    events.insert(place, copy.deepcopy(events[place]))

    found = check_stream(written(renumbered(events)))
    assert any(words in one for one in found), found


def _set(place: Callable[[Events], Object], member: str, value: JSON) -> Callable[[Events], None]:
    def change(events: Events) -> None:
        place(events)[member] = value

    return change


def _at(kind: str, *path: str | int) -> Callable[[Events], Object]:
    return lambda events: inner(events[first(events, kind)], *path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set(_at("response.output_text.delta"), "item_id", "msg_other"), "`item_id` is"),
        (_set(_at("response.output_text.delta"), "logprobs", None), "`logprobs` is wrong"),
        (_set(_at("response.output_item.added", "item"), "id", "x"), "its id does not begin with"),
        (_set(_at("response.output_item.added"), "output_index", 3), "begins where item 0 is due"),
        (_set(_at("response.completed", "response"), "output", []), "`output` is not the items"),
        (_set(_at("response.completed", "response"), "status", "in_progress"), "the response is"),
        (_set(_at("response.completed", "response"), "usage", None), "`usage` is wrong"),
        (_set(_at("response.completed", "response", "usage"), "total_tokens", 1), "is not the sum"),
        (_set(_at("response.completed", "response"), "id", "resp_other"), "differ from those of the first"),
        (_set(_at("response.created", "response"), "output", [{"type": "x"}]), "before any item was begun"),
        (_set(_at("response.output_text.delta"), "type", "response.text.delta"), "is not an event of this"),
    ],
)
def test_a_wrong_member_is_found(events: Events, change: Callable[[Events], None], words: str) -> None:
    change(events)

    found = check_stream(written(events))
    assert any(words in one for one in found), found


def test_an_error_ends_a_stream_with_a_failed_response_or_all_by_itself(events: Events) -> None:
    error: Object = {
        "type": "error",
        "error": {"type": "server_error", "code": None, "message": "No.", "param": None},
    }
    response = inner(copy.deepcopy(events[0]), "response")
    failed: Object = {**response, "status": "failed", "error": {"code": "server_error", "message": "No."}}
    last_event: Object = {"type": "response.failed", "response": failed}
    ended = [*events[:4], error, last_event]

    assert check_stream(written(renumbered(ended))) == []
    assert check_stream(written(renumbered([error]))) == []
    assert check_stream(written(renumbered([*events[:4], error]))) == [
        "the stream ends without a terminal event"
    ]
    assert check_stream(written(renumbered([*events[:4], error, *events[4:]]))) != []


def test_what_is_wrong_with_whole_answers_is_found() -> None:
    response: Object = msgspec.json.decode(answer(False))

    assert check_response(b"[]") != []
    assert any("`output` is missing" in one for one in check_response(b'{"id":"resp_1","object":"response"}'))
    for member, value in (
        ("status", "in_progress"),
        ("incomplete_details", {"reason": "max_output_tokens"}),
        ("error", {"code": "x", "message": "y"}),
        ("tool_choice", None),
    ):
        assert check_response(msgspec.json.encode({**response, member: value})) != [], member


def test_what_is_wrong_with_errors_is_found() -> None:
    assert check_error(b'{"error":{"message":"No.","type":"x","param":null,"code":null}}') == []
    assert check_error(b'{"error":"No."}') != []
    assert check_error(b"No.") != []
