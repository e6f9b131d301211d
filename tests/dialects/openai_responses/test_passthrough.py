"""Requests on their way unread."""

from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.openai_responses.head import read_head
from dragoman.dialects.openai_responses.passthrough import hide_usage, passthrough
from dragoman.models.profile import UNKNOWN

TARGET = Target("p", "upstream", "p/x", UNKNOWN)


def test_nothing_but_the_model_is_changed() -> None:
    body = b'{ "input":[{"role":"user","content":"a\\u0041"}] ,"model" :"asked","stream":true, "new":1.0 }'
    passed = passthrough(read_head(body, Location()), body, TARGET)
    assert passed.wire.path == "/responses"
    assert passed.wire.body == body.replace(b'"asked"', b'"upstream"')
    assert not passed.hide_usage


def test_no_frame_is_hidden() -> None:
    frames = b'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{}}}\n\n'
    assert hide_usage(frames) == frames
