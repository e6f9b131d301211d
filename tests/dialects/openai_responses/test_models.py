"""The models endpoints, and the facts of the dialect."""

import json

from dragoman.dialects.dialect import ModelCard
from dragoman.dialects.openai_responses import DIALECT
from dragoman.dialects.registry import DIALECTS

CARD = ModelCard("gpt-5", 1700000000, "openai", 16384)


def test_the_list_of_models() -> None:
    model = {"id": "gpt-5", "object": "model", "created": 1700000000, "owned_by": "openai"}
    assert json.loads(DIALECT.render_models([CARD])) == {"object": "list", "data": [model]}
    assert json.loads(DIALECT.render_model(CARD)) == model


def test_the_dialect_is_known_by_its_name() -> None:
    assert DIALECTS["openai_responses"] is DIALECT
    assert DIALECT.credential == ("authorization", "Bearer ")
    assert DIALECT.forwarded == ("openai-beta",)
