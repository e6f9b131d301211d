"""The estimate of prompts' tokens, held against what hosts have said of recorded ones."""

import json
import statistics

import pytest
from tests.corpus.conftest import APIS, FOLDER

from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_tokens
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS

_MEDIA = {"image_in", "document_in", "audio_in", "video_in", "server_tools"}
_HIDDEN_PROMPTS = {"venice", "xai"}
"""Hosts that put hundreds of tokens of their own before every prompt."""


def _counted() -> list[tuple[str, Request, int]]:
    """Provider, request and prompt tokens of recorded answers without media, streams left out."""
    index_file = FOLDER / "index.json"
    if not index_file.exists():
        pytest.skip(f"no recorded exchanges in {FOLDER}")
    found: dict[str, tuple[str, Request, int]] = {}
    for facts in json.loads(index_file.read_text()).values():
        if APIS.get(facts["api"]) != "openai_chat" or facts["status"] != 200 or facts["stream"]:
            continue
        if not facts["has_request"] or _MEDIA & set(facts["features"]):
            continue
        recorded = json.loads((FOLDER / facts["file"]).read_text())
        usage: dict[str, int] | None = json.loads(recorded["response_body"]).get("usage")
        if usage is None or not usage.get("prompt_tokens"):
            continue
        body = {
            "model": "m",
            **{name: value for name, value in recorded["request"].items() if value is not None},
        }
        request = DIALECTS["openai_chat"].parse_request(json.dumps(body).encode(), Location())
        key = json.dumps([facts["provider"], recorded["request"]], sort_keys=True)
        found[key] = (facts["provider"], request, usage["prompt_tokens"])
    return list(found.values())


def _median_error(counted: list[tuple[str, Request, int]]) -> float:
    assert len(counted) > 20
    return statistics.median(abs(estimate_tokens(request) - told) / told for _, request, told in counted)


def test_prompts_without_tools_are_estimated_within_a_tenth() -> None:
    assert _median_error([one for one in _counted() if not one[1].tools]) < 0.1


def test_prompts_with_tools_are_estimated_within_a_half() -> None:
    told = [one for one in _counted() if one[1].tools and one[0] not in _HIDDEN_PROMPTS]
    assert _median_error(told) < 0.5
