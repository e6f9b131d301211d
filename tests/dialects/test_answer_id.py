"""Ids of answers."""

import pytest

from dragoman.dialects.answer_id import answer_id


@pytest.mark.parametrize(
    ("upstream", "own"),
    [
        ("msg_01A", "msg_01A"),
        ("chatcmpl-abc", "msg_abc"),
        ("resp_abc", "msg_abc"),
        ("response.abc", "msg_abc"),
        ("gen-17-x", "msg_17-x"),
        ("abc-resp_x", "msg_abc-resp_x"),
        ("resp_msg_1", "msg_1"),
        ("abc", "msg_abc"),
        ("resp_", "msg_fallback"),
        ("", "msg_fallback"),
    ],
)
def test_an_answers_id_has_the_prefix_of_the_clients_format(upstream: str, own: str) -> None:
    assert answer_id(upstream, "fallback", "msg_") == own
    assert answer_id(upstream, "msg_fallback", "msg_") == own
