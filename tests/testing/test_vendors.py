"""Which paths are whose, and what for."""

import pytest

from dragoman.testing.exchange import Incoming
from dragoman.testing.provider import FakeProvider
from dragoman.testing.vendors import Purpose, route_of


@pytest.mark.parametrize(
    ("path", "dialect", "purpose"),
    [
        ("/v1/chat/completions", "openai_chat", Purpose.ANSWER),
        ("/v1/completions", "openai_chat", Purpose.COMPLETE),
        ("/openai/v1/embeddings", "openai_chat", Purpose.EMBED),
        ("/v1/responses", "openai_responses", Purpose.ANSWER),
        ("/v1/responses/input_tokens", "openai_responses", Purpose.COUNT),
        ("/v1/responses/resp_1", "openai_responses", Purpose.KEPT),
        ("/v1/responses/resp_1/input_items", "openai_responses", Purpose.KEPT_ITEMS),
        ("/v1/responses/resp_1/cancel", "openai_responses", Purpose.CANCEL),
        ("/v1/responses/resp_1/other", "openai_chat", Purpose.NONE),
        ("/v1/messages", "anthropic", Purpose.ANSWER),
        ("/v1/messages/count_tokens", "anthropic", Purpose.COUNT),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini", Purpose.ANSWER),
        ("/v1/models/gemini-2.5-pro:countTokens", "gemini", Purpose.COUNT),
        ("/v1beta/models/text-embedding-004:embedContent", "gemini", Purpose.EMBED),
        ("/v1beta/models/text-embedding-004:batchEmbedContents", "gemini", Purpose.EMBED_BATCH),
        ("/v1beta/models/gemini-2.5-pro:predict", "gemini", Purpose.NONE),
        ("/v1/models", "openai_chat", Purpose.MODELS),
    ],
)
def test_a_path_says_whose_it_is_and_what_for(path: str, dialect: str, purpose: Purpose) -> None:
    route = route_of(Incoming("POST", path, {}, {}, b""))

    assert (route.dialect, route.purpose) == (dialect, purpose)


def test_the_id_of_a_kept_answer_is_read_from_its_path() -> None:
    assert route_of(Incoming("GET", "/v1/responses/resp%5F1", {}, {}, b"")).kept == "resp_1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses"),
        ("POST", "/v1/responses/resp_1"),
        ("DELETE", "/v1/responses/resp_1/input_items"),
        ("GET", "/v1/embeddings"),
        ("GET", "/v1/completions"),
        ("GET", "/v1/messages/count_tokens"),
        ("GET", "/v1beta/models/gemini-2.5-pro:countTokens"),
    ],
)
def test_other_methods_are_refused(method: str, path: str) -> None:
    assert FakeProvider().answer(method, path, "", {}, b"").status == 405


def test_anthropic_has_no_embeddings() -> None:
    headers = {"anthropic-version": "2023-06-01", "content-type": "application/json"}
    answer = FakeProvider().answer("POST", "/v1/embeddings", "", headers, b"{}")

    assert answer.status == 404
    assert b"not_found_error" in answer.body
