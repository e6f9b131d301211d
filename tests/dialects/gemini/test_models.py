"""The models endpoints."""

import json

from dragoman.dialects.dialect import ModelCard
from dragoman.dialects.gemini.models import render_model, render_models

CARD = ModelCard("gpt-5", 0, "openai", 128_000)


def test_a_model_has_googles_name_and_methods() -> None:
    assert json.loads(render_model(CARD)) == {
        "name": "models/gpt-5",
        "version": "gpt-5",
        "displayName": "gpt-5",
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
        "outputTokenLimit": 128_000,
    }


def test_the_list_is_one_page() -> None:
    listed = json.loads(render_models([CARD, ModelCard("b", 0, "x")]))
    assert [model["name"] for model in listed["models"]] == ["models/gpt-5", "models/b"]
    assert "outputTokenLimit" not in listed["models"][1]
    assert "nextPageToken" not in listed
