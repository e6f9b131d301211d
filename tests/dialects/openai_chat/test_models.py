"""The models endpoints, and the facts of the dialect."""

import json

from dragoman.dialects.dialect import ModelCard
from dragoman.dialects.openai_chat import DIALECT

CARD = ModelCard("gpt-4o", 1700000000, "openai", 16384)


def test_a_model() -> None:
    assert json.loads(DIALECT.render_model(CARD)) == {
        "id": "gpt-4o",
        "object": "model",
        "created": 1700000000,
        "owned_by": "openai",
    }


def test_the_list_of_models() -> None:
    got = json.loads(DIALECT.render_models([CARD]))
    assert got["object"] == "list"
    assert [card["id"] for card in got["data"]] == ["gpt-4o"]


def test_how_the_key_is_sent() -> None:
    assert DIALECT.name == "openai_chat"
    assert DIALECT.credential == ("authorization", "Bearer ")
