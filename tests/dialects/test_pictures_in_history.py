"""Pictures that the model made, in the history: seen again by whatever model comes next."""

import json
from typing import Any

import pytest

from dragoman.conversation.failure import FailureError
from dragoman.dialects.dialect import Location, Rendered, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN

DATA = "iVBORw0KGgoAAAANSUhEUg=="
URL = f"data:image/png;base64,{DATA}"
DRAWN = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": DATA}

HISTORIES: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "user", "content": "draw"},
            {
                "role": "assistant",
                "content": "here",
                "images": [{"type": "image_url", "image_url": {"url": URL}}],
            },
            {"role": "user", "content": "bigger"},
        ],
    },
    "openai_responses": {
        "model": "m",
        "input": [
            {"role": "user", "content": "draw"},
            {"role": "assistant", "content": "here"},
            DRAWN,
            {"role": "user", "content": "bigger"},
        ],
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "draw"}]},
            {
                "role": "model",
                "parts": [{"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": DATA}}],
            },
            {"role": "user", "parts": [{"text": "bigger"}]},
        ]
    },
}
CLIENTS = pytest.mark.parametrize("client", HISTORIES)


def render(client: str, target: str) -> Rendered:
    request = DIALECTS[client].parse_request(json.dumps(HISTORIES[client]).encode(), Location("m"))
    return DIALECTS[target].render_request(request, Target("p", "up", "p/x", UNKNOWN))


def body(rendered: Rendered) -> Any:
    return json.loads(rendered.wire.body)


@CLIENTS
@pytest.mark.parametrize("target", ["openai_chat", "anthropic"])
def test_the_user_shows_it_where_the_model_may_not(client: str, target: str) -> None:
    rendered = render(client, target)
    turns = body(rendered)["messages"]
    roles = [turn["role"] for turn in turns]
    spoken = roles.index("assistant")
    assert "assistant" not in roles[spoken + 1 :]
    assert DATA not in json.dumps(turns[: spoken + 1])
    caption, picture = turns[spoken + 1]["content"][:2]
    assert caption["type"] == "text"
    assert DATA in json.dumps(picture)
    assert "assistant_media" in {loss.code for loss in rendered.losses}


@CLIENTS
def test_google_sees_it_in_the_models_own_turn(client: str) -> None:
    rendered = render(client, "gemini")
    turn = body(rendered)["contents"][1]
    assert turn["role"] == "model"
    assert turn["parts"] == [{"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": DATA}}]
    assert not rendered.losses


def test_what_responses_made_goes_back_as_the_item_that_it_was() -> None:
    rendered = render("openai_responses", "openai_responses")
    assert body(rendered)["input"][2] == DRAWN
    assert not rendered.losses


@pytest.mark.parametrize("client", ["openai_chat", "gemini"])
def test_responses_gets_what_others_made_from_the_user(client: str) -> None:
    rendered = render(client, "openai_responses")
    shown = body(rendered)["input"][2]
    assert shown["role"] == "user"
    assert [part["type"] for part in shown["content"]] == ["input_text", "input_image"]
    assert shown["content"][1]["image_url"] == URL
    assert "assistant_media" in {loss.code for loss in rendered.losses}


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "text", "text": "x"}, "messages[0].images[0].type"),
        ({"type": "image_url"}, "messages[0].images[0].image_url"),
        ({"type": "image_url", "image_url": {"url": "data:x"}}, "messages[0].images[0].image_url.url"),
    ],
)
def test_a_picture_that_cannot_be_read_is_refused_by_its_place(part: dict[str, Any], param: str) -> None:
    turn = {"role": "assistant", "content": "x", "images": [part]}
    with pytest.raises(FailureError) as caught:
        DIALECTS["openai_chat"].parse_request(
            json.dumps({"model": "m", "messages": [turn]}).encode(), Location()
        )
    assert caught.value.failure.param == param
