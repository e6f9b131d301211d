"""Going on from answers that are kept."""

import json

import pytest

from dragoman.dialects.dialect import Location
from dragoman.dialects.openai_responses.head import read_head
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.state import STATE

CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1.0}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}
ANSWER = json.dumps({"id": "resp_1", "object": "response", "output": [CALL], "usage": None}).encode()


def body(**members: object) -> bytes:
    return json.dumps({"model": "m", **members}).encode()


def heard(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


@pytest.mark.parametrize(
    ("members", "kept"),
    [({}, True), ({"store": True}, True), ({"store": False}, False), ({"store": None}, True)],
)
def test_answers_are_kept_unless_the_client_says_no(members: dict[str, object], kept: bool) -> None:
    assert STATE.kept(read_head(body(input="hi", **members), Location())) is kept


def test_the_answer_before_is_named() -> None:
    assert STATE.previous(read_head(body(input="hi", previous_response_id="resp_1"), Location())) == "resp_1"
    assert STATE.previous(read_head(body(input="hi"), Location())) is None


def test_the_history_is_what_was_said_and_what_was_answered() -> None:
    assert json.loads(STATE.history(body(input="hi"), ANSWER)) == [heard("hi"), CALL]
    assert json.loads(STATE.history(body(input=[heard("a")]), ANSWER)) == [heard("a"), CALL]
    assert b'{\\"a\\":1.0}' in STATE.history(body(input="hi"), ANSWER)


def test_a_request_goes_on_from_the_history() -> None:
    history = STATE.history(body(input="hi"), ANSWER)
    asked = body(previous_response_id="resp_1", input=[OUTPUT], instructions="be brief", new={"b": 1.0})
    whole = json.loads(STATE.continued(asked, history))
    assert whole == {
        "model": "m",
        "input": [heard("hi"), CALL, OUTPUT],
        "instructions": "be brief",
        "new": {"b": 1.0},
    }
    without = STATE.continued(body(previous_response_id="resp_1"), history)
    assert json.loads(without)["input"] == [heard("hi"), CALL]


def test_a_conversation_can_be_kept_over_and_over() -> None:
    first = STATE.history(body(input="hi"), ANSWER)
    second = STATE.continued(body(previous_response_id="resp_1", input=[OUTPUT]), first)
    third = STATE.continued(body(previous_response_id="resp_2", input="go on"), STATE.history(second, ANSWER))
    assert json.loads(third)["input"] == [heard("hi"), CALL, OUTPUT, CALL, heard("go on")]
    assert read_head(third, Location()).model == "m"
    assert len(parse_request(third, Location()).messages) == 5


def test_an_answer_has_an_id() -> None:
    assert STATE.identified(ANSWER) == "resp_1"


def test_items_are_listed_with_ids() -> None:
    asked = body(input=[heard("hi"), CALL, OUTPUT, {"type": "from_the_future"}])
    page = json.loads(STATE.render_items(asked))
    ids = [item["id"] for item in page["data"]]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (ids[0], ids[-1])
    assert ids[1] == "fc_1"
    assert ids[0].startswith("msg_")
    assert ids[2].startswith("fc_")
    assert len(set(ids)) == 4
    assert STATE.render_items(asked) == STATE.render_items(asked)
    assert {name: value for name, value in page["data"][0].items() if name != "id"} == heard("hi")


def test_a_list_without_items() -> None:
    page = json.loads(STATE.render_items(body(previous_response_id="resp_1")))
    assert (page["data"], page["first_id"], page["last_id"]) == ([], None, None)


def test_a_deletion_is_confirmed() -> None:
    assert json.loads(STATE.render_deleted("resp_1")) == {
        "id": "resp_1",
        "object": "response",
        "deleted": True,
    }
