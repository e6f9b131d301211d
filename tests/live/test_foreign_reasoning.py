"""A conversation moves between vendors: what only one of them can read is left behind, and is no reason
to refuse.
"""

import json
from typing import Any

import pytest
from tests.conftest import ROUTES, LiveGateway
from tests.live.answers import answering, saying
from tests.live.plain import ask

from dragoman.conversation.blocks import Text, Thinking
from dragoman.conversation.opaque import Signature
from dragoman.testing.server import FakeServer

THOUGHT = "I think of something."
MOVES = [
    (before, after)
    for before in ("openai_responses", "anthropic", "gemini")
    for after in ROUTES
    if before != after
]


@pytest.mark.parametrize(("before", "after"), MOVES)
def test_a_strict_conversation_moves_between_vendors_without_its_reasoning(
    gateway: LiveGateway, fake: FakeServer, before: str, after: str
) -> None:
    def said(vendor: str, *messages: dict[str, Any]) -> tuple[dict[str, Any], str]:
        body = {"model": ROUTES[vendor], "messages": messages}
        reply = ask(gateway, "/v1/chat/completions", body, x_dragoman_strict="true")
        assert reply.status == 200, reply.body
        return json.loads(reply.body)["choices"][0]["message"], reply.headers.get("x-dragoman-losses", "")

    signature = Signature(before, "", "rs_1 c2VjcmV0" if before == "openai_responses" else "c2VjcmV0")
    thought = answering(Thinking(THOUGHT, signature), Text("Hello."))
    if before == "gemini":  # hides its thoughts, and signs what it says
        thought = answering(Text("Hello.", signature=signature))
    fake.script.add(thought, saying("Moved."))
    asked = {"role": "user", "content": "Hi"}
    turn, _ = said(before, asked)
    assert turn["reasoning_details"]
    moved, losses = said(after, asked, turn, {"role": "user", "content": "Go on"})
    assert moved["content"] == "Moved."
    sent = fake.script.received[-1].body
    assert b"Hello." in sent
    assert THOUGHT.encode() not in sent
    assert b"c2VjcmV0" not in sent
    assert 'foreign_reasoning;kind=dropped;path="$.messages"' in losses
