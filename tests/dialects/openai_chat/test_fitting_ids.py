"""Ids that a model does not take are exchanged in requests that go through unread."""

import json

import pytest

from dragoman.dialects.openai_chat.call_ids import call_id
from dragoman.dialects.openai_chat.fitting_ids import with_fitting_ids

FITS = b'[ {"role":"assistant","tool_calls":[{"id":"D681PevKs","n":1.0}]}, {"tool_call_id":"D681PevKs"}]'


def test_calls_and_results_get_the_same_other_id() -> None:
    messages = b'[{"a":1.0},{"tool_calls":[{"id":"call_1","n":1.0}],"x":1e2},{"tool_call_id":"call_1"}]'
    fitting = call_id("call_1", "mistral")
    assert with_fitting_ids(messages, "mistral") == messages.replace(b"call_1", fitting.encode())


def test_ids_that_fit_leave_every_byte_alone() -> None:
    assert with_fitting_ids(FITS, "mistral") is FITS
    mixed = json.loads(with_fitting_ids(FITS[:-1] + b',{"tool_call_id":"call_1"}]', "mistral"))
    assert mixed[1]["tool_call_id"] == "D681PevKs"
    assert mixed[2]["tool_call_id"] == call_id("call_1", "mistral")


@pytest.mark.parametrize(
    "messages",
    [
        b'[{"role":"user","content":"call_1"}]',
        b'[{"tool_call_id":null,"tool_calls":null}]',
        b'[{"tool_call_id":"","tool_calls":[{"id":5}]}]',
        b'{"tool_call_id":"call_1"}',
        b'["tool_calls", {"tool_calls":[]}]',
    ],
)
def test_everything_else_is_as_it_came(messages: bytes) -> None:
    assert with_fitting_ids(messages, "mistral") == messages
